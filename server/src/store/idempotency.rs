//! Idempotency keys and the answers they stand for. They outlive a restart.

use super::{Result, Store};

/// What a key stands for.
#[derive(Debug)]
pub enum Claim {
    /// New, or its first call died long ago: carry on.
    Start,
    /// Answered before.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: String,
    },
    /// The first call still runs.
    Running,
    /// It was used with another body.
    OtherRequest,
}

impl Store {
    /// Claims a key within its scope (a project, or an invoice's client) until `lease_until`.
    pub async fn claim_key(
        &self,
        scope: &str,
        key: &str,
        request_hash: &str,
        now: i64,
        lease_until: i64,
    ) -> Result<Claim> {
        let made = sqlx::query(
            "insert into idempotency_keys (scope, key, request_hash, lease_until, created_at)
             values ($1, $2, $3, $4, $5) on conflict (scope, key) do nothing",
        )
        .bind(scope)
        .bind(key)
        .bind(request_hash)
        .bind(lease_until)
        .bind(now)
        .execute(self.pool())
        .await?;
        if made.rows_affected() == 1 {
            return Ok(Claim::Start);
        }
        let known: Option<(String, Option<i64>, Option<String>)> = sqlx::query_as(
            "select request_hash, status, body from idempotency_keys
             where scope = $1 and key = $2",
        )
        .bind(scope)
        .bind(key)
        .fetch_optional(self.pool())
        .await?;
        match known {
            Some((hash, ..)) if hash != request_hash => return Ok(Claim::OtherRequest),
            Some((_, Some(status), body)) => {
                return Ok(Claim::Answered {
                    status: u16::try_from(status).unwrap_or(500),
                    body: body.unwrap_or_default(),
                });
            }
            // Still without an answer, or released this very moment.
            Some(_) | None => {}
        }
        // The first call died long ago: exactly one of those who find that goes on.
        let taken_over = sqlx::query(
            "update idempotency_keys set lease_until = $1
             where scope = $2 and key = $3 and status is null and lease_until <= $4",
        )
        .bind(lease_until)
        .bind(scope)
        .bind(key)
        .bind(now)
        .execute(self.pool())
        .await?;
        Ok(match taken_over.rows_affected() {
            1 => Claim::Start,
            _ => Claim::Running,
        })
    }

    /// Keeps the answer.
    pub async fn answer_key(&self, scope: &str, key: &str, status: u16, body: &str) -> Result<()> {
        sqlx::query(
            "update idempotency_keys set status = $1, body = $2 where scope = $3 and key = $4",
        )
        .bind(i64::from(status))
        .bind(body)
        .bind(scope)
        .bind(key)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Forgets a key whose call changed nothing, so that it can be tried again.
    pub async fn release_key(&self, scope: &str, key: &str) -> Result<()> {
        sqlx::query(
            "delete from idempotency_keys where scope = $1 and key = $2 and status is null",
        )
        .bind(scope)
        .bind(key)
        .execute(self.pool())
        .await?;
        Ok(())
    }
}
