//! A client of the JSON API and the widget API.

use crate::wait::until;
use anyhow::{Context, Result, ensure};
use reqwest::header::HeaderMap;
use reqwest::{Certificate, Client, ClientBuilder, Method, RequestBuilder};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// A project's keys.
#[derive(Debug, Clone, Deserialize)]
pub struct Keys {
    /// The id.
    pub id: String,
    /// The publishable key.
    pub pk: String,
    /// The secret key.
    pub sk: String,
    /// The signing secret of callbacks.
    pub signing_secret: String,
}

/// A complete HTTP response.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
}

impl Answer {
    /// Returns the body as JSON; null if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// Returns the body without the request's id, which may contain any digits.
    pub fn said(&self) -> String {
        self.text.replace(self.header("x-request-id"), "")
    }

    /// Returns a header; empty if absent.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|v| v.to_str().ok());
        value.unwrap_or_default()
    }

    /// Checks that the response is a problem document of a type and returns its invalid fields.
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

/// An invoice and its client token.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The id.
    pub id: String,
    /// The client token.
    pub token: String,
}

/// A client with a project's secret key.
#[derive(Clone)]
pub struct Api {
    /// The base URL.
    pub url: String,
    sk: String,
    http: Client,
}

/// Returns a payment with a card that has not expired.
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
    /// Creates a client.
    pub fn new(url: &str, keys: &Keys) -> Result<Self> {
        Self::with(url, keys, Client::builder())
    }

    /// Creates a client of a server with this certificate (PEM).
    pub fn trusting(url: &str, keys: &Keys, certificate: &str) -> Result<Self> {
        let trusted = Certificate::from_pem(certificate.as_bytes())?;
        Self::with(url, keys, Client::builder().tls_certs_only([trusted]))
    }

    fn with(url: &str, keys: &Keys, builder: ClientBuilder) -> Result<Self> {
        let http = builder
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

    /// Creates a request to a path or a URL without credentials.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        if path.starts_with("http") {
            return self.http.request(method, path);
        }
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// Creates a request with the secret key.
    pub fn secret(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth(&self.sk)
    }

    /// Returns an order with this id.
    pub fn order(number: &str) -> Value {
        json!({ "order_id": number, "amount": 1999, "currency": "EUR", "description": "A print" })
    }

    /// Creates an invoice.
    pub async fn invoice(&self, number: &str) -> Result<Opened> {
        self.invoice_of(&Self::order(number)).await
    }

    /// Creates an invoice for an order.
    pub async fn invoice_of(&self, order: &Value) -> Result<Opened> {
        let answer = send(self.secret(Method::POST, "/v1/invoices").json(order)).await?;
        ensure!(answer.status == 201, "{answer:?}");
        let invoice = answer.json();
        Ok(Opened {
            id: text(&invoice["id"])?,
            token: text(&invoice["client_token"])?,
        })
    }

    /// Reads an invoice.
    pub async fn read(&self, invoice: &str) -> Result<Value> {
        let path = format!("/v1/invoices/{invoice}");
        let answer = send(self.secret(Method::GET, &path)).await?;
        ensure!(answer.status == 200, "{answer:?}");
        Ok(answer.json())
    }

    /// Creates a request of the widget API.
    pub fn widget(&self, method: Method, opened: &Opened, rest: &str) -> RequestBuilder {
        let path = format!("/v1/widget/invoices/{}{rest}", opened.id);
        self.request(method, &path).bearer_auth(&opened.token)
    }

    /// Creates a payment (payment fixation).
    pub async fn pay(&self, opened: &Opened, body: &Value) -> Result<Answer> {
        send(self.widget(Method::POST, opened, "/payments").json(body)).await
    }

    /// Creates a payment with a card and checks that it is accepted.
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

/// Sends a request and reads the response.
pub async fn send(request: RequestBuilder) -> Result<Answer> {
    let response = request.send().await?;
    Ok(Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.text().await?,
    })
}

/// Lists a project's events, the newest first. `query` is empty or begins with `?`.
pub async fn events(api: &Api, query: &str) -> Result<Vec<Value>> {
    let list = send(api.secret(Method::GET, &format!("/v1/events{query}"))).await?;
    ensure!(list.status == 200, "{list:?}");
    Ok(list.json()["data"].as_array().context("no list")?.clone())
}

/// Returns a JSON string.
pub fn text(value: &Value) -> Result<String> {
    let text = value
        .as_str()
        .with_context(|| format!("not a string: {value}"))?;
    Ok(text.to_owned())
}

/// Installs the TLS provider of the HTTP clients.
pub fn install_crypto_provider() {
    // An error means that another test has installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
