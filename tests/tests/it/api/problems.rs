//! The pages that explain problem types.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use till_shared::problem::ProblemType;
use till_tests::TestApp;
use till_tests::client::send;

/// The `type` of every problem document leads to its page.
#[tokio::test]
async fn every_problem_type_has_a_page() -> Result<()> {
    let app = TestApp::start().await?;
    for kind in ProblemType::ALL {
        let path = format!("/problems/{kind}");
        let page = send(app.api.request(Method::GET, &path)).await?;
        ensure!(page.status == 200, "{page:?}");
        ensure!(
            page.header("content-type").starts_with("text/html"),
            "{page:?}"
        );
        ensure!(
            page.text.contains(&format!("<h1>{}</h1>", kind.title())),
            "{page:?}"
        );
    }
    let unknown = send(app.api.request(Method::GET, "/problems/unknown")).await?;
    unknown.problem(404, "not-found")?;
    // A real problem document leads there.
    let refused = app.api.request(Method::GET, "/v1/invoices");
    let refused = send(refused).await?.json();
    let page = refused["type"].as_str().context("no type")?;
    let page = send(app.api.request(Method::GET, page)).await?;
    ensure!(page.status == 200, "{page:?}");
    Ok(())
}
