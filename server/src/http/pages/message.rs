//! A page with a message: an error or a form that was rejected. In the widget's place it also tells the
//! page around it.

use super::headers::{Features, Opener, page_headers};
use super::texts::Texts;
use crate::http::middleware::request_id;
use crate::new_id;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use till_shared::problem::ProblemType;
use url::{Origin, Url, form_urlencoded};

/// A page with a message.
pub struct Message {
    status: StatusCode,
    texts: &'static Texts,
    title: &'static str,
    text: &'static str,
    /// What is wrong, one sentence each.
    reasons: Vec<String>,
    /// The target of the back link. Without one, the browser's history is used.
    back: Option<Box<str>>,
    /// The type of the problem.
    problem: ProblemType,
    /// What is wrong, in English, for the developer of the page around the message.
    detail: Box<str>,
    /// The origin of the page that shows this message in the widget's place.
    page: Option<Box<str>>,
}

impl Message {
    fn new(
        status: StatusCode,
        texts: &'static Texts,
        title: &'static str,
        text: &'static str,
    ) -> Self {
        Self {
            status,
            texts,
            title,
            text,
            reasons: vec![],
            back: None,
            problem: ProblemType::Internal,
            detail: "Internal error. The server's log has the reason.".into(),
            page: None,
        }
    }

    /// The link is not valid, or its invoice does not exist.
    pub fn no_invoice(texts: &'static Texts) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            texts,
            &texts.link_title,
            &texts.link_text,
        )
    }

    /// A problem at an address for programs. The detail is for developers.
    pub fn problem(status: StatusCode, texts: &'static Texts, detail: String) -> Self {
        if status.is_server_error() {
            return Self::new(status, texts, &texts.trouble_title, &texts.trouble_text);
        }
        let page = Self::new(status, texts, &texts.no_page_title, &texts.no_page_text);
        Self {
            reasons: vec![detail],
            ..page
        }
    }

    /// Internal error.
    pub fn trouble(texts: &'static Texts) -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self::new(status, texts, &texts.trouble_title, &texts.trouble_text)
    }

    /// The page's origin is not allowed to show the widget.
    pub fn foreign_origin(texts: &'static Texts) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            texts,
            &texts.origin_title,
            &texts.origin_text,
        )
    }

    /// For developers: the server was built without the widget.
    pub fn not_built(texts: &'static Texts) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            texts,
            "The widget is not built",
            "Run `cargo xtask demo`, or run `trunk build --release` and build the server again.",
        )
    }

    /// A form that was rejected.
    pub fn bad_form(status: StatusCode, texts: &'static Texts, reasons: Vec<String>) -> Self {
        let page = Self::new(status, texts, &texts.form_title, &texts.form_text);
        Self { reasons, ..page }
    }

    /// Sets what the developer of the page around the message is told.
    pub fn for_developers(self, problem: ProblemType, detail: &str) -> Self {
        let detail = detail.into();
        Self {
            problem,
            detail,
            ..self
        }
    }

    /// Shows the message in the widget's place, if the query is that of a widget in a page. The message
    /// has no data of the project or the buyer, so any page may show it.
    pub fn in_widget(mut self, query: &str) -> Self {
        let param = |name| {
            let mut all = form_urlencoded::parse(query.as_bytes());
            all.find_map(|(key, value)| (key == name).then_some(value))
        };
        let origin = param("mode").and(param("origin"));
        let url = origin.and_then(|origin| Url::parse(&origin).ok());
        let origin = url.map(|url| url.origin()).filter(Origin::is_tuple);
        self.page = origin.map(|origin| origin.ascii_serialization().into());
        self
    }

    /// Sets the target of the back link.
    pub fn with_back(mut self, back: Option<String>) -> Self {
        self.back = back.map(String::into_boxed_str);
        self
    }

    fn html(&self, nonce: &str) -> Markup {
        let texts = self.texts;
        let id = request_id::current().map_or_else(String::new, |id| id.to_string());
        html! {
            (DOCTYPE)
            html lang=(texts.lang) dir=(texts.dir) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="robots" content="noindex";
                    title { (self.title) }
                    link rel="icon" href={ "data:image/svg+xml;base64," (STANDARD.encode(ICON)) };
                    style nonce=(nonce) { (PreEscaped(STYLE)) }
                }
                body data-origin=[&self.page] data-code=(self.problem.as_str()) data-message=(self.detail) {
                    main {
                        h1 { (self.title) }
                        p { (self.text) }
                        @if !self.reasons.is_empty() {
                            ul {
                                @for reason in &self.reasons { li { (reason) } }
                            }
                        }
                        @if self.page.is_some() {
                            p { button #close type="button" { (texts.close) } }
                            script nonce=(nonce) { (PreEscaped(IN_PAGE)) }
                        } @else if let Some(url) = &self.back {
                            p { a #back href=(url) { (texts.back) } }
                        } @else {
                            p { button #back type="button" { (texts.back_page) } }
                            script nonce=(nonce) { (PreEscaped(GO_BACK)) }
                        }
                        p.quiet { (texts.reference.replace("{id}", &id)) }
                    }
                }
            }
        }
    }
}

const ICON: &[u8] = include_bytes!("../../../../widget/favicon.svg");
const STYLE: &str = include_str!("message.css");
const IN_PAGE: &str = include_str!("message_frame.js");
const GO_BACK: &str = "document.getElementById('back').onclick=()=>history.back()";

impl IntoResponse for Message {
    fn into_response(self) -> Response {
        let Ok(nonce) = nonce() else {
            return self.status.into_response();
        };
        let policy = format!(
            "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data:; \
             base-uri 'none'; form-action 'none'; frame-ancestors {}",
            self.page.as_deref().unwrap_or("'none'")
        );
        // The widget's windows show messages as well, and have no data in them to protect.
        let headers = page_headers(&policy, Features::None, Opener::Shared);
        (self.status, headers, self.html(&nonce)).into_response()
    }
}

/// Makes a nonce for a content security policy.
///
/// # Errors
/// When the operating system provides no random bytes.
pub fn nonce() -> anyhow::Result<String> {
    new_id::random::<16>().map(hex::encode)
}
