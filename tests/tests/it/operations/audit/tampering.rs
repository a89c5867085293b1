//! Changes of the audit log in the database are found.

use super::{entries, verify};
use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AnyPool, AssertSqlSafe};
use till_tests::TestApp;
use till_tests::app::{OPERATOR_TOKEN, Setup};
use till_tests::client::{Api, send, text};

async fn run(store: &AnyPool, sql: &str) -> Result<()> {
    sqlx::query(AssertSqlSafe(sql.to_owned()))
        .execute(store)
        .await
        .with_context(|| sql.to_owned())?;
    Ok(())
}

/// Six entries of a chain.
async fn chain(app: &TestApp) -> Result<()> {
    for name in ["a", "b", "c", "d", "e"] {
        app.create_operator(name, "viewer").await?;
    }
    ensure!(entries(app, &[]).await?.len() == 6);
    Ok(())
}

/// A copy of an entry with another number.
fn insert(seq: i64) -> String {
    format!(
        "insert into audit_log (id, seq, at, actor, actor_name, origin, action, subject, detail,
         state_after, previous_hash, hash)
         select 'forged', {seq}, at, actor, 'mallory', origin, action, subject, detail,
         state_after, previous_hash, hash from audit_log where seq = 3"
    )
}

#[tokio::test]
async fn tampering_is_found() -> Result<()> {
    let app = TestApp::start().await?;
    chain(&app).await?;
    let store = app.store().await?;
    for table in ["audit_log", "audit_head"] {
        run(
            &store,
            &format!("create table copy_of_{table} as select * from {table}"),
        )
        .await?;
    }
    let swap_numbers = [
        "update audit_log set seq = 0 where seq = 2",
        "update audit_log set seq = 2 where seq = 5",
        "update audit_log set seq = 5 where seq = 0",
    ];
    let swap_contents = [
        "create table swapped as select * from audit_log where seq in (3, 4)",
        "update audit_log set (id, at, subject, state_after) =
         (select s.id || 'x', s.at, s.subject, s.state_after from swapped s where s.seq = 7 - audit_log.seq)
         where seq in (3, 4)",
        "update audit_log set id = substr(id, 1, length(id) - 1) where seq in (3, 4)",
        "drop table swapped",
    ];
    let forge_hash = "update audit_log set state_after = '{}', hash =
        '1111111111111111111111111111111111111111111111111111111111111111' where seq = 3";
    let (insert_3, insert_7) = (insert(3), insert(7));
    let cases: [(&[&str], &[&str]); 16] = [
        (
            &["update audit_log set actor_name = 'eve' where seq = 3"],
            &["entry 3 was changed"],
        ),
        (
            &["update audit_log set at = at + 1 where seq = 1"],
            &["entry 1 was changed"],
        ),
        (
            &["update audit_log set state_after = null where seq = 6"],
            &["entry 6 was changed"],
        ),
        (
            &["update audit_log set hash = null where seq = 4"],
            &["entry 4 was changed"],
        ),
        (
            &["update audit_log set previous_hash = hash where seq = 2"],
            &["entry 2 was changed"],
        ),
        (&[forge_hash], &["entry 3 was changed"]),
        (
            &["delete from audit_log where seq = 3"],
            &["entry 3 was removed"],
        ),
        (
            &["delete from audit_log where seq in (2, 3)"],
            &["entries 2 to 3 were removed"],
        ),
        (
            &["delete from audit_log where seq >= 5"],
            &["entries 5 to 6 were removed"],
        ),
        (
            &["delete from audit_log where seq = 1"],
            &["entry 1 was removed"],
        ),
        (
            &["update audit_log set seq = null where seq = 4"],
            &["entry 4 was removed"],
        ),
        (&[&insert_3], &["entry 3 with the id forged was inserted"]),
        (
            &[&insert_7],
            &["entry 7 was inserted after the newest entry"],
        ),
        (
            &swap_numbers,
            &[
                "entry 5 was moved to the place of entry 2",
                "entry 2 was moved to the place of entry 5",
            ],
        ),
        (
            &swap_contents,
            &[
                "entry 4 was moved to the place of entry 3",
                "entry 3 was moved to the place of entry 4",
            ],
        ),
        (&["delete from audit_head"], &["audit_head was removed"]),
    ];
    for (statements, expected) in cases {
        for statement in statements {
            run(&store, statement).await?;
        }
        let (_, reported) = verify(&app, &[]).await?;
        for expected in expected {
            ensure!(reported.contains(expected), "{statements:?}: {reported}");
        }
        for table in ["audit_log", "audit_head"] {
            run(&store, &format!("delete from {table}")).await?;
            let all = format!("insert into {table} select * from copy_of_{table}");
            run(&store, &all).await?;
        }
        let (_, reported) = verify(&app, &[]).await?;
        ensure!(reported.is_empty(), "{statements:?}: {reported}");
    }
    let json = verify(&app, &["--json"]).await?.0;
    let json: Value = serde_json::from_str(&json)?;
    ensure!(json["entries"] == 6 && json["seq"] == 6, "{json}");
    ensure!(
        json["findings"] == json!([]) && json["without_hash"] == 0,
        "{json}"
    );
    Ok(())
}

