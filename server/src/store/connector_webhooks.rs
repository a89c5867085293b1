//! The table `connector_webhooks`: webhooks of payment systems that have been applied.

use super::batch::{Batches, Statement};
use super::column::to_json;
use super::{Result, Store};
use serde::Serialize;
use sqlx::AssertSqlSafe;
use std::collections::HashSet;

/// A webhook that was applied.
#[derive(Debug, Clone, Serialize)]
pub struct NewWebhook {
    /// The kind of the account's connector.
    pub connector: String,
    /// The account.
    pub account: String,
    /// The payment system's id of the webhook, unique for the account.
    pub event_id: String,
    /// When it was received (milliseconds).
    pub received_at: i64,
}

/// The columns of a webhook.
const COLUMNS: [(&str, &str); 4] = [
    ("connector", "text"),
    ("account", "text"),
    ("event_id", "text"),
    ("received_at", "bigint"),
];

/// Records webhooks. Those that are applied at the same time are recorded by one statement.
pub struct Webhooks(Batches<Record>);

struct Record(Store);

impl Webhooks {
    /// Records in this database.
    pub fn new(store: Store) -> Self {
        Self(Batches::new(Record(store)))
    }

    /// Records a webhook. Returns `false` if it was recorded before.
    ///
    /// # Errors
    /// When the store fails. It may have been recorded or not.
    pub async fn record(&self, new: NewWebhook) -> Result<bool> {
        self.0.call(new).await
    }
}

impl Statement for Record {
    type Call = NewWebhook;
    type Answer = bool;

    async fn run(&self, new: &[NewWebhook]) -> Result<Vec<bool>> {
        self.0.record_webhooks(new).await
    }
}

impl Store {
    /// Records webhooks, except those that were recorded before, also by one before. Returns which were recorded.
    pub async fn record_webhooks(&self, new: &[NewWebhook]) -> Result<Vec<bool>> {
        let mut sorted: Vec<_> = new.iter().collect();
        sorted.sort_by_key(|new| (&new.connector, &new.account, &new.event_id));
        let insert = self
            .engine
            .insert_for(new.len(), "connector_webhooks", &COLUMNS, "$1");
        let sql = format!("{insert} on conflict do nothing returning connector, account, event_id");
        let recorded: Vec<(String, String, String)> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(to_json(&sorted)?)
            .fetch_all(self.writer())
            .await?;
        let mut recorded: HashSet<_> = recorded.into_iter().collect();
        let key = |new: &NewWebhook| {
            let NewWebhook {
                connector,
                account,
                event_id,
                ..
            } = new.clone();
            (connector, account, event_id)
        };
        Ok(new.iter().map(|new| recorded.remove(&key(new))).collect())
    }

    /// Returns when the newest webhook of an account was received (milliseconds).
    pub async fn last_webhook(&self, kind: &str, account: &str) -> Result<Option<i64>> {
        Ok(sqlx::query_scalar(
            "select max(received_at) from connector_webhooks where connector = $1 and account = $2",
        )
        .bind(kind)
        .bind(account)
        .fetch_one(self.pool())
        .await?)
    }
}
