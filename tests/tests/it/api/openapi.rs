//! The OpenAPI document: it describes every route, and every described route exists.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use syn::visit::Visit;
use till_server::flow::invoices::order::TTL_SECONDS;
use till_shared::event::EventType;
use till_shared::money::Money;
use till_shared::problem::ProblemType;
use till_tests::TestApp;
use till_tests::cards::APPROVED;
use till_tests::client::{send, text};
use till_tests::wait::until;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

async fn described(app: &TestApp) -> Result<Value> {
    let answer = send(app.api.request(Method::GET, "/openapi.json")).await?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(answer.json())
}

fn calls(api: &Value) -> Result<Vec<(String, String, Value)>> {
    let paths = api["paths"].as_object().context("no paths")?;
    let calls = paths.iter().flat_map(|(path, item)| {
        METHODS.iter().filter_map(move |method| {
            let call = item.get(method)?;
            Some((path.clone(), (*method).to_owned(), call.clone()))
        })
    });
    Ok(calls.collect())
}

#[tokio::test]
async fn every_operation_exists_and_is_described() -> Result<()> {
    let app = TestApp::start().await?;
    let api = described(&app).await?;
    ensure!(
        api["openapi"]
            .as_str()
            .is_some_and(|v| v.starts_with("3.1")),
        "{}",
        api["openapi"]
    );
    let calls = calls(&api)?;
    ensure!(calls.len() > 25, "{}", calls.len());
    for (path, method, call) in &calls {
        let real = path
            .split('/')
            .map(|part| if part.starts_with('{') { "inv_0" } else { part });
        let real = real.collect::<Vec<_>>().join("/");
        let method = Method::from_bytes(method.to_uppercase().as_bytes())?;
        let answer = send(app.api.request(method.clone(), &real)).await?;
        ensure!(answer.status != 405, "{method} {path} does not exist");
        let nothing_there = answer.json()["detail"]
            .as_str()
            .is_some_and(|d| d.contains("No resource exists at"));
        ensure!(!nothing_there, "{method} {path} does not exist");
        assert_described(&api, call).with_context(|| format!("{method} {path}"))?;
    }
    let ids = calls.iter().map(|(.., call)| call["operationId"].as_str());
    let ids: BTreeSet<_> = ids.collect();
    ensure!(ids.len() == calls.len(), "operation ids repeat: {ids:?}");
    Ok(())
}

/// Checks that an operation has everything that a client generator needs.
fn assert_described(api: &Value, call: &Value) -> Result<()> {
    let text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    ensure!(text(&call["summary"]), "no summary");
    ensure!(text(&call["description"]), "no description");
    let id = call["operationId"].as_str().context("no operation id")?;
    ensure!(
        id.starts_with(|c: char| c.is_ascii_lowercase())
            && id.chars().all(|c| c.is_ascii_alphanumeric()),
        "{id}"
    );
    let security = call["security"].as_array().context("no security")?;
    for scheme in security.iter().flat_map(|s| s.as_object()).flatten() {
        let schemes = &api["components"]["securitySchemes"];
        ensure!(schemes[scheme.0].is_object(), "{scheme:?}");
    }
    let responses = call["responses"].as_object().context("no responses")?;
    for (status, response) in responses {
        ensure!(
            text(&response["description"]),
            "{status} has no description"
        );
        let content = response["content"].as_object();
        let kinds: Vec<_> = content.iter().flat_map(|c| c.keys()).collect();
        let problem = ["application/problem+json", "text/html"];
        ensure!(
            status.starts_with(['2', '3']) || kinds.iter().any(|k| problem.contains(&k.as_str())),
            "{status} has neither a problem document nor a page"
        );
    }
    ensure!(
        responses.keys().any(|status| status.starts_with('5')),
        "no server error"
    );
    let parameters = call["parameters"].as_array();
    for parameter in parameters.into_iter().flatten() {
        ensure!(text(&parameter["description"]), "{parameter}");
    }
    // What a request without credentials, with a wrong body or for no object gets.
    let expected = [
        (!security.is_empty(), "401"),
        (call["requestBody"].is_object(), "413"),
        (call["requestBody"].is_object(), "422"),
        (
            parameters.is_some_and(|all| all.iter().any(|p| p["in"] == "path")),
            "404",
        ),
        (
            parameters.is_some_and(|all| all.iter().any(|p| p["in"] == "query"))
                && !security.is_empty(),
            "422",
        ),
    ];
    for (applies, status) in expected {
        ensure!(
            !applies || responses.contains_key(status),
            "{status} is not documented"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_document_names_its_server_and_no_stranger() -> Result<()> {
    let app = TestApp::start().await?;
    let api = described(&app).await?;
    ensure!(
        api["servers"][0]["url"] == *app.api.url,
        "{}",
        api["servers"]
    );
    ensure!(api["info"]["contact"].is_null(), "{}", api["info"]);
    let mut texts = vec![];
    descriptions(&api, &mut texts);
    ensure!(texts.len() > 400, "{}", texts.len());
    for text in texts {
        // Links of the source code lead nowhere here.
        ensure!(!text.contains("[`") && !text.contains("crate::"), "{text}");
    }
    Ok(())
}

fn descriptions<'a>(value: &'a Value, all: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(text) if name == "description" => all.push(text),
                    other => descriptions(other, all),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| descriptions(item, all)),
        _ => {}
    }
}

