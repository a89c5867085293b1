//! The invoice's live events. Read with fetch, because `EventSource` sends no token; while they
//! can't be had, billing data is asked for instead.

use crate::wire::{Json, State};
use crate::{api, browser};
use gloo_timers::future::TimeoutFuture;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::ReadableStreamDefaultReader;

/// Between one try and the next, in milliseconds.
const PAUSE: u32 = 3_000;

/// Follows the invoice for as long as the widget lives.
pub async fn watch(changed: impl Fn(State)) {
    let mut last_id = String::new();
    loop {
        // However the stream ended, it is begun again.
        let _ = stream(&mut last_id, &changed).await;
        if let Ok(data) = api::billing(false).await {
            changed(data.state);
        }
        TimeoutFuture::new(PAUSE).await;
    }
}

async fn stream(last_id: &mut String, changed: &impl Fn(State)) -> Result<(), JsValue> {
    let reader: ReadableStreamDefaultReader = browser::events(last_id).await?.unchecked_into();
    let mut text = String::new();
    loop {
        let chunk = Json::of(JsFuture::from(reader.read()).await?);
        let Some(more) = chunk.text("value") else {
            return Ok(());
        };
        text += &more;
        while let Some((event, rest)) = text.split_once("\n\n") {
            let event = Event::parse(event);
            text = rest.to_owned();
            if let Some(state) = Json::parse(&event.data).and_then(|json| State::read(&json)) {
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
