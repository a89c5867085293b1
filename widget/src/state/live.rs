//! The live events of the invoice. They are read with `fetch` because `EventSource` sends no token.
//! While they are unavailable, the widget polls the billing data.

use crate::api::State;
use crate::{api, json};
use eventsource_stream::Eventsource;
use futures_util::{StreamExt, TryStreamExt};
use gloo_timers::future::TimeoutFuture;
use js_sys::Uint8Array;
use std::cell::RefCell;
use wasm_streams::ReadableStream;
use web_sys::AbortController;

/// The delay between attempts, in milliseconds.
const RETRY_DELAY: u32 = 3_000;

thread_local! {
    static CONNECTION: RefCell<Option<AbortController>> = const { RefCell::new(None) };
}

/// Drops the connection. After sleep or a lost network it may be dead without an error.
pub fn reconnect() {
    if let Some(connection) = CONNECTION.take() {
        connection.abort();
    }
}

/// Watches the invoice until the page is closed. `apply` takes a state; `reload` loads the current one.
pub async fn watch(apply: impl Fn(State), reload: impl AsyncFn()) {
    let mut last_id = String::new();
    loop {
        // The stream is restarted whether it ended or failed.
        stream(&mut last_id, &apply, &reload).await;
        reload().await;
        TimeoutFuture::new(RETRY_DELAY).await;
    }
}

async fn stream(
    last_id: &mut String,
    apply: &impl Fn(State),
    reload: &impl AsyncFn(),
) -> Option<()> {
    let connection = AbortController::new().ok()?;
    let signal = connection.signal();
    CONNECTION.replace(Some(connection));
    let request = api::request("/events")
        .abort_signal(Some(&signal))
        .header("last-event-id", last_id);
    let response = request.send().await.ok().filter(|response| response.ok())?;
    let body = ReadableStream::from_raw(response.body()?);
    let chunks = body
        .into_stream()
        .map_ok(|chunk| Uint8Array::new(&chunk).to_vec());
    let mut events = chunks.eventsource();
    while let Some(Ok(event)) = events.next().await {
        match json::read(&event.data) {
            Some(state) => apply(state),
            // Of a newer server: loading the billing data decides.
            None => reload().await,
        }
        *last_id = event.id;
    }
    Some(())
}
