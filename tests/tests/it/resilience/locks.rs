//! Locks of PostgreSQL: what waits for one holds up nothing else, and nothing waits in a circle.

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use reqwest::Method;
use std::pin::pin;
use std::time::Duration;
use till_tests::TestApp;
use till_tests::cards::SLOW;
use till_tests::client::{Api, card, send};
use till_tests::database::on_postgres;
use till_tests::wait::until;
use tokio::time::timeout;

/// How many orders are created meanwhile.
const ORDERS: usize = 64;
/// How often the order that is locked is created. A server runs four statements that insert orders at a time.
const LOCKED: usize = 2;
/// Less than a statement may take.
const PATIENCE: Duration = Duration::from_secs(8);

#[tokio::test]
async fn an_order_that_waits_for_a_lock_holds_up_no_other() -> Result<()> {
    ensure!(on_postgres(), "this test needs PostgreSQL");
    let app = TestApp::start().await?;
    let known = app.api.invoice("known").await?;
    // A server has inserted this order and does not go on.
    let store = app.store().await?;
    let mut stopped = store.begin().await?;
    sqlx::query(
        "insert into invoices (id, project, order_id, order_hash, amount, currency, items, buyer, metadata, status,
         checked, created_at, expires_at)
         select 'inv_stopped', project, 'locked', order_hash, amount, currency, items, buyer, metadata, status,
         checked, created_at, expires_at from invoices where id = $1",
    )
    .bind(&known.id)
    .execute(&mut *stopped)
    .await?;
    let make = |order_id: String| {
        let order = app.api.secret(Method::POST, "/v1/invoices");
        send(order.json(&Api::order(&order_id)))
    };
    // Some of them are inserted together with others.
    let mut locked = pin!(try_join_all((0..LOCKED).map(|_| make("locked".into()))));
    let others = try_join_all((0..ORDERS).map(|number| make(number.to_string())));
    tokio::select! {
        locked = &mut locked => anyhow::bail!("the order is locked: {locked:?}"),
        others = timeout(PATIENCE, others) => for answer in others.context("they wait, too")?? {
            ensure!(answer.status == 201, "{answer:?}");
        }
    }
    stopped.rollback().await?;
    let mut created = 0;
    for answer in locked.await? {
        ensure!(matches!(answer.status, 200 | 201), "{answer:?}");
        created += u8::from(answer.status == 201);
    }
    ensure!(created == 1, "created {created} times");
    Ok(())
}

#[tokio::test]
async fn a_report_waits_for_its_invoice_before_it_claims_a_reference() -> Result<()> {
    ensure!(on_postgres(), "this test needs PostgreSQL");
    let app = TestApp::with_settings(&[], &["--connector-timeout-ms", "10000"]).await?;
    let store = app.store().await?;
    let opened = app.api.invoice("1").await?;
    let card = card(SLOW);
    let mut pay = pin!(app.api.pay(&opened, &card));
    let submitted = until("the payment system has the payment", async || {
        Ok(!app.sandbox_references().await?.is_empty())
    });
    tokio::select! {
        paid = &mut pay => anyhow::bail!("the payment system answers later: {paid:?}"),
        submitted = submitted => submitted?,
    }
    // Another change of the invoice, which the answer to the call waits for.
    let mut other = app.store().await?.begin().await?;
    sqlx::query("select 1 from invoices where id = $1 for no key update")
        .bind(&opened.id)
        .execute(&mut *other)
        .await?;
    let waits = until("the answer to wait for the invoice", async || {
        let sql = "select cast(count(*) as bigint) from pg_stat_activity
                   where wait_event_type = 'Lock' and datname = current_database()";
        let waiting: i64 = sqlx::query_scalar(sql).fetch_one(&store).await?;
        Ok(waiting > 0)
    });
    tokio::select! {
        paid = &mut pay => anyhow::bail!("the invoice is locked: {paid:?}"),
        waits = waits => waits?,
    }
    // It claims the same reference.
    for reference in app.sandbox_references().await? {
        sqlx::query(
            "insert into payment_references (connector, reference, payment)
             select 'sandbox', $1, id from payments where invoice = $2",
        )
        .bind(reference)
        .bind(&opened.id)
        .execute(&mut *other)
        .await?;
    }
    other.commit().await?;
    let paid = pay.await?;
    ensure!(paid.status == 201, "{paid:?}");
    app.api.until_status(&opened.id, "paid").await?;
    Ok(())
}
