//! Sends a signed request to a project.

use super::guard::{GuardedResolver, check_url};
use super::sign::signature;
use crate::clock;
use reqwest::RequestBuilder;
use reqwest::dns::Resolve;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;
use till_shared::id::EventId;
use till_shared::text::sanitize;
use url::Url;

/// How much of a response body is read, in bytes.
const MAX_BODY: usize = 16 * 1024;

/// Sends requests to projects. Follows no redirects and connects to public https addresses only;
/// `dev` permits all addresses and http.
#[derive(Clone)]
pub struct Deliverer {
    http: reqwest::Client,
    dev: bool,
}

/// The answer of a project, or why there is none.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The HTTP status.
    pub status: Option<u16>,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<i64>,
    /// Why there is no answer.
    pub error: Option<String>,
    /// Whether there is no answer because the project took too long.
    pub timed_out: bool,
    /// The first part of the body.
    pub body: Option<String>,
}

impl Answer {
    /// There is no answer for this reason.
    fn none(error: anyhow::Error) -> Self {
        Self {
            timed_out: is_timeout(&error),
            error: Some(format!("{error:#}")),
            ..Self::default()
        }
    }
}

impl Deliverer {
    /// Creates a deliverer.
    ///
    /// # Errors
    /// When TLS can't be set up.
    pub fn new(dev: bool) -> reqwest::Result<Self> {
        Self::with_resolver(dev, GuardedResolver { dev })
    }

    pub(super) fn with_resolver(
        dev: bool,
        resolver: impl Resolve + 'static,
    ) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(resolver))
            .user_agent(concat!("Till/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { http, dev })
    }

    /// Posts a body, signed with every secret, and waits at most `limit` for the whole answer.
    pub async fn post(
        &self,
        url: &str,
        id: &EventId,
        body: &str,
        secrets: &[SecretString],
        limit: Duration,
    ) -> Answer {
        match self.try_post(url, id, body, secrets, limit).await {
            Ok(answer) => answer,
            Err(error) => Answer::none(error),
        }
    }

    /// Posts a form to a service that a project uses, with an API key or without, and waits at most `limit`
    /// for the whole answer.
    pub async fn post_form(
        &self,
        url: &str,
        form: &[(&str, &str)],
        api_key: Option<&SecretString>,
        limit: Duration,
    ) -> Answer {
        let posted = async {
            let url: Url = url.parse()?;
            check_url(&url, self.dev)?;
            let mut request = self.http.post(url).timeout(limit).form(form);
            if let Some(key) = api_key {
                request = request.header("x-api-key", key.expose_secret());
            }
            read(request, clock::now().as_second()).await
        };
        posted.await.unwrap_or_else(Answer::none)
    }

    async fn try_post(
        &self,
        url: &str,
        id: &EventId,
        body: &str,
        secrets: &[SecretString],
        limit: Duration,
    ) -> anyhow::Result<Answer> {
        let url: Url = url.parse()?;
        check_url(&url, self.dev)?;
        let seconds = clock::now().as_second();
        let request = self
            .http
            .post(url)
            .timeout(limit)
            .header("content-type", "application/json")
            .header("webhook-id", id.as_str())
            .header("webhook-timestamp", seconds)
            .header(
                "webhook-signature",
                signature(secrets, id.as_str(), seconds, body)?,
            )
            .body(body.to_owned());
        read(request, seconds).await
    }
}

/// Sends a request and reads the answer. `seconds`: the current time, seconds since 1970-01-01 UTC.
async fn read(request: RequestBuilder, seconds: i64) -> anyhow::Result<Answer> {
    let mut response = request
        .send()
        .await
        .map_err(|error| anyhow::Error::from(error.without_url()))?;
    let retry_after = response
        .headers()
        .get("retry-after")
        .and_then(|v| v.to_str().ok())
        .and_then(|v| retry_after_seconds(v, seconds));
    let mut body = Vec::new();
    // The status counts even when the connection breaks before the body ends.
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() >= MAX_BODY {
            break;
        }
    }
    Ok(Answer {
        status: Some(response.status().as_u16()),
        retry_after,
        error: None,
        timed_out: false,
        // PostgreSQL does not store U+0000.
        body: Some(sanitize(&String::from_utf8_lossy(&body))),
    })
}

/// Parses `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date.
fn retry_after_seconds(text: &str, now: i64) -> Option<i64> {
    text.parse::<u32>().map(i64::from).ok().or_else(|| {
        let date = jiff::fmt::rfc2822::parse(text).ok()?;
        Some((date.timestamp().as_second() - now).max(0))
    })
}

fn is_timeout(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<reqwest::Error>();
    error.is_some_and(reqwest::Error::is_timeout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after_seconds("120", 0), Some(120));
        assert_eq!(
            retry_after_seconds("Thu, 01 Jan 1970 00:01:00 GMT", 10),
            Some(50)
        );
        assert_eq!(
            retry_after_seconds("Thu, 01 Jan 1970 00:01:00 GMT", 100),
            Some(0)
        );
        assert_eq!(retry_after_seconds("soon", 0), None);
    }
}
