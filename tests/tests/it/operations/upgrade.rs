//! Schema upgrades while an old server still runs: migrations expand the schema first and contract
//! it after the old servers are gone.

use anyhow::{Context, Result, ensure};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use futures::{StreamExt, TryStreamExt, stream};
use reqwest::Method;
use sha2::{Digest, Sha256};
use sqlx::migrate::Migrator;
use sqlx::{AnyPool, AssertSqlSafe, Column, Row, SqlSafeStr, TypeInfo};
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::Duration;
use till_tests::TestApp;
use till_tests::cards::{APPROVED, VERIFIED};
use till_tests::client::{Opened, card, send};
use till_tests::database::{Database, on_postgres};
use till_tests::ledger::{assert_consistent, until_settled};

/// The tables, ordered by their foreign keys.
const TABLES: [&str; 10] = [
    "projects",
    "secret_keys",
    "connector_accounts",
    "invoices",
    "payments",
    "refunds",
    "events",
    "event_attempts",
    "connector_webhooks",
    "idempotency_keys",
];

/// The SHA-256 digest of the first schema.
const FIRST: &str = "5d78430a9459d4bda4909162eb4a63a659700222379ec11aeb86d9bc5aefdb46";

fn migrations() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/migrations")
}

/// Returns the migrations up to a version.
async fn up_to(version: i64) -> Result<Migrator> {
    let all = Migrator::new(migrations()).await?;
    let some = all.migrations.iter().filter(|m| m.version <= version);
    Ok(Migrator {
        migrations: Cow::Owned(some.cloned().collect()),
        ..Migrator::DEFAULT
    })
}

#[test]
fn released_migrations_are_unchanged() -> Result<()> {
    let text = std::fs::read(migrations().join("0001_first.sql"))?;
    let now = hex::encode(Sha256::digest(&text));
    ensure!(now == FIRST, "0001_first.sql has changed: {now}");
    Ok(())
}

/// Old servers must be able to read and write the new schema.
#[test]
fn later_migrations_only_expand() -> Result<()> {
    for entry in migrations().read_dir()? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        // A contracting migration has a name of its own and is released after the last server that
        // needs the old schema.
        if !name.ends_with(".sql") || name == "0001_first.sql" || name.ends_with("_contract.sql") {
            continue;
        }
        let text = std::fs::read_to_string(&path)?;
        let code: String = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("--"))
            .collect::<Vec<_>>()
            .join(" ");
        for statement in code.split(';').map(str::trim).filter(|s| !s.is_empty()) {
            let words = statement.to_lowercase();
            let column = words.starts_with("alter table") && words.contains(" add column ");
            let required = words.contains("not null") && !words.contains("default");
            let expands = words.starts_with("create table")
                || words.starts_with("create index")
                || column && !required;
            ensure!(expands, "{name}: {statement}");
        }
    }
    Ok(())
}

/// PostgreSQL rejects a prepared `select *` once a column is added.
#[tokio::test]
async fn a_running_server_survives_added_columns() -> Result<()> {
    // One connection, which prepares every statement of the first round.
    let app = TestApp::with_settings(&[], &["--database-connections", "1"]).await?;
    assert_usable(&app, &create_data(&app, "before").await?).await?;
    let store = app.store().await?;
    for table in TABLES {
        let sql = format!("alter table {table} add column added_later bigint");
        sqlx::query(AssertSqlSafe(sql)).execute(&store).await?;
    }
    assert_usable(&app, &create_data(&app, "after").await?).await?;
    until_settled(&app, Duration::from_secs(60)).await?;
    let summary = assert_consistent(&app).await?;
    ensure!(summary.paid == 6 && summary.refunds == 2, "{summary:?}");
    Ok(())
}

/// Copies rows with the columns of the old schema.
async fn copy_rows(from: &AnyPool, to: &AnyPool, table: &str, rows: &str) -> Result<()> {
    let sql = format!("select * from {table} {rows}");
    let none = format!("select * from {table} where 1 = 0");
    let known = sqlx::Executor::describe(to, AssertSqlSafe(none).into_sql_str()).await?;
    let known: Vec<_> = known.columns.iter().map(|c| c.name().to_owned()).collect();
    for row in sqlx::query(AssertSqlSafe(sql)).fetch_all(from).await? {
        let columns = row
            .columns()
            .iter()
            .filter(|c| known.iter().any(|k| k == c.name()));
        let names: Vec<_> = columns.clone().map(Column::name).collect();
        let places: Vec<_> = (1..=names.len()).map(|n| format!("${n}")).collect();
        let insert = format!(
            "insert into {table} ({}) values ({})",
            names.join(", "),
            places.join(", ")
        );
        let mut insert = sqlx::query(AssertSqlSafe(insert));
        for column in columns {
            // A null has a type in PostgreSQL and none in SQLite.
            let number = column.type_info().name() == "BIGINT";
            insert = match row.try_get::<Option<String>, _>(column.name()) {
                Ok(text) if !number => insert.bind(text),
                Ok(_) | Err(_) => insert.bind(row.try_get::<Option<i64>, _>(column.name())?),
            };
        }
        insert.execute(to).await.context(table.to_owned())?;
    }
    Ok(())
}

