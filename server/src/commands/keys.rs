//! `till keys`.

use super::common::{Common, actor, cli_error, print_json, print_table};
use anyhow::bail;
use serde_json::json;
use till_server::app::App;
use till_server::crypto::EncryptedColumn;
use till_server::flow::encryption_keys::{self, KeyStatus, Use};

/// The commands about encryption keys.
#[derive(clap::Subcommand)]
pub enum Command {
    /// List the encryption keys by their ids, and what depends on each of them
    List(Box<Common>),
    /// Encrypt all stored values with the current key, while servers run. It can be repeated
    Rotate(Box<Common>),
}

/// Runs a command.
pub async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List(common) => list(*common).await,
        Command::Rotate(common) => rotate(*common).await,
    }
}

async fn list(common: Common) -> anyhow::Result<()> {
    let app = App::open(common.config).await?;
    let keys = encryption_keys::status(&app).await.map_err(cli_error)?;
    if common.json {
        return print_json(&json!({ "data": keys }));
    }
    let titles = ["KEY", "USE", "VALUES", "IDEMPOTENCY KEYS", "OPEN INVOICES"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    rows.extend(keys.iter().map(|key| {
        vec![
            key.id.clone().unwrap_or_else(|| "(not named)".into()),
            describe(key.r#use).to_owned(),
            key.values.to_string(),
            key.idempotency_keys.to_string(),
            key.open_invoices.to_string(),
        ]
    }));
    print_table(&rows);
    for key in &keys {
        if let Some(advice) = advice(key) {
            println!("{advice}");
        }
    }
    Ok(())
}

fn describe(used: Option<Use>) -> &'static str {
    match used {
        Some(Use::Current) => "encrypts",
        Some(Use::Decrypts) => "decrypts only",
        None => "",
    }
}

/// What the operator can do about a key.
fn advice(key: &KeyStatus) -> Option<String> {
    let id = key.id.as_deref();
    match (key.r#use, id) {
        (None, _) => Some(
            "Values that name no key are from an earlier version. `till keys rotate` encrypts them again."
                .into(),
        ),
        (Some(Use::Decrypts), Some(id)) if key.is_unused() => {
            Some(format!("Nothing depends on {id}. It can be removed from TILL_DECRYPTION_KEYS."))
        }
        (Some(Use::Decrypts), Some(id)) if key.values == 0 => Some(format!(
            "No value is encrypted with {id}. Its idempotency keys and the links of its open invoices work \
             for as long as it is in TILL_DECRYPTION_KEYS."
        )),
        _ => None,
    }
}

async fn rotate(common: Common) -> anyhow::Result<()> {
    let app = App::open(common.config).await?;
    let progress = |column, rows| {
        if !common.json {
            println!("{}: {rows} rows encrypted", title(column));
        }
    };
    let rotated = encryption_keys::rotate(&app, &actor(), progress).await;
    let rotated = rotated.map_err(cli_error)?;
    if common.json {
        print_json(&rotated)?;
    } else if rotated.unreadable == 0 {
        println!("All values are encrypted with {}.", rotated.key);
    }
    match rotated.unreadable {
        0 => Ok(()),
        count => bail!(
            "{count} rows can't be decrypted with any key of TILL_ENCRYPTION_KEY and TILL_DECRYPTION_KEYS; the \
             log names them. They were left as they are"
        ),
    }
}

fn title(column: EncryptedColumn) -> &'static str {
    match column {
        EncryptedColumn::SigningSecrets => "signing secrets",
        EncryptedColumn::Credentials => "credentials",
        EncryptedColumn::Responses => "stored responses",
        EncryptedColumn::CaptchaSecret => "captchas' secret keys",
        EncryptedColumn::CardEncryptionKeys => "keys for cards",
    }
}
