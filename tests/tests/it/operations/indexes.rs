//! The indexes of lists, which the server makes when it starts.

use anyhow::{Result, ensure};
use sqlx::AnyPool;
use till_tests::TestApp;
use till_tests::database::on_postgres;

/// Counts the complete indexes.
async fn complete(store: &AnyPool) -> Result<i64> {
    let sql = if on_postgres() {
        "select count(*) from pg_index x join pg_class c on c.oid = x.indexrelid
         where x.indisvalid and c.relnamespace = cast('public' as regnamespace)"
    } else {
        "select count(*) from sqlite_schema where type = 'index'"
    };
    Ok(sqlx::query_scalar(sql).fetch_one(store).await?)
}

#[tokio::test]
async fn missing_and_incomplete_indexes_are_made_again() -> Result<()> {
    let app = TestApp::start().await?;
    let store = app.store().await?;
    let all = complete(&store).await?;
    let mut removed = 1;
    sqlx::query("drop index invoices_status")
        .execute(&store)
        .await?;
    if on_postgres() {
        // An interrupted `create index concurrently` leaves this.
        let sql = "update pg_index set indisvalid = false
             where indexrelid = cast('events_type' as regclass)";
        sqlx::query(sql).execute(&store).await?;
        removed += 1;
    }
    ensure!(complete(&store).await? == all - removed);
    // A server is running, and two commands take turns.
    let migrate = ["migrate"];
    let (first, second) = tokio::join!(app.till(&migrate), app.till(&migrate));
    for done in [first?, second?] {
        ensure!(done.is_ok(), "{done:?}");
    }
    ensure!(complete(&store).await? == all);
    Ok(())
}