/// Invoices in several states.
struct Data {
    open: Opened,
    waiting: Opened,
    paid: Opened,
    key_used: String,
    /// The response under that key.
    response: String,
}

async fn create_data(app: &TestApp, name: &str) -> Result<Data> {
    let api = &app.api;
    let open = api.invoice(&format!("open {name}")).await?;
    let waiting = api.invoice(&format!("waiting {name}")).await?;
    api.paid_with(&waiting, VERIFIED).await?;
    let paid = api.invoice(&format!("paid {name}")).await?;
    let key_used = format!("key-{name}");
    let request = api.widget(Method::POST, &paid, "/payments");
    let request = request.header("idempotency-key", &key_used);
    let answer = send(request.json(&card(APPROVED))).await?;
    ensure!(answer.status == 201, "{answer:?}");
    Ok(Data {
        open,
        waiting,
        paid,
        key_used,
        response: answer.text,
    })
}

async fn assert_usable(app: &TestApp, data: &Data) -> Result<()> {
    let api = &app.api;
    let request = api.widget(Method::POST, &data.paid, "/payments");
    let request = request.header("idempotency-key", &data.key_used);
    let again = send(request.json(&card(APPROVED))).await?;
    ensure!(again.header("idempotent-replayed") == "true", "{again:?}");
    ensure!(again.text == data.response, "{again:?}");
    let shown = send(api.widget(Method::GET, &data.waiting, ""))
        .await?
        .json();
    let form = shown["verification"]["url"].as_str().context("no form")?;
    send(
        api.request(Method::POST, form)
            .form(&[("action", "confirm")]),
    )
    .await?;
    api.until_status(&data.waiting.id, "paid").await?;
    api.paid_with(&data.open, APPROVED).await?;
    let invoice = api.read(&data.paid.id).await?;
    let payment = invoice["payments"][0]["id"]
        .as_str()
        .context("no payment")?;
    app.refund(payment, 100).await?;
    let lists = [
        api.secret(Method::GET, "/v1/invoices"),
        api.secret(Method::GET, "/v1/events"),
        app.operator(Method::GET, "/v1/projects"),
    ];
    for list in lists {
        let answer = send(list).await?;
        ensure!(answer.status == 200, "{answer:?}");
    }
    Ok(())
}

/// How many upgrades are tested at a time: they wait more than they compute.
const CONCURRENT: usize = 3;

/// For every schema version: rows that an old server wrote before the upgrade, and rows that it
/// writes while the new server runs.
#[tokio::test]
async fn an_old_server_can_run_during_the_upgrade() -> Result<()> {
    let all = Migrator::new(migrations()).await?;
    let versions: Vec<_> = all.migrations.iter().map(|m| m.version).collect();
    stream::iter(versions)
        .map(upgrade_from)
        .buffer_unordered(CONCURRENT)
        .try_for_each(async |()| Ok(()))
        .await
}

/// The version of the schema from which on responses are stored encrypted.
const ENCRYPTED_RESPONSES: i64 = 12;

/// Stores the response to the call with a key as a server of before the encrypted responses did.
async fn store_response(store: &AnyPool, data: &Data, columns: &str) -> Result<()> {
    let sql =
        format!("update idempotency_keys set status = 201, body = $1{columns} where key = $2");
    sqlx::query(AssertSqlSafe(sql))
        .bind(&data.response)
        .bind(&data.key_used)
        .execute(store)
        .await?;
    Ok(())
}

