//! The live events of the invoice. They are read with `fetch` because `EventSource` sends no token.
//! While they are unavailable, the widget polls the billing data.

use crate::wire::{Json, State};
use crate::{api, browser};
use gloo_timers::future::TimeoutFuture;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::ReadableStreamDefaultReader;

/// The delay between attempts, in milliseconds.
const RETRY_DELAY: u32 = 3_000;

/// Watches the invoice until the page is closed.
pub async fn watch(on_state: impl Fn(State)) {
    let mut last_id = String::new();
    loop {
        // The stream is restarted whether it ended or failed.
        let _ = stream(&mut last_id, &on_state).await;
        if let Ok(data) = api::billing(false).await {
            on_state(data.state);
        }
        TimeoutFuture::new(RETRY_DELAY).await;
    }
}

async fn stream(last_id: &mut String, on_state: &impl Fn(State)) -> Result<(), JsValue> {
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
                on_state(state);
                *last_id = event.id;
            }
        }
    }
}

/// A server-sent event (WHATWG HTML section 9.2.6), with the fields that the server uses.
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
    fn parses_events_and_ignores_comments() {
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
