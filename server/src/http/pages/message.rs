//! A page for people, when there is nothing better to show.

use super::texts::Texts;
use crate::http::middleware::request_id;
use crate::new_id;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

/// The page.
pub struct Message {
    status: StatusCode,
    texts: &'static Texts,
    title: String,
    text: String,
    /// What exactly is wrong, one sentence each.
    reasons: Vec<String>,
    /// Where the way back leads; the browser's own history where that is not known.
    back: Option<String>,
}

impl Message {
    fn new(status: StatusCode, texts: &'static Texts, title: &str, text: &str) -> Self {
        Self {
            status,
            texts,
            title: title.to_owned(),
            text: text.to_owned(),
            reasons: vec![],
            back: None,
        }
    }

    /// There is no such invoice, or the link is not one of ours.
    pub fn no_invoice(texts: &'static Texts) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            texts,
            &texts.link_title,
            &texts.link_text,
        )
    }

    /// Something failed inside us.
    pub fn trouble(texts: &'static Texts) -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self::new(status, texts, &texts.trouble_title, &texts.trouble_text)
    }

    /// There is too much to do just now.
    pub fn busy(texts: &'static Texts) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, texts, &texts.trouble_title, &texts.trouble_text)
    }

    /// A page of this origin may not show the widget.
    pub fn foreign_origin(texts: &'static Texts) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            texts,
            &texts.origin_title,
            &texts.origin_text,
        )
    }

    /// For developers: the binary holds no widget.
    pub fn not_built(texts: &'static Texts) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            texts,
            "The widget is not built",
            "Run `cargo xtask demo`, or `trunk build --release` and then build the server anew.",
        )
    }

    /// A form that starts no payment.
    pub fn bad_form(status: StatusCode, texts: &'static Texts, reasons: Vec<String>) -> Self {
        let page = Self::new(status, texts, &texts.form_title, &texts.form_text);
        Self { reasons, ..page }
    }

    /// With a way back to this address.
    pub fn with_back(mut self, back: Option<String>) -> Self {
        self.back = back;
        self
    }

    fn html(&self, nonce: &str) -> String {
        let texts = self.texts;
        let (title, text) = (escaped(&self.title), escaped(&self.text));
        let reasons = self
            .reasons
            .iter()
            .map(|r| format!("<li>{}</li>", escaped(r)));
        let reasons: String = reasons.collect();
        let reasons = match reasons.is_empty() {
            true => reasons,
            false => format!("<ul>{reasons}</ul>"),
        };
        let back = match &self.back {
            Some(url) => {
                let (url, label) = (escaped(url), escaped(&texts.back));
                format!("<p><a id=\"back\" href=\"{url}\">{label}</a></p>")
            }
            None => {
                let label = escaped(&texts.back_page);
                format!(
                    "<p><button id=\"back\" type=\"button\">{label}</button></p>\
                     <script nonce=\"{nonce}\">document.getElementById('back').onclick=()=>history.back()</script>"
                )
            }
        };
        let id = request_id::current().map_or_else(String::new, |id| id.to_string());
        let reference = escaped(&texts.reference.replace("{id}", &id));
        format!(
            "<!doctype html><html lang=\"{lang}\" dir=\"{dir}\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <meta name=\"robots\" content=\"noindex\"><title>{title}</title>\
             <style nonce=\"{nonce}\">{STYLE}</style></head>\
             <body><main><h1>{title}</h1><p>{text}</p>{reasons}{back}\
             <p class=\"quiet\">{reference}</p></main></body></html>",
            lang = escaped(&texts.lang),
            dir = escaped(&texts.dir),
        )
    }
}

const STYLE: &str = include_str!("message.css");

impl IntoResponse for Message {
    fn into_response(self) -> Response {
        let Ok(nonce) = nonce() else {
            return self.status.into_response();
        };
        let policy = format!(
            "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        (self.status, page_headers(&policy), Html(self.html(&nonce))).into_response()
    }
}

/// The headers of every page of ours: never cached, and under a content security policy.
pub fn page_headers(policy: &str) -> [(HeaderName, String); 3] {
    [
        (header::CACHE_CONTROL, "no-store".into()),
        (header::CONTENT_SECURITY_POLICY, policy.into()),
        (header::REFERRER_POLICY, "origin".into()),
    ]
}

/// A value that makes one script of one response run (CSP nonce).
///
/// # Errors
/// When the operating system has no random bytes to give.
pub fn nonce() -> anyhow::Result<String> {
    new_id::random::<16>().map(hex::encode)
}

/// Text made safe inside HTML, attributes in double quotes included.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
}
