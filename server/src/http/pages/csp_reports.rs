//! Reports of violations of the pages' content security policy, which browsers send. Anyone can send one: a
//! report is counted and logged, and changes nothing.

use crate::app::App;
use crate::flow::{Error, Result};
use crate::telemetry::CspDirective;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum_extra::headers::{ContentType, HeaderMapExt};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use mime::Mime;
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;
use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock};
use till_shared::problem::ProblemType;
use url::{Origin, Url};
use utoipa_axum::router::OpenApiRouter;

/// The largest body, in bytes. A report has about a thousand, and browsers send several at once.
const LARGEST_BODY: usize = 32 * 1024;
/// The longest origin that is logged. A host name has at most 253 characters (RFC 1035 section 2.3.4).
const LONGEST_ORIGIN: usize = 300;
/// The longest keyword or scheme that is logged.
const LONGEST_WORD: usize = 30;

/// How many reports are logged: sixty at once, and then one every second. All are counted.
static LOG: LazyLock<DefaultDirectRateLimiter> =
    LazyLock::new(|| RateLimiter::direct(Quota::per_minute(NonZeroU32::MIN.saturating_add(59))));

/// The route. The OpenAPI document does not describe it, because only browsers call it.
pub fn router() -> OpenApiRouter<Arc<App>> {
    let limit = DefaultBodyLimit::max(LARGEST_BODY);
    OpenApiRouter::new().route("/pay/csp-reports", post(receive).layer(limit))
}

/// The body of `report-uri` (Content Security Policy Level 3, section 5.3).
#[derive(Deserialize)]
struct Single {
    #[serde(rename = "csp-report")]
    violation: Violation,
}

/// A member of the body of `report-to`, which is a list (W3C Reporting API, section 3.5.2).
#[derive(Deserialize)]
struct Report {
    r#type: String,
    #[serde(default)]
    body: Value,
}

/// A violation. Its other fields name the page, with the invoice, and are not read.
#[derive(Deserialize)]
struct Violation {
    #[serde(rename = "effectiveDirective", alias = "effective-directive")]
    effective: Option<String>,
    /// What browsers sent before `effective-directive`: the name, and in the oldest also the sources.
    #[serde(rename = "violated-directive")]
    violated: Option<String>,
    #[serde(rename = "blockedURL", alias = "blocked-uri")]
    blocked: Option<String>,
}

async fn receive(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: std::result::Result<Bytes, BytesRejection>,
) -> Result<StatusCode> {
    let body = body.map_err(|rejection| unread(&rejection))?;
    for violation in read(&headers, &body)? {
        let directive = violation.directive();
        app.metrics.csp_report(directive);
        if LOG.check().is_ok() {
            tracing::warn!(
                directive = <&str>::from(directive),
                blocked = %violation.blocked(),
                "a page's content security policy was violated"
            );
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

fn unread(rejection: &BytesRejection) -> Error {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let detail = format!("The limit is {LARGEST_BODY} bytes.");
        return Error::problem(ProblemType::PayloadTooLarge, detail);
    }
    Error::problem(ProblemType::InvalidRequest, "The body is incomplete.")
}

/// Reads the violations of a body. Reports of other types are skipped.
fn read(headers: &HeaderMap, body: &[u8]) -> Result<Vec<Violation>> {
    let media_type = headers.typed_get::<ContentType>().map(Mime::from);
    let violations = match media_type.as_ref().map(Mime::essence_str) {
        Some("application/csp-report") => {
            serde_json::from_slice(body).map(|report: Single| vec![report.violation])
        }
        Some("application/reports+json") => {
            serde_json::from_slice(body).and_then(|reports: Vec<Report>| {
                let violations = reports.into_iter().filter(|r| r.r#type == "csp-violation");
                violations.map(|r| serde_json::from_value(r.body)).collect()
            })
        }
        _ => {
            return Err(Error::problem(
                ProblemType::UnsupportedMediaType,
                "The body must be application/csp-report or application/reports+json.",
            ));
        }
    };
    violations.map_err(|_| {
        let detail = "The body is not a report of the content type that it names.";
        Error::problem(ProblemType::InvalidRequest, detail)
    })
}

impl Violation {
    fn directive(&self) -> CspDirective {
        let named = self.effective.as_deref().or(self.violated.as_deref());
        let name = named.and_then(|named| named.split_ascii_whitespace().next());
        let known = name.and_then(|name| name.parse().ok());
        known.unwrap_or(CspDirective::Other)
    }

    /// What was blocked: an origin, or the keyword or scheme that stands for it, such as `inline` or
    /// `data`. Paths and queries can hold secrets.
    fn blocked(&self) -> Cow<'_, str> {
        let blocked = self.blocked.as_deref().unwrap_or_default();
        let is_word = |c: char| c.is_ascii_alphabetic() || c == '-';
        if (1..=LONGEST_WORD).contains(&blocked.len()) && blocked.chars().all(is_word) {
            return blocked.into();
        }
        let origin = Url::parse(blocked).map(|url| url.origin());
        let origin = origin.ok().filter(Origin::is_tuple);
        let origin = origin.map(|origin| origin.ascii_serialization());
        let origin = origin.filter(|origin| origin.len() <= LONGEST_ORIGIN);
        origin.map_or("other".into(), Cow::from)
    }
}
