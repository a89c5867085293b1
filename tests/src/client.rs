//! The server, called as a project and a widget call it.

use crate::wait::until;
use anyhow::{Context, Result, ensure};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// A project's keys.
#[derive(Debug, Clone, Deserialize)]
pub struct Keys {
    /// Its id.
    pub id: String,
    /// For pages.
    pub pk: String,
    /// For its server.
    pub sk: String,
    /// For callbacks.
    pub signing_secret: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub text: String,
}

impl Answer {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// A header's value, empty if absent.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|v| v.to_str().ok());
        value.unwrap_or_default()
    }

    /// Checks that this is a complete problem document of a type, and gives its fields.
    pub fn problem(&self, status: u16, kind: &str) -> Result<Vec<String>> {
        let body = self.json();
        ensure!(self.status == status, "{} {}", self.status, self.text);
        ensure!(
            self.header("content-type") == "application/problem+json",
            "content type {}",
            self.header("content-type")
        );
        let word = body["type"].as_str().and_then(|t| t.rsplit('/').next());
        ensure!(word == Some(kind), "{body}");
        ensure!(body["status"] == status, "{body}");
        let id = body["request_id"].as_str().unwrap_or_default();
        ensure!(id.starts_with("req_"), "{body}");
        ensure!(id == self.header("x-request-id"), "{body}");
        for field in ["title", "detail"] {
            ensure!(
                body[field].as_str().is_some_and(|t| !t.is_empty()),
                "{body}"
            );
        }
        let errors = body["errors"].as_array().cloned().unwrap_or_default();
        let field = |e: &Value| e["field"].as_str().map(str::to_owned);
        Ok(errors.iter().filter_map(field).collect())
    }
}

/// An invoice as the widget knows it.
#[derive(Debug, Clone)]
pub struct Opened {
    /// Its id.
    pub id: String,
    /// Its client token.
    pub token: String,
}

/// The server.
#[derive(Clone)]
pub struct Api {
    /// Where it is.
    pub url: String,
    sk: String,
    http: Client,
}

/// A card that does not expire while this is tested.
pub fn card(number: &str) -> Value {
    let cvc = if number.starts_with('3') {
        "1234"
    } else {
        "123"
    };
    json!({
        "method": "card",
        "card": { "number": number, "exp_month": 12, "exp_year": 2039, "cvc": cvc },
    })
}

impl Api {
    /// The server at a URL, for a project.
    pub fn new(url: &str, keys: &Keys) -> Result<Self> {
        let http = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(30))
            .no_proxy()
            .build()?;
        Ok(Self {
            url: url.to_owned(),
            sk: keys.sk.clone(),
            http,
        })
    }

    /// A request to a path or a URL, without credentials.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        if path.starts_with("http") {
            return self.http.request(method, path);
        }
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// A request with the secret key.
    pub fn secret(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth(&self.sk)
    }

    /// An order with this number.
    pub fn order(number: &str) -> Value {
        json!({ "order_id": number, "amount": 1999, "currency": "EUR", "description": "A print" })
    }

    /// Makes an invoice.
    pub async fn invoice(&self, number: &str) -> Result<Opened> {
        self.invoice_of(&Self::order(number)).await
    }

    /// Makes an invoice of an order.
    pub async fn invoice_of(&self, order: &Value) -> Result<Opened> {
        let answer = send(self.secret(Method::POST, "/v1/invoices").json(order)).await?;
        ensure!(answer.status == 201, "{answer:?}");
        let invoice = answer.json();
        Ok(Opened {
            id: text(&invoice["id"])?,
            token: text(&invoice["client_token"])?,
        })
    }

    /// An invoice as the project reads it.
    pub async fn read(&self, invoice: &str) -> Result<Value> {
        let path = format!("/v1/invoices/{invoice}");
        let answer = send(self.secret(Method::GET, &path)).await?;
        ensure!(answer.status == 200, "{answer:?}");
        Ok(answer.json())
    }

    /// A widget call about an invoice.
    pub fn widget(&self, method: Method, opened: &Opened, rest: &str) -> RequestBuilder {
        let path = format!("/v1/widget/invoices/{}{rest}", opened.id);
        self.request(method, &path).bearer_auth(&opened.token)
    }

    /// Payment fixation.
    pub async fn pay(&self, opened: &Opened, body: &Value) -> Result<Answer> {
        send(self.widget(Method::POST, opened, "/payments").json(body)).await
    }

    /// Payment fixation that is taken.
    pub async fn paid_with(&self, opened: &Opened, number: &str) -> Result<Value> {
        let answer = self.pay(opened, &card(number)).await?;
        ensure!(answer.status == 201, "{answer:?}");
        Ok(answer.json())
    }

    /// Waits until an invoice has a status.
    pub async fn until_status(&self, invoice: &str, status: &str) -> Result<Value> {
        let mut last = Value::Null;
        let seen = until(status, async || {
            last = self.read(invoice).await?;
            Ok(last["status"] == status)
        });
        seen.await
            .with_context(|| format!("{invoice} to be {status}"))?;
        Ok(last)
    }
}

/// Sends a request and reads the answer.
pub async fn send(request: RequestBuilder) -> Result<Answer> {
    let response = request.send().await?;
    Ok(Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.text().await?,
    })
}

/// A JSON string.
pub fn text(value: &Value) -> Result<String> {
    let text = value
        .as_str()
        .with_context(|| format!("no text: {value}"))?;
    Ok(text.to_owned())
}

/// Prepares what the HTTP clients of a test process share.
pub fn install_crypto_provider() {
    // An error means that another test was faster.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
