//! The headers of pages.

use axum::http::{HeaderName, HeaderValue, header};

/// The path of [`super::csp_reports`].
const REPORTS_PATH: &str = "/pay/csp-reports";
/// The name of the endpoint in `Reporting-Endpoints`, which `report-to` refers to.
const ENDPOINT: &str = "csp";

/// The features that no page uses (W3C Permissions Policy). Features that a page in a frame has without
/// being granted them, such as `sync-xhr`, are not in the list: the widget shows banks' pages in a frame,
/// and turning a feature off would turn it off for these.
const UNUSED: &str = "accelerometer=(), autoplay=(), camera=(), clipboard-read=(), \
    clipboard-write=(), display-capture=(), encrypted-media=(), fullscreen=(), geolocation=(), gyroscope=(), \
    hid=(), idle-detection=(), local-fonts=(), magnetometer=(), microphone=(), midi=(), otp-credentials=(), \
    publickey-credentials-create=(), screen-wake-lock=(), serial=(), usb=(), window-management=(), \
    xr-spatial-tracking=()";

/// How long browsers connect by https only: two years, in seconds.
const TWO_YEARS: &str = "max-age=63072000";

/// What a page may use of the browser.
#[derive(Clone, Copy)]
pub enum Features {
    /// Nothing.
    None,
    /// Payments by the browser, on the page itself. Banks' pages in a frame may check a passkey, if the
    /// frame passes that on.
    Payment,
}

/// Whether a page shares its window's browsing context group with the page that opened it, and with those
/// that it opens (the HTML Standard, "Cross-origin opener policies").
#[derive(Clone, Copy)]
pub enum Opener {
    /// With none.
    Isolated,
    /// With the bank's pages that it opens, and not with the site that opened it.
    OpensWindows,
    /// With both. The page and its opener are of different origins and post messages to each other; with
    /// any other value the browser cuts that connection.
    Shared,
}

/// The headers of every page: not cached, with a content security policy whose violations are reported, and
/// which keeps scripts from turning text into code (W3C Trusted Types).
pub fn page_headers(policy: &str, features: Features, opener: Opener) -> [(HeaderName, String); 6] {
    let policy = format!("{policy}; require-trusted-types-for 'script'; trusted-types 'none'");
    headers_with_scripts_of_others(&policy, features, opener)
}

/// As [`page_headers`], for a page with somebody else's script, which may turn text into code.
pub fn headers_with_scripts_of_others(
    policy: &str,
    features: Features,
    opener: Opener,
) -> [(HeaderName, String); 6] {
    let used = match features {
        Features::None => "payment=(), publickey-credentials-get=()",
        Features::Payment => "payment=(self), publickey-credentials-get=*",
    };
    let opener = match opener {
        Opener::Isolated => "same-origin",
        Opener::OpensWindows => "same-origin-allow-popups",
        Opener::Shared => "unsafe-none",
    };
    [
        (header::CACHE_CONTROL, "no-store".into()),
        (
            header::CONTENT_SECURITY_POLICY,
            format!("{policy}; report-uri {REPORTS_PATH}; report-to {ENDPOINT}"),
        ),
        (header::REFERRER_POLICY, "origin".into()),
        (
            HeaderName::from_static("reporting-endpoints"),
            format!("{ENDPOINT}=\"{REPORTS_PATH}\""),
        ),
        (
            HeaderName::from_static("permissions-policy"),
            format!("{used}, {UNUSED}"),
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            opener.into(),
        ),
    ]
}

/// `Strict-Transport-Security` for a server with this public URL. It is for this host only: what else the
/// operator's domain has is not Till's to decide. `None` without https, in development mode.
pub fn strict_transport(base_url: &str) -> Option<HeaderValue> {
    let https = base_url.starts_with("https://");
    https.then(|| HeaderValue::from_static(TWO_YEARS))
}