#[tokio::test]
async fn enums_have_the_values_of_the_wire() -> Result<()> {
    let app = TestApp::start().await?;
    let api = described(&app).await?;
    macro_rules! check {
        ($($name:ty),+ $(,)?) => { $(
            let name = stringify!($name).rsplit("::").next().unwrap_or_default().trim();
            let values = &api["components"]["schemas"][name]["enum"];
            let expected: Vec<_> = <$name>::ALL.iter().map(|v| v.as_str()).collect();
            ensure!(*values == json!(expected), "{name}: {values}");
        )+ };
    }
    check!(
        till_shared::buyer::BuyerField,
        till_shared::card::Brand,
        till_shared::dispute::DisputeStatus,
        till_shared::event::DeliveryState,
        till_shared::event::EventType,
        till_shared::invoice::InvoiceStatus,
        till_shared::payment::DeclineCode,
        till_shared::payment::Method,
        till_shared::payment::PaymentStatus,
        till_shared::problem::ProblemType,
        till_shared::refund::RefundSource,
        till_shared::refund::RefundStatus,
        till_shared::widget::CardEntry,
        till_shared::widget::OpenMode,
        till_shared::widget::Theme,
    );
    Ok(())
}

/// The limits in the document are those of the code. Schemathesis tries the rest of them.
#[tokio::test]
async fn limits_are_those_of_the_code() -> Result<()> {
    let app = TestApp::start().await?;
    let api = described(&app).await?;
    let order = &api["components"]["schemas"]["NewInvoice"]["properties"];
    let amounts = Money::ORDER_AMOUNTS;
    ensure!(order["amount"]["minimum"] == *amounts.start(), "{order}");
    ensure!(order["amount"]["maximum"] == *amounts.end(), "{order}");
    ensure!(
        order["expires_in_seconds"]["minimum"] == *TTL_SECONDS.start(),
        "{order}"
    );
    ensure!(
        order["expires_in_seconds"]["maximum"] == *TTL_SECONDS.end(),
        "{order}"
    );
    let lists = calls(&api)?.into_iter().filter(|(.., call)| {
        let id = call["operationId"].as_str().unwrap_or_default();
        id.starts_with("list")
    });
    let mut checked = 0;
    for (path, _, call) in lists {
        let parameters = call["parameters"].as_array().context("no parameters")?;
        let schema = |name: &str| {
            let found = parameters.iter().find(|p| p["name"] == name);
            found.map(|p| p["schema"].clone()).context(path.clone())
        };
        let limit = schema("limit")?;
        ensure!(
            limit["minimum"] == 1 && limit["maximum"] == 100,
            "{path}: {limit}"
        );
        ensure!(limit["default"] == 20, "{path}: {limit}");
        ensure!(schema("cursor")?["$ref"].is_string(), "{path}");
        checked += 1;
    }
    ensure!(checked == 7, "{checked}");
    Ok(())
}

