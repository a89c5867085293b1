//! Published API descriptions, served and enforced by Prism.

use crate::process::{Running, command};
use crate::tools::{free_port, installed};
use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;

/// A documented response.
#[derive(Debug, Clone)]
pub struct Documented {
    /// The status code.
    pub status: u16,
    /// The name of the example, if any.
    pub example: Option<String>,
}

/// A Prism server for published descriptions. A relay adds the preferred response to each request.
pub struct PrismServer {
    /// The base URL.
    pub base: String,
    relay: Arc<Relay>,
    documents: Vec<Value>,
    _prisms: Vec<Running>,
}

struct Relay {
    http: reqwest::Client,
    /// The path prefixes and their servers.
    upstreams: Vec<(String, String)>,
    /// A method (empty for all) and its preferred response.
    prefer: Mutex<(String, String)>,
    /// A path prefix and the response of the relay to its GET requests.
    override_response: Mutex<Option<(String, Value)>>,
    seen: Mutex<Vec<Seen>>,
}

struct Seen {
    what: String,
    violations: Vec<Value>,
}

impl PrismServer {
    /// Serves documents by path prefix.
    ///
    /// # Errors
    /// When Prism does not start.
    pub async fn start(documents: &[(&str, &Path)]) -> Result<Self> {
        crate::client::install_crypto_provider();
        let (mut prisms, mut upstreams, mut read) = (vec![], vec![], vec![]);
        for (prefix, path) in documents {
            let port = free_port().await?.to_string();
            let mut command = command(installed("TILL_PRISM")?);
            command
                .args(["mock", "-h", "127.0.0.1", "-p", &port])
                .arg(path);
            let prism = Running::start(&mut command, "Prism is listening on").await;
            prisms.push(prism.context("prism")?);
            upstreams.push((prefix.to_string(), format!("http://127.0.0.1:{port}")));
            // JSON is YAML.
            let text = std::fs::read_to_string(path)?;
            read.push(serde_yaml_ng::from_str(&text)?);
        }
        let relay = Arc::new(Relay {
            http: reqwest::Client::builder().no_proxy().build()?,
            upstreams,
            prefer: Mutex::default(),
            override_response: Mutex::default(),
            seen: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        let router = Router::new()
            // PayPal's descriptions do not contain this call.
            .route("/v1/oauth2/token", post(token))
            .fallback(relayed)
            .with_state(relay.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self {
            base,
            relay,
            documents: read,
            _prisms: prisms,
        })
    }

    /// Sets the response to all calls.
    pub fn prefer(&self, answer: &Documented) {
        self.prefer_for("", answer);
    }

    /// Sets the response to calls with one method.
    pub fn prefer_for(&self, method: &str, answer: &Documented) {
        let mut preference = format!("__code={}", answer.status);
        if let Some(example) = &answer.example {
            preference.push_str(&format!("&__example={example}"));
        }
        *lock(&self.relay.prefer) = (method.to_owned(), preference);
    }

    /// Sets the relay's response to GET requests with a path prefix.
    pub fn override_response(&self, path: &str, answer: Value) {
        *lock(&self.relay.override_response) = Some((path.to_owned(), answer));
    }

    /// Makes GET requests return random responses that match the schema. See [`narrowed`].
    pub fn respond_randomly(&self, status: u16) {
        *lock(&self.relay.prefer) = ("GET".to_owned(), format!("__code={status}&__dynamic=true"));
    }

    /// Lists the documented responses of a call.
    pub fn documented(&self, method: &str, path: &str) -> Result<Vec<Documented>> {
        let found = self.documents.iter().find_map(|document| {
            let responses = document["paths"][path][method]["responses"].as_object()?;
            Some((document, responses))
        });
        let (document, responses) = found.with_context(|| format!("no {method} {path}"))?;
        let mut all = vec![];
        for (status, response) in responses {
            let Ok(status) = status.parse() else { continue };
            let named = response["$ref"].as_str().and_then(|r| r.rsplit('/').next());
            let response = named.map_or(response, |n| &document["components"]["responses"][n]);
            let content = response["content"].as_object().cloned().unwrap_or_default();
            let examples = content.values().filter_map(|c| c["examples"].as_object());
            let names: Vec<_> = examples.flat_map(|e| e.keys().cloned()).collect();
            if names.is_empty() {
                let example = None;
                all.push(Documented { status, example });
            }
            all.extend(names.into_iter().map(|name| Documented {
                status,
                example: Some(name),
            }));
        }
        Ok(all)
    }

    /// Checks that every request was valid, and that there was at least one.
    pub fn assert_requests_valid(&self) -> Result<()> {
        let seen = std::mem::take(&mut *lock(&self.relay.seen));
        ensure!(!seen.is_empty(), "no request was sent");
        for one in seen {
            let violations = one
                .violations
                .iter()
                .filter(|v| v["location"][0] == "request");
            let violations: Vec<_> = violations.collect();
            ensure!(violations.is_empty(), "{}: {violations:?}", one.what);
        }
        Ok(())
    }
}

/// Writes a copy of a JSON description for random responses. What the copy allows, the description
/// allows, but Prism makes its responses ten times faster, and they use the documented values: an
/// enumeration's values are not random texts of its pattern, a list has at most two items, and every
/// field `name` has this value.
///
/// # Errors
/// When the description cannot be read or the copy cannot be written.
pub fn narrowed(description: &Path, (name, value): (&str, &str), copy: &Path) -> Result<()> {
    let mut document: Value = serde_json::from_str(&std::fs::read_to_string(description)?)?;
    narrow(&mut document, (name, value));
    Ok(std::fs::write(copy, document.to_string())?)
}

fn narrow(schema: &mut Value, field: (&str, &str)) {
    match schema {
        Value::Object(fields) => {
            if fields.get("enum").is_some_and(Value::is_array) {
                fields.retain(|name, _| {
                    !["pattern", "minLength", "maxLength"].contains(&name.as_str())
                });
            }
            if fields.get("type").is_some_and(|kind| kind == "array") {
                let limit = |name: &str| fields.get(name).and_then(Value::as_u64);
                let (least, most) = (limit("minItems"), limit("maxItems"));
                let most = most.unwrap_or(2).min(2).max(least.unwrap_or(0));
                fields.insert("maxItems".into(), most.into());
            }
            for (name, inner) in fields {
                if name == field.0 && inner["type"] == "string" {
                    *inner = json!({ "type": "string", "enum": [field.1] });
                }
                narrow(inner, field);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| narrow(inner, field)),
        _ => {}
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn token() -> Response {
    axum::Json(json!({ "access_token": "token", "expires_in": 32400 })).into_response()
}

async fn relayed(
    State(relay): State<Arc<Relay>>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path_and_query().map_or("/", |p| p.as_str());
    let upstream = relay
        .upstreams
        .iter()
        .find(|(prefix, _)| path.starts_with(prefix));
    let Some((_, upstream)) = upstream else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    // Prism would interpret PayPal's `Prefer` header.
    for name in ["host", "content-length", "prefer"] {
        headers.remove(name);
    }
    if method == Method::GET
        && let Some((begin, answer)) = lock(&relay.override_response).as_ref()
        && path.starts_with(begin)
    {
        return axum::Json(answer.clone()).into_response();
    }
    let (only, preference) = lock(&relay.prefer).clone();
    let mut url = format!("{upstream}{path}");
    if only.is_empty() || only == method.as_str() {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(&preference);
    }
    let request = relay.http.request(method.clone(), url);
    let answer = request.headers(headers).body(body.clone()).send().await;
    let Ok(answer) = answer else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let violations = answer.headers().get("sl-violations").map(|v| {
        // The list may follow the text `Too many violations!`.
        let text = String::from_utf8_lossy(v.as_bytes()).into_owned();
        let list = text.find('[').and_then(|at| text.get(at..));
        let list = list.and_then(|list| serde_json::from_str(list).ok());
        list.unwrap_or_else(|| vec![json!({ "location": ["request"], "unreadable": text })])
    });
    let (status, bytes) = (answer.status(), answer.bytes().await.unwrap_or_default());
    lock(&relay.seen).push(Seen {
        what: format!(
            "{method} {path} {} -> {status}",
            String::from_utf8_lossy(&body)
        ),
        violations: violations.unwrap_or_default(),
    });
    (status, bytes).into_response()
}