async fn upgrade_from(version: i64) -> Result<()> {
    // The endpoint fails while the old server runs, so callbacks stay pending.
    let mut app = TestApp::start().await?;
    app.project
        .respond_to_callbacks(|_| StatusCode::BAD_GATEWAY.into_response());
    let before = create_data(&app, "before").await?;
    let first = ids(&app).await?;
    let after = create_data(&app, "after").await?;
    ensure!(app.terminate().await?);
    let written = app.store().await?;

    let directory = tempfile::tempdir()?;
    let old = Database::empty(directory.path()).await?;
    let store = old.new_pool().await?;
    up_to(version).await?.run(&store).await?;
    for table in TABLES {
        copy_rows(&written, &store, table, &of_invoices(table, &first, true)).await?;
    }
    let plain = version < ENCRYPTED_RESPONSES;
    if plain {
        store_response(&store, &before, "").await?;
    }
    app.move_to(old);
    app.restart().await?;
    // Without `select *`, prepared statements survive the added column.
    let store = app.store().await?;
    for table in TABLES {
        copy_rows(&written, &store, table, &of_invoices(table, &first, false)).await?;
    }
    if plain {
        store_response(&store, &after, ", answer = null, invoice = null").await?;
    }
    app.project
        .respond_to_callbacks(|_| StatusCode::NO_CONTENT.into_response());
    assert_usable(&app, &before).await?;
    assert_usable(&app, &after).await?;
    until_settled(&app, Duration::from_secs(60)).await?;
    let summary = assert_consistent(&app).await?;
    ensure!(
        summary.paid == 6 && summary.refunds == 2,
        "{version}: {summary:?}"
    );
    Ok(())
}

/// Returns the tables and the applied migrations.
async fn schema(store: &AnyPool) -> Result<Vec<String>> {
    let tables = if on_postgres() {
        "select table_name || '.' || column_name from information_schema.columns
         where table_schema = 'public' order by 1"
    } else {
        "select sql from sqlite_schema where sql is not null order by name"
    };
    let mut found: Vec<String> = sqlx::query_scalar(tables).fetch_all(store).await?;
    let applied = "select cast(version as text) from _sqlx_migrations order by version";
    found.extend(
        sqlx::query_scalar::<_, String>(applied)
            .fetch_all(store)
            .await?,
    );
    Ok(found)
}

#[tokio::test]
async fn commands_that_only_read_do_not_migrate() -> Result<()> {
    let mut app = TestApp::start().await?;
    ensure!(app.terminate().await?);
    let written = app.store().await?;
    let directory = tempfile::tempdir()?;
    let old = Database::empty(directory.path()).await?;
    let store = old.new_pool().await?;
    up_to(1).await?.run(&store).await?;
    for table in ["projects", "secret_keys", "connector_accounts"] {
        copy_rows(&written, &store, table, "").await?;
    }
    let before = schema(&store).await?;
    app.move_to(old);
    let id = app.keys.id.clone();
    let sign = [
        "form",
        "sign",
        "--project",
        &id,
        "--dev",
        "order_id=1",
        "amount=1.00",
        "currency=EUR",
    ];
    let list = ["project", "list", "--dev"];
    let show = ["project", "show", &id, "--dev"];
    for args in [&list[..], &show, &sign] {
        let Err(said) = app.till(args).await? else {
            anyhow::bail!("{args:?} worked on an older schema");
        };
        ensure!(said.contains("run `till migrate`"), "{args:?}: {said}");
        ensure!(
            schema(&store).await? == before,
            "{args:?} changed the schema"
        );
    }
    if !on_postgres() {
        let copy = app.files().join("copy.db").display().to_string();
        let done = app.till(&["backup", &copy]).await?;
        ensure!(done.is_ok(), "{done:?}");
        ensure!(
            schema(&store).await? == before,
            "the backup changed the schema"
        );
    }
    let done = app.till(&["migrate"]).await?;
    ensure!(done.is_ok(), "{done:?}");
    ensure!(
        schema(&store).await? != before,
        "`till migrate` changed nothing"
    );
    let listed = app.till(&list).await?;
    ensure!(
        listed.as_ref().is_ok_and(|list| list.contains(&id)),
        "{listed:?}"
    );
    Ok(())
}

/// Returns the newest invoice's id.
async fn ids(app: &TestApp) -> Result<String> {
    let sql = "select max(id) from invoices";
    Ok(sqlx::query_scalar(sql)
        .fetch_one(&app.store().await?)
        .await?)
}

/// Returns the condition for the rows of invoices up to `last`, or after it.
fn of_invoices(table: &str, last: &str, up_to: bool) -> String {
    let sign = if up_to { "<=" } else { ">" };
    let among = format!("(select id from invoices where id {sign} '{last}')");
    match table {
        "invoices" => format!("where id in {among}"),
        "payments" | "events" => format!("where invoice in {among}"),
        "refunds" => format!("where payment in (select id from payments where invoice in {among})"),
        "event_attempts" => {
            format!("where event in (select id from events where invoice in {among})")
        }
        "idempotency_keys" => format!("where substr(scope, 8) in {among}"),
        "projects" | "secret_keys" | "connector_accounts" if up_to => String::new(),
        _ => "where 1 = 0".to_owned(),
    }
}
