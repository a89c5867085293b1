//! The OpenAPI document: it describes every route, and every described route exists.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use syn::visit::Visit;
use till_shared::problem::ProblemType;
use till_tests::TestApp;
use till_tests::client::send;

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
        ensure!(
            call["summary"].is_string(),
            "{method} {path} has no summary"
        );
        for (status, response) in call["responses"].as_object().context("no responses")? {
            let described_response = response["description"]
                .as_str()
                .is_some_and(|d| !d.is_empty());
            ensure!(
                described_response || status == "404",
                "{method} {path} {status} has no description"
            );
        }
    }
    Ok(())
}

/// Every route comes from `routes!` with a described handler, except the OpenAPI document itself.
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
        undescribed == BTreeSet::from(["/openapi.json".to_owned()]),
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
