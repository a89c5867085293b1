//! A provider of captchas: its script, and its check of tokens, which answers as the test says.

use anyhow::Result;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::TempDir;
use tokio::net::TcpListener;

/// The public key of the site.
pub const SITE_KEY: &str = "site-key-of-the-shop";
/// The secret key of the site.
pub const SECRET: &str = "captcha-secret-of-the-shop";

/// A script with the interface of Turnstile's. A click solves the captcha. Beside that it tries to read the
/// card in the page around it, and says what it found.
const SCRIPT: &str = r##"window.turnstile = {
  render(box, { sitekey, callback }) {
    const button = document.createElement("button");
    button.id = "solve";
    button.textContent = "I am human";
    button.onclick = () => callback(`solved for ${sitekey}`);
    try {
      button.dataset.stolen = parent.document.querySelector("#number").value;
    } catch (error) {
      button.dataset.stolen = error.name;
    }
    box.append(button);
  },
};
window[new URL(document.currentScript.src).searchParams.get("onload")]();"##;

type Answer = Box<dyn Fn() -> Response + Send>;

struct Inner {
    /// The forms that were posted, with the API key of the header as `key`.
    forms: Mutex<Vec<Value>>,
    answer: Mutex<Answer>,
}

/// A running provider.
pub struct CaptchaProvider {
    /// The base URL.
    pub url: String,
    inner: Arc<Inner>,
    files: TempDir,
}

impl CaptchaProvider {
    /// Starts a provider that confirms every token.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let inner = Arc::new(Inner {
            forms: Mutex::default(),
            answer: Mutex::new(Box::new(|| {
                Json(json!({ "success": true })).into_response()
            })),
        });
        let script = ([(header::CONTENT_TYPE, "text/javascript")], SCRIPT);
        let router = Router::new()
            .route("/api.js", get(async move || script))
            .route("/siteverify", post(verify))
            .with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self {
            url,
            inner,
            files: tempfile::tempdir()?,
        })
    }

    /// The URL of the script.
    pub fn script_url(&self) -> String {
        format!("{}/api.js", self.url)
    }

    /// Writes the settings of a captcha of this kind to a file, for `till project create`.
    pub fn file(&self, kind: &str) -> Result<String> {
        let path = self.files.path().join(kind);
        let captcha = json!({
            "kind": kind, "site_key": SITE_KEY, "secret": SECRET, "script_url": self.script_url(),
            "verify_url": format!("{}/siteverify", self.url),
        });
        std::fs::write(&path, captcha.to_string())?;
        Ok(path.display().to_string())
    }

    /// Sets the answer to checks of tokens.
    pub fn respond<R: IntoResponse>(&self, answer: impl Fn() -> R + Send + 'static) {
        let answer = Box::new(move || answer().into_response());
        *self
            .inner
            .answer
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = answer;
    }

    /// Returns the forms that were posted, with the API key of the header as `key`.
    pub fn forms(&self) -> Vec<Value> {
        let forms = self.inner.forms.lock();
        forms.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn verify(
    State(inner): State<Arc<Inner>>,
    headers: HeaderMap,
    Form(form): Form<Vec<(String, String)>>,
) -> Response {
    let key = headers.get("x-api-key").and_then(|key| key.to_str().ok());
    let key = key.map(|key| ("key".to_owned(), key.to_owned()));
    let form: Map<_, _> = form
        .into_iter()
        .chain(key)
        .map(|(name, value)| (name, Value::from(value)))
        .collect();
    let forms = inner.forms.lock();
    forms
        .unwrap_or_else(PoisonError::into_inner)
        .push(form.into());
    let answer = inner.answer.lock();
    answer.unwrap_or_else(PoisonError::into_inner)()
}
