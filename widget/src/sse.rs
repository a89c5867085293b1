//! The invoice's live events. Read with fetch, because `EventSource` sends no token; while they
//! can't be had, billing data is asked for instead.

use crate::api;
use crate::host::Page;
use gloo_timers::future::sleep;
use js_sys::Reflect;
use std::time::Duration;
use till_shared::widget::WidgetState;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{ReadableStreamDefaultReader, TextDecodeOptions, TextDecoder};

/// Between one try and the next.
const PAUSE: Duration = Duration::from_secs(3);

/// Follows the invoice for as long as the widget lives.
pub async fn watch(page: Page, changed: impl Fn(WidgetState)) {
    let mut last_id = String::new();
    loop {
        // However the stream ended, it is begun again.
        let _ = stream(&page, &mut last_id, &changed).await;
        if let Ok(data) = api::billing_data(&page).await {
            changed(data.state);
        }
        sleep(PAUSE).await;
    }
}

async fn stream(
    page: &Page,
    last_id: &mut String,
    changed: &impl Fn(WidgetState),
) -> Result<(), JsValue> {
    let headers = match last_id.as_str() {
        "" => vec![],
        id => vec![("last-event-id", id)],
    };
    let response = api::send(page, "GET", "/events", &headers, None).await?;
    let (true, Some(body)) = (response.ok(), response.body()) else {
        return Err(JsValue::NULL);
    };
    let reader: ReadableStreamDefaultReader = body.get_reader().dyn_into()?;
    let decoder = TextDecoder::new()?;
    let more = TextDecodeOptions::new();
    more.set_stream(true);
    let mut text = String::new();
    loop {
        let chunk = JsFuture::from(reader.read()).await?;
        if Reflect::get(&chunk, &"done".into())?.is_truthy() {
            return Ok(());
        }
        let bytes: js_sys::Object = Reflect::get(&chunk, &"value".into())?.dyn_into()?;
        text += &decoder.decode_with_buffer_source_and_options(&bytes, &more)?;
        while let Some((event, rest)) = text.split_once("\n\n") {
            let event = Event::parse(event);
            text = rest.to_owned();
            if let Ok(state) = serde_json::from_str(&event.data) {
                changed(state);
                *last_id = event.id;
            }
        }
    }
}

/// One event (WHATWG HTML section 9.2.6), as far as our server uses them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Event {
    id: String,
    data: String,
}

impl Event {
    fn parse(text: &str) -> Self {
        let mut event = Self::default();
        for line in text.lines() {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match name {
                "id" => event.id = value.to_owned(),
                "data" => event.data += value,
                _ => {}
            }
        }
        event
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_and_comments_are_not() {
        let event = Event::parse("event: state\nid: 7\ndata: {\"a\":\ndata:1}");
        assert_eq!(
            event,
            Event {
                id: "7".into(),
                data: "{\"a\":1}".into()
            }
        );
        assert_eq!(Event::parse(": keep-alive"), Event::default());
    }
}
