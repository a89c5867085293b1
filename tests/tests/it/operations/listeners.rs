//! The operator's listener: which routes it serves, and how it ends.

use crate::resilience::clients::{CLIENT, CONTINUE, Client, JSON, expecting};
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use till_tests::TestApp;
use till_tests::app::OPERATOR_TOKEN;
use till_tests::client::{Answer, Api, send, text};
use till_tests::wait::until;
use tokio::net::TcpStream;

/// The operations of the public listener only. An operation that is in none of these lists fails the test.
const PUBLIC: &[&str] = &[
    "listInvoices",
    "createInvoice",
    "getInvoice",
    "cancelInvoice",
    "listPayments",
    "getPayment",
    "createRefund",
    "listRefunds",
    "getRefund",
    "listDisputes",
    "getDispute",
    "listEvents",
    "getEvent",
    "resendEvent",
    "resendEvents",
    "pingEndpoint",
    "advanceTestClock",
    "createInvoiceFromPage",
    "getBillingData",
    "streamInvoice",
    "fixPayment",
    "cancelPayment",
    "receiveWebhook",
    "submitPaymentForm",
    "returnFromVerification",
    "returnFromVerificationByForm",
    "getPaymentPage",
    "redirectToPaymentPage",
    "getPaymentFrame",
    "getCaptcha",
    "getWidgetTexts",
    "getWidgetFile",
    "getEmbedScript",
    "getEmbedVersion",
    "getEmbedScriptVersion",
    "getEmbedTypes",
    "getSandbox",
];

/// The operations of the operator's listener only.
const OPERATOR: &[&str] = &[
    "createProject",
    "listProjects",
    "getProject",
    "updateProject",
    "rotateProjectKey",
    "rotateProjectSecret",
    "listProjectKeys",
    "createProjectKey",
    "revokeProjectKey",
    "resolvePayment",
    "getMetrics",
];

/// The operations of both.
const BOTH: &[&str] = &["getHealth", "getReadiness", "getProblemType"];

/// What the OpenAPI document does not describe, and whether the public and the operator's listener serve it.
const OTHERS: &[(&str, bool, bool)] = &[
    ("/openapi.json", true, true),
    ("/docs", false, true),
    ("/docs/", false, true),
    ("/docs/swagger-ui.css", false, true),
    ("/pay/csp-reports", true, false),
    ("/", false, false),
];

const SETTINGS: [&str; 2] = ["--operator-listen", "127.0.0.1:0"];

async fn start() -> Result<(TestApp, Api)> {
    let app = TestApp::with_settings(&[], &SETTINGS).await?;
    let operator = Api::new(&app.operator_url()?, &app.keys)?;
    Ok((app, operator))
}

