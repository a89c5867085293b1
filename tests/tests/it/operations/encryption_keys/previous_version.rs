//! Servers of the version before the ids of keys run beside new ones, with the same key.

use super::{ENCRYPTION_KEY, NEW_KEY, keys, list};
use anyhow::{Context, Result, anyhow, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::AnyPool;
use till_server::crypto::hmac_sha256;
use till_tests::TestApp;
use till_tests::cards::APPROVED;
use till_tests::client::{Api, send};

/// The encryption of the previous version.
struct Previous(XChaCha20Poly1305);

impl Previous {
    fn new() -> Result<Self> {
        let root = STANDARD.decode(ENCRYPTION_KEY)?;
        let key = hmac_sha256(&root, &[b"till encryption at rest"]);
        Ok(Self(XChaCha20Poly1305::new(&Key::from(key))))
    }

    fn encrypt(&self, aad: &str, secret: &str) -> Result<String> {
        let nonce: [u8; 24] = rand::random();
        let (msg, aad) = (secret.as_bytes(), aad.as_bytes());
        let encrypted = self.0.encrypt(&XNonce::from(nonce), Payload { msg, aad });
        let encrypted = encrypted.map_err(|_| anyhow!("encryption failed"))?;
        Ok(STANDARD.encode([&nonce[..], &encrypted].concat()))
    }

    fn decrypt(&self, aad: &str, stored: &str) -> Result<String> {
        let bytes = STANDARD.decode(stored)?;
        let (nonce, msg) = bytes.split_first_chunk::<24>().context("too short")?;
        let aad = aad.as_bytes();
        let plain = self.0.decrypt(&XNonce::from(*nonce), Payload { msg, aad });
        let plain = plain.map_err(|_| anyhow!("decryption failed"))?;
        Ok(String::from_utf8(plain)?)
    }
}

/// Reads every value as the previous version does, and writes it again. Returns what it read.
async fn rewrite(app: &TestApp, store: &AnyPool) -> Result<Vec<String>> {
    let previous = Previous::new()?;
    let mut read = vec![];
    let secrets: String = sqlx::query_scalar("select signing_secrets from projects")
        .fetch_one(store)
        .await?;
    let mut secrets: Value = serde_json::from_str(&secrets)?;
    let aad = format!("projects/{}/signing_secret", app.keys.id);
    read.push(previous.decrypt(&aad, secrets[0]["sealed"].as_str().context("sealed")?)?);
    secrets[0]["sealed"] = json!(previous.encrypt(&aad, &read[0])?);
    sqlx::query("update projects set signing_secrets = $1, version = version + 1")
        .bind(secrets.to_string())
        .execute(store)
        .await?;
    for (table, first, second, column) in [
        ("connector_accounts", "kind", "account", "credentials"),
        ("idempotency_keys", "scope", "key", "answer"),
    ] {
        let sql = format!("select {first}, {second}, {column} from {table}");
        let rows: Vec<(String, String, String)> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .fetch_all(store)
            .await?;
        for (one, two, stored) in rows {
            let aad = format!("{table}/{one}/{two}");
            let plain = previous.decrypt(&aad, &stored)?;
            let sql =
                format!("update {table} set {column} = $1 where {first} = $2 and {second} = $3");
            sqlx::query(sqlx::AssertSqlSafe(sql))
                .bind(previous.encrypt(&aad, &plain)?)
                .bind(one)
                .bind(two)
                .execute(store)
                .await?;
            read.push(plain);
        }
    }
    Ok(read)
}

#[tokio::test]
async fn it_reads_what_new_servers_write_and_the_other_way_round() -> Result<()> {
    let app = TestApp::start().await?;
    let store = app.store().await?;
    let create = || {
        let request = app.api.secret(Method::POST, "/v1/invoices");
        send(
            request
                .header("idempotency-key", "k")
                .json(&Api::order("1")),
        )
    };
    let first = create().await?;
    let read = rewrite(&app, &store).await?;
    ensure!(read.len() == 3, "{} values", read.len());
    ensure!(read[0] == app.keys.signing_secret && read[1].contains("webhook_secret"));
    let again = create().await?;
    ensure!(again.text == first.text && again.status == 201, "{again:?}");
    let opened = app.api.invoice("2").await?;
    app.api.paid_with(&opened, APPROVED).await?;
    // With the same key, the values get its id.
    let listed = list(&app, &[]).await?;
    ensure!(listed.len() == 2 && listed[1]["id"].is_null(), "{listed:?}");
    ensure!(
        listed[1]["values"] == 3 && listed[0]["values"] == 0,
        "{listed:?}"
    );
    keys(&app, &["rotate"], &[]).await?;
    let listed = list(&app, &[]).await?;
    ensure!(listed.len() == 1 && listed[0]["values"] == 3, "{listed:?}");
    // So they do when the key is replaced.
    rewrite(&app, &store).await?;
    keys(&app, &["rotate"], &super::ROTATED).await?;
    let listed = list(&app, &["--encryption-key", NEW_KEY]).await?;
    ensure!(listed.len() == 1 && listed[0]["values"] == 3, "{listed:?}");
    Ok(())
}
