//! What the API shows of the ledger.

use super::totals::{Ledger, Totals};
use crate::app::TestApp;
use crate::client::{send, text};
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::Value;
use std::collections::HashMap;

/// Reads a whole list.
async fn all(app: &TestApp, list: &str) -> Result<Vec<Value>> {
    let mut all = vec![];
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/{list}?limit=100{cursor}");
        let answer = send(app.api.secret(Method::GET, &path)).await?;
        ensure!(answer.status == 200, "{path}: {answer:?}");
        let page = answer.json();
        all.extend(page["data"].as_array().context("no list")?.clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(all),
        }
    }
}

/// Checks that payments, disputes and invoices are shown with the ledger's amounts.
pub(super) async fn assert_shows(app: &TestApp, ledger: &Ledger) -> Result<()> {
    let disputes = all(app, "disputes").await?;
    let disputes: HashMap<_, _> = disputes
        .iter()
        .map(|one| (one["payment"].as_str(), one["status"].as_str()))
        .collect();
    for payment in all(app, "payments").await? {
        let id = text(&payment["id"])?;
        let totals = ledger.get(&id).cloned().unwrap_or_default();
        let shown = Totals {
            captured: totals.captured,
            refunded: payment["amount_refunded"].as_i64().context("no amount")?,
            reversed: payment["amount_reversed"].as_i64().context("no amount")?,
            dispute: disputes
                .get(&Some(id.as_str()))
                .and_then(|status| status.map(str::to_owned)),
        };
        ensure!(shown == totals, "{payment} is shown, it has {totals:?}");
    }
    let refunds = all(app, "refunds").await?;
    let mut refunded: HashMap<String, i64> = HashMap::new();
    for refund in &refunds {
        if refund["status"] == "succeeded" {
            *refunded.entry(text(&refund["payment"])?).or_default() +=
                refund["amount"].as_i64().context("no amount")?;
        }
    }
    for (payment, totals) in ledger {
        let listed = refunded.get(payment).copied().unwrap_or_default();
        ensure!(listed == totals.refunded, "{payment}: {listed}, {totals:?}");
    }
    let duplicates: Vec<_> = refunds
        .iter()
        .filter(|refund| refund["source"] == "duplicate")
        .filter_map(|refund| refund["payment"].as_str())
        .collect();
    for invoice in all(app, "invoices").await? {
        let amount = invoice["amount"].as_i64().context("no amount")?;
        let payments = invoice["payments"].as_array().context("no payments")?;
        let own = payments.iter().filter_map(|payment| payment["id"].as_str());
        let own = own.filter(|id| !duplicates.contains(id));
        let sum: i64 = own.filter_map(|id| refunded.get(id)).sum();
        ensure!(
            invoice["amount_refunded"] == sum.min(amount),
            "{sum} was refunded of {invoice}"
        );
        let status = match invoice["status"].as_str() {
            Some("paid" | "partially_refunded" | "refunded") if sum >= amount => "refunded",
            Some("paid" | "partially_refunded" | "refunded") if sum > 0 => "partially_refunded",
            Some("partially_refunded" | "refunded") => "paid",
            _ => continue,
        };
        ensure!(
            invoice["status"] == status,
            "{sum} was refunded of {invoice}"
        );
    }
    Ok(())
}
