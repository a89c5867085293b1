//! The alerting rules and the dashboard of docs/operations.md.

use anyhow::{Context, Result, anyhow, bail, ensure};
use promql_parser::parser::{self, Expr};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::Value;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs;
use till_tests::TestApp;
use till_tests::cards::{APPROVED, INSUFFICIENT_FUNDS};
use till_tests::docs::docs;
use till_tests::metrics::Metrics;

/// Metrics that Prometheus adds.
const OTHERS: [&str; 1] = ["up"];

/// Scrapes a server on which every metric exists.
async fn metrics_after_payments() -> Result<Metrics> {
    let app = TestApp::start().await?;
    for (order, number) in [("1", APPROVED), ("2", INSUFFICIENT_FUNDS)] {
        let opened = app.api.invoice(order).await?;
        app.api.paid_with(&opened, number).await?;
    }
    Metrics::of(&app).await
}

/// Returns the metrics in a PromQL expression.
fn names(promql: &str) -> Result<BTreeSet<String>> {
    struct Names(BTreeSet<String>);
    impl ExprVisitor for Names {
        type Error = Infallible;

        fn pre_visit(&mut self, expr: &Expr) -> Result<bool, Infallible> {
            match expr {
                Expr::VectorSelector(of) => self.0.extend(of.name.clone()),
                Expr::MatrixSelector(of) => self.0.extend(of.vs.name.clone()),
                _ => {}
            }
            Ok(true)
        }
    }
    // Grafana replaces this variable.
    let promql = promql.replace("$__rate_interval", "5m");
    let expr = parser::parse(&promql).map_err(|why| anyhow!("{promql}: {why}"))?;
    let mut names = Names(BTreeSet::new());
    let Ok(_) = walk_expr(&mut names, &expr);
    ensure!(!names.0.is_empty(), "{promql} names no metric");
    Ok(names.0)
}

fn real(metrics: &Metrics, promql: &str) -> Result<BTreeSet<String>> {
    let names = names(promql)?;
    for name in &names {
        let known = metrics.names().contains(name.as_str()) || OTHERS.contains(&name.as_str());
        ensure!(known, "{promql}: a server has no {name}");
    }
    Ok(names)
}

#[tokio::test]
async fn alerts_use_existing_metrics() -> Result<()> {
    let metrics = metrics_after_payments().await?;
    let text = fs::read_to_string(docs()?.join("operations/alerts.yml"))?;
    let file: Value = serde_yaml_ng::from_str(&text)?;
    let page = fs::read_to_string(docs()?.join("operations.md"))?;
    let mut alerts = BTreeSet::new();
    for group in file["groups"].as_array().context("no groups")? {
        ensure!(group["name"].is_string(), "{group}");
        for rule in group["rules"].as_array().context("no rules")? {
            let name = rule["alert"].as_str().context("no name")?;
            ensure!(alerts.insert(name.to_owned()), "{name} is a duplicate");
            real(&metrics, rule["expr"].as_str().context("no expr")?).context(name.to_owned())?;
            if let Some(duration) = rule["for"].as_str() {
                let whole = duration.strip_suffix(['s', 'm', 'h']);
                ensure!(whole.is_some_and(|n| n.parse::<u32>().is_ok()), "{name}");
            }
            let severity = rule["labels"]["severity"].as_str();
            ensure!(matches!(severity, Some("page" | "ticket")), "{name}");
            for text in ["summary", "description"] {
                let text = rule["annotations"][text].as_str().unwrap_or_default();
                ensure!(text.len() > 20, "{name}");
            }
            let fields = rule.as_object().context("no rule")?.keys();
            for field in fields {
                let known = ["alert", "expr", "for", "labels", "annotations"];
                ensure!(known.contains(&field.as_str()), "{name}: {field}");
            }
            ensure!(
                page.contains(&format!("`{name}`")),
                "{name} is not explained"
            );
        }
    }
    ensure!(alerts.len() > 10, "{alerts:?}");
    Ok(())
}

#[tokio::test]
async fn the_dashboard_shows_every_metric() -> Result<()> {
    let metrics = metrics_after_payments().await?;
    let text = fs::read_to_string(docs()?.join("operations/grafana.json"))?;
    let board: Value = serde_json::from_str(&text)?;
    let variables = board["templating"]["list"].as_array().context("no list")?;
    let source = variables.iter().find(|v| v["name"] == "datasource");
    let source = source.context("no datasource to choose")?;
    ensure!(source["type"] == "datasource" && source["query"] == "prometheus");
    ensure!(board["title"] == "Till" && board["schemaVersion"].is_u64());

    let (mut shown, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for panel in board["panels"].as_array().context("no panels")? {
        ensure!(ids.insert(panel["id"].as_u64()), "{panel}");
        ensure!(
            panel["gridPos"]["w"].as_u64().is_some_and(|w| w <= 24),
            "{panel}"
        );
        if panel["type"] == "row" {
            continue;
        }
        ensure!(
            panel["description"].as_str().is_some_and(|d| !d.is_empty()),
            "{panel}"
        );
        for target in panel["targets"].as_array().context("no targets")? {
            for of in [panel, target] {
                ensure!(of["datasource"]["uid"] == "${datasource}", "{of}");
            }
            let promql = target["expr"].as_str().context("no expr")?;
            shown.extend(real(&metrics, promql)?);
        }
    }
    let shown: BTreeSet<_> = shown.iter().map(|name| family(name)).collect();
    for name in metrics.names() {
        ensure!(shown.contains(&family(name)), "{name} is on no panel");
    }
    Ok(())
}

/// Returns a metric's name without the suffix of a histogram series.
fn family(name: &str) -> String {
    let ends = ["_bucket", "_sum", "_count"];
    let end = ends.iter().find_map(|end| name.strip_suffix(end));
    end.unwrap_or(name).to_owned()
}

#[tokio::test]
async fn the_operations_page_lists_every_metric() -> Result<()> {
    let metrics = metrics_after_payments().await?;
    let there: BTreeSet<_> = metrics.names().iter().map(|name| family(name)).collect();
    let page = fs::read_to_string(docs()?.join("operations.md"))?;
    let rows = page.lines().filter(|line| line.starts_with("| `till_"));
    let words = rows.flat_map(|line| line.split('`').skip(1).step_by(2));
    let named: BTreeSet<_> = words.filter(|word| word.starts_with("till_")).collect();
    let there: BTreeSet<_> = there.iter().map(String::as_str).collect();
    ensure!(named == there, "{:?}", named.symmetric_difference(&there));
    Ok(())
}

#[test]
fn the_prometheus_configuration_is_valid() -> Result<()> {
    let text = fs::read_to_string(docs()?.join("operations/prometheus.yml"))?;
    let file: Value = serde_yaml_ng::from_str(&text)?;
    let job = &file["scrape_configs"][0];
    ensure!(
        job["job_name"] == "till" && job["metrics_path"] == "/metrics",
        "{job}"
    );
    let Some(rules) = file["rule_files"][0].as_str() else {
        bail!("no rules");
    };
    ensure!(docs()?.join("operations").join(rules).is_file(), "{rules}");
    Ok(())
}
