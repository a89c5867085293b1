//! The table `connector_webhooks`: webhooks of payment systems that have been applied.

use super::{Result, Store};

impl Store {
    /// Records a webhook. Returns `false` if it was recorded before.
    pub async fn record_webhook(
        &self,
        kind: &str,
        account: &str,
        event_id: &str,
        now: i64,
    ) -> Result<bool> {
        let done = sqlx::query(
            "insert into connector_webhooks (connector, account, event_id, received_at)
             values ($1, $2, $3, $4) on conflict do nothing",
        )
        .bind(kind)
        .bind(account)
        .bind(event_id)
        .bind(now)
        .execute(self.writer())
        .await?;
        Ok(done.rows_affected() == 1)
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
