//! Live events of an invoice.

use crate::client::{Api, Opened};
use anyhow::{Context, Result, ensure};
use eventsource_stream::{Event, EventStreamError, Eventsource};
use futures::StreamExt;
use futures::stream::BoxStream;
use reqwest::Method;
use serde_json::Value;

/// A subscription to an invoice's live events.
pub struct Events(BoxStream<'static, Result<Event, EventStreamError<reqwest::Error>>>);

impl Events {
    /// Subscribes to an invoice's events after the event with this id.
    ///
    /// # Errors
    /// When the response is not an event stream.
    pub async fn follow(api: &Api, opened: &Opened, last: Option<&str>) -> Result<Self> {
        let mut request = api.widget(Method::GET, opened, "/events");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = request.send().await?;
        let kind = answer.headers().get("content-type").context("no type")?;
        ensure!(kind == "text/event-stream", "{kind:?}");
        Ok(Self(answer.bytes_stream().eventsource().boxed()))
    }

    /// Returns the next event's id and data.
    ///
    /// # Errors
    /// When the stream ends.
    pub async fn next(&mut self) -> Result<(String, Value)> {
        let event = self.0.next().await.context("the stream ended")??;
        let data = serde_json::from_str(&event.data)?;
        Ok((event.id, data))
    }
}