/// Every callback is described, and a real one has the objects that its description names.
#[tokio::test]
async fn callbacks_are_described() -> Result<()> {
    let app = TestApp::start().await?;
    let api = described(&app).await?;
    let webhooks = api["webhooks"].as_object().context("no webhooks")?;
    let names: BTreeSet<_> = webhooks.keys().map(String::as_str).collect();
    let types: BTreeSet<_> = EventType::ALL.iter().map(|kind| kind.as_str()).collect();
    ensure!(names == types, "{names:?}");
    let answer = &webhooks["order.check"]["post"]["responses"]["200"];
    let answer = &answer["content"]["application/json"]["schema"]["$ref"];
    ensure!(
        answer == "#/components/schemas/OrderCheckAnswer",
        "{answer}"
    );

    let opened = app.api.invoice("42").await?;
    let paid = app.api.paid_with(&opened, APPROVED).await?;
    app.api.until_status(&opened.id, "paid").await?;
    app.refund(&text(&paid["payment"]["id"])?, 500).await?;
    let canceled = app.api.invoice("43").await?;
    let cancel = format!("/v1/invoices/{}/cancel", canceled.id);
    send(app.api.secret(Method::POST, &cancel)).await?;
    send(app.api.secret(Method::POST, "/v1/events/ping")).await?;
    let expected = BTreeSet::from([
        "invoice.canceled".to_owned(),
        "invoice.paid".to_owned(),
        "payment.succeeded".to_owned(),
        "ping".to_owned(),
        "refund.succeeded".to_owned(),
    ]);
    let types = || {
        app.project
            .callbacks()
            .into_iter()
            .map(|c| c.body["type"].as_str().unwrap_or_default().to_owned())
    };
    until("every callback", async || {
        Ok(types().collect::<BTreeSet<_>>() == expected)
    })
    .await?;
    for callback in app.project.callbacks() {
        let kind = text(&callback.body["type"])?;
        let body = &webhooks[&kind]["post"]["requestBody"]["content"]["application/json"];
        let described = body["schema"]["allOf"][1]["properties"]["data"]["required"].as_array();
        let described: BTreeSet<_> = described
            .into_iter()
            .flatten()
            .map(|v| v.as_str())
            .collect();
        let sent = callback.body["data"].as_object().context("no data")?;
        let sent: BTreeSet<_> = sent.keys().map(|name| Some(name.as_str())).collect();
        ensure!(described == sent, "{kind}: {described:?} {sent:?}");
    }
    Ok(())
}

/// Every route comes from `routes!` with a described handler, except the OpenAPI document itself and what
/// only browsers call.
#[test]
fn every_route_is_described() -> Result<()> {
    let http = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/src/http");
    let mut routes = Routes::default();
    let mut dirs = vec![http];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                routes.visit_file(&syn::parse_file(&std::fs::read_to_string(&path)?)?);
            }
        }
    }
    let undescribed = routes.0;
    ensure!(
        undescribed == BTreeSet::from(["/openapi.json", "/pay/csp-reports"].map(str::to_owned)),
        "{undescribed:?}"
    );
    Ok(())
}

/// The paths of the calls of a router's `route`, which takes handlers without a description.
#[derive(Default)]
struct Routes(BTreeSet<String>);

impl<'ast> Visit<'ast> for Routes {
    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if call.method == "route" {
            let path = match call.args.first() {
                Some(syn::Expr::Lit(syn::ExprLit {
                    lit: syn::Lit::Str(path),
                    ..
                })) => path.value(),
                _ => "a path that is not a literal".to_owned(),
            };
            self.0.insert(path);
        }
        syn::visit::visit_expr_method_call(self, call);
    }
}

#[tokio::test]
async fn every_problem_type_has_an_example() -> Result<()> {
    let app = TestApp::start().await?;
    let api = described(&app).await?;
    let mut described = BTreeSet::new();
    for (.., call) in calls(&api)? {
        for response in call["responses"]
            .as_object()
            .context("no responses")?
            .values()
        {
            let examples = &response["content"]["application/problem+json"]["examples"];
            described.extend(
                examples
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, _)| name.clone()),
            );
        }
    }
    for kind in ProblemType::ALL {
        // A method that is not allowed has no operation.
        if *kind != ProblemType::MethodNotAllowed {
            ensure!(described.contains(kind.as_str()), "{kind}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn references_resolve_and_the_viewer_is_served() -> Result<()> {
    let app = TestApp::start().await?;
    let answer = send(app.api.request(Method::GET, "/openapi.json")).await?;
    let api = answer.json();
    for reference in answer.text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap_or_default();
        ensure!(api.pointer(pointer).is_some(), "{pointer} does not exist");
    }
    for path in [
        "/docs/",
        "/docs/swagger-ui-bundle.js",
        "/docs/swagger-ui.css",
    ] {
        let answer = send(app.api.request(Method::GET, path)).await?;
        ensure!(answer.status == 200, "{path}: {}", answer.status);
        ensure!(
            !answer.text.contains("src=\"http"),
            "{path} loads from another origin"
        );
    }
    Ok(())
}