/// Someone who can write to the database can make a new chain, and cannot change what was logged.
#[tokio::test]
async fn a_collected_log_anchors_the_chain() -> Result<()> {
    let app = TestApp::set_up(Setup {
        settings: &["--connector-timeout-ms", "5000"],
        ..Setup::default()
    })
    .await?;
    let rotate = format!("/v1/projects/{}/rotate-secret", app.keys.id);
    ensure!(send(app.operator(Method::POST, &rotate)).await?.status == 200);
    let log = app.log();
    let line = log.lines().find(|line| line.contains("audit log entry"));
    let line = line.context("no line")?;
    ensure!(line.contains("project.rotate_secret"), "{line}");
    let hash = entries(&app, &[]).await?.pop().context("no entry")?;
    let hash = text(&hash["hash"])?;
    ensure!(line.contains(&hash), "{line}");
    // Later entries do not matter.
    app.create_operator("ada", "viewer").await?;
    let (said, reported) = verify(&app, &["--head", &hash]).await?;
    ensure!(
        reported.is_empty() && !said.contains(&hash),
        "{said} {reported}"
    );

    let store = app.store().await?;
    run(&store, "delete from audit_log").await?;
    run(&store, "delete from audit_head").await?;
    app.create_operator("bob", "viewer").await?;
    ensure!(verify(&app, &[]).await?.1.is_empty());
    let (_, reported) = verify(&app, &["--head", &hash]).await?;
    ensure!(
        reported.contains(&format!("no entry has the hash {hash}")),
        "{reported}"
    );
    Ok(())
}

#[tokio::test]
async fn entries_of_an_earlier_version_are_counted() -> Result<()> {
    let app = TestApp::start().await?;
    let store = app.store().await?;
    run(
        &store,
        "insert into audit_log (id, at, actor, action, subject, detail)
         values ('0', 1, 'operator', 'payment.resolve', 'pay_1', '{\"reason\":\"old\"}')",
    )
    .await?;
    let (said, reported) = verify(&app, &[]).await?;
    ensure!(reported.is_empty(), "{reported}");
    ensure!(said.contains("without a hash: 1\n"), "{said}");
    let oldest = entries(&app, &[]).await?;
    let oldest = oldest.first().context("no entry")?;
    ensure!(
        oldest["detail"]["reason"] == "old" && oldest["seq"].is_null(),
        "{oldest}"
    );
    let listed = app.till(&["audit", "list"]).await?;
    ensure!(listed.is_ok_and(|list| list.contains("payment.resolve")));
    Ok(())
}

#[tokio::test]
async fn two_servers_append_to_one_chain() -> Result<()> {
    let app = TestApp::start().await?;
    let second = app.another_server().await?;
    let second = Api::new(&second.line, &app.keys)?;
    let path = format!("/v1/projects/{}/keys", app.keys.id);
    let calls = (0..24).map(|n| {
        let api = [&app.api, &second][n % 2];
        let body = json!({ "name": format!("key {n}"), "scopes": ["read"] });
        let request = api.request(Method::POST, &path).bearer_auth(OPERATOR_TOKEN);
        send(request.json(&body))
    });
    for answer in try_join_all(calls).await? {
        ensure!(answer.status == 201, "{answer:?}");
    }
    let (said, reported) = verify(&app, &[]).await?;
    ensure!(reported.is_empty(), "{reported}");
    ensure!(said.starts_with("entries with a hash: 25\n"), "{said}");
    let mut seqs: Vec<_> = entries(&app, &[]).await?;
    seqs.sort_by_key(|entry| entry["seq"].as_i64());
    let seqs: Vec<_> = seqs
        .iter()
        .filter_map(|entry| entry["seq"].as_i64())
        .collect();
    ensure!(seqs == (1..=25).collect::<Vec<_>>(), "{seqs:?}");
    Ok(())
}
