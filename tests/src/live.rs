//! Server-sent events.

use crate::api::{Api, Opened};
use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use reqwest::Method;
use serde_json::Value;

/// Live events of an invoice, read as a widget reads them.
pub struct Events {
    stream: futures::stream::BoxStream<'static, reqwest::Result<Vec<u8>>>,
    text: String,
}

impl Events {
    /// Follows an invoice, from after the event of this id.
    ///
    /// # Errors
    /// When the server does not answer with events.
    pub async fn follow(api: &Api, opened: &Opened, last: Option<&str>) -> Result<Self> {
        let mut request = api.widget(Method::GET, opened, "/events");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = request.send().await?;
        let kind = answer.headers().get("content-type").context("no type")?;
        ensure!(kind == "text/event-stream", "{kind:?}");
        let stream = answer
            .bytes_stream()
            .map(|chunk| chunk.map(|bytes| bytes.to_vec()));
        Ok(Self {
            stream: stream.boxed(),
            text: String::new(),
        })
    }

    /// The next event's id and data.
    ///
    /// # Errors
    /// When the stream ends.
    pub async fn next(&mut self) -> Result<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.clone().split_once("\n\n") {
                self.text = rest.to_owned();
                let part = |name: &str| event.lines().find_map(|l| l.strip_prefix(name));
                if let (Some(id), Some(data)) = (part("id: "), part("data: ")) {
                    return Ok((id.to_owned(), serde_json::from_str(data)?));
                }
                continue;
            }
            let chunk = self.stream.next().await.context("the stream ended")??;
            self.text += std::str::from_utf8(&chunk)?;
        }
    }
}