/// Whether no route matches.
fn is_missing(answer: &Answer, path: &str) -> bool {
    let detail = answer.json()["detail"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let missing = detail.starts_with(&format!("No resource exists at {path}."));
    missing && answer.problem(404, "not-found").is_ok()
}

/// The operations of an OpenAPI document: method, path and id.
async fn operations(api: &Api) -> Result<BTreeSet<(String, String, String)>> {
    let document = send(api.request(Method::GET, "/openapi.json"))
        .await?
        .json();
    let mut operations = BTreeSet::new();
    for (path, item) in document["paths"].as_object().context("no paths")? {
        let methods = item.as_object().context("no operations")?;
        for (method, operation) in methods.iter().filter(|(_, o)| o["operationId"].is_string()) {
            let id = text(&operation["operationId"])?;
            operations.insert((method.to_uppercase(), path.clone(), id));
        }
    }
    Ok(operations)
}

#[tokio::test]
async fn every_route_is_served_where_it_belongs() -> Result<()> {
    let (app, operator) = start().await?;
    let served = async |api: &Api, method: &str, path: &str| {
        let method = Method::from_bytes(method.as_bytes())?;
        let answer = send(api.request(method, path)).await?;
        anyhow::Ok(!is_missing(&answer, path))
    };
    let all = operations(&app.api).await?;
    ensure!(all == operations(&operator).await?);
    let paths_of = |ids: &[&str]| -> BTreeSet<&str> {
        let of_ids = all.iter().filter(|(_, _, id)| ids.contains(&id.as_str()));
        of_ids.map(|(_, path, _)| path.as_str()).collect()
    };
    let elsewhere = [
        (&app.api, paths_of(OPERATOR)),
        (&operator, paths_of(PUBLIC)),
    ];
    for (method, path, id) in &all {
        let lists = [PUBLIC, OPERATOR, BOTH].map(|list| list.contains(&id.as_str()));
        let expected = match lists {
            [true, false, false] => (true, false),
            [false, true, false] => (false, true),
            [false, false, true] => (true, true),
            _ => anyhow::bail!("{id} has to be in one of the lists"),
        };
        let concrete: Vec<_> = path
            .split('/')
            .map(|part| if part.starts_with('{') { "x" } else { part })
            .collect();
        let concrete = concrete.join("/");
        let here = served(&app.api, method, &concrete).await?;
        let there = served(&operator, method, &concrete).await?;
        ensure!((here, there) == expected, "{id}: {here} {there}");
        // Nor does another method tell that the path exists elsewhere.
        for (api, absent) in &elsewhere {
            if absent.contains(path.as_str()) {
                for method in ["PUT", "OPTIONS"] {
                    ensure!(!served(api, method, &concrete).await?, "{method} {path}");
                }
            }
        }
    }
    for (path, public, own) in OTHERS {
        ensure!(served(&app.api, "GET", path).await? == *public, "{path}");
        ensure!(served(&operator, "GET", path).await? == *own, "{path}");
    }
    Ok(())
}

/// The viewer of the operator's listener calls the operator's operations there, and the others at the public
/// URL.
#[tokio::test]
async fn the_operator_works_at_their_listener() -> Result<()> {
    let (app, operator) = start().await?;
    let document = send(operator.request(Method::GET, "/openapi.json"))
        .await?
        .json();
    ensure!(document["servers"][0]["url"] == app.api.url.as_str());
    let server = |path: &str| document["paths"][path]["servers"][0]["url"].clone();
    ensure!(server("/v1/projects") == "/", "{document}");
    ensure!(server("/v1/payments/{payment}/resolve") == "/");
    ensure!(server("/v1/payments/{payment}") == Value::Null);
    let public = send(app.api.request(Method::GET, "/openapi.json"))
        .await?
        .json();
    ensure!(public["paths"]["/v1/projects"]["servers"] == Value::Null);

    let settings = json!({ "name": "New Shop", "allowed_origins": ["https://new.example"] });
    let create = |api: &Api| {
        let request = api.request(Method::POST, "/v1/projects");
        request.bearer_auth(OPERATOR_TOKEN).json(&settings)
    };
    send(create(&app.api)).await?.problem(404, "not-found")?;
    let created = send(create(&operator)).await?;
    ensure!(created.status == 201, "{created:?}");
    let metrics = send(operator.request(Method::GET, "/metrics")).await?;
    ensure!(metrics.text.contains("till_build_info"), "{metrics:?}");
    // A page of the problem that a problem document of this listener refers to.
    let refused = send(operator.request(Method::GET, "/v1/projects")).await?;
    let page = refused.json()["type"]
        .as_str()
        .context("no type")?
        .to_owned();
    ensure!(send(operator.request(Method::GET, &page)).await?.status == 200);
    Ok(())
}

/// Requests that are in progress on both listeners are answered after SIGTERM, and no further connection is
/// accepted.
#[tokio::test]
async fn shutdown_drains_both_listeners() -> Result<()> {
    let (mut app, operator) = start().await?;
    let order = json!({ "order_id": "1", "amount": 500, "currency": "EUR" });
    let project = json!({ "name": "New Shop", "allowed_origins": ["https://new.example"] });
    let mut waiting = vec![];
    for (url, path, key, body) in [
        (&app.api.url, "/v1/invoices", app.keys.sk.as_str(), order),
        (&operator.url, "/v1/projects", OPERATOR_TOKEN, project),
    ] {
        let address: SocketAddr = url.trim_start_matches("http://").parse()?;
        let mut client = Client::connect_to(address, CLIENT).await?;
        client.send(&expecting("POST", path, key, JSON)).await?;
        // The server reads the body: the request is in progress.
        ensure!(client.status().await? == CONTINUE, "{path}");
        waiting.push((address, client, format!("{:<100}", body.to_string())));
    }
    let finish = async {
        for (address, ..) in &waiting {
            let closed = async || Ok(TcpStream::connect(address).await.is_err());
            until("the listener to close", closed).await?;
        }
        for (_, client, body) in &mut waiting {
            client.send(body).await?;
            let status = client.status().await?;
            ensure!(status == "HTTP/1.1 201 Created", "{status}");
        }
        Ok(())
    };
    let (ended, finished) = futures::future::join(app.terminate(), finish).await;
    finished?;
    ensure!(ended?, "the server did not exit cleanly");
    Ok(())
}

#[tokio::test]
async fn an_address_that_is_in_use_is_named() -> Result<()> {
    let app = TestApp::start().await?;
    let taken = app.api.url.trim_start_matches("http://");
    let output = app
        .command(&["serve", "--dev", "--listen", "127.0.0.1:0"])?
        .env("TILL_OPERATOR_LISTEN", taken)
        .output()
        .await?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success());
    ensure!(
        error.contains(&format!("can't listen on {taken}")),
        "{error}"
    );
    Ok(())
}
