//! The table `idempotency_keys`: the keys of earlier requests and their responses.

use super::{Result, Store};

/// The state of an idempotency key.
#[derive(Debug)]
pub enum Claim {
    /// The key is new, or its request was interrupted: handle the request.
    Start {
        /// The unique part of the id of the object that the request creates; the same each time.
        object: String,
    },
    /// The request was answered before.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: String,
    },
    /// The first request is still in progress.
    Running,
    /// The key was used for a different request.
    OtherRequest,
}

impl Store {
    /// Claims a key in its scope (a project, or an invoice's client) until `lease_until`
    /// (milliseconds). `object` names the object that the request creates, unless the key has one.
    pub async fn claim_key(
        &self,
        scope: &str,
        key: &str,
        request_hash: &str,
        object: String,
        now: i64,
        lease_until: i64,
    ) -> Result<Claim> {
        let made = sqlx::query(
            "insert into idempotency_keys (scope, key, request_hash, lease_until, created_at, object)
             values ($1, $2, $3, $4, $5, $6) on conflict (scope, key) do nothing",
        )
        .bind(scope)
        .bind(key)
        .bind(request_hash)
        .bind(lease_until)
        .bind(now)
        .bind(&object)
        .execute(self.pool())
        .await?;
        if made.rows_affected() == 1 {
            return Ok(Claim::Start { object });
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
            // There is no response yet, or the key was deleted just now.
            Some(_) | None => {}
        }
        // An expired lease means that the first request was interrupted: one request takes it over.
        let taken_over: Option<String> = sqlx::query_scalar(
            "update idempotency_keys set lease_until = $1, object = coalesce(object, $5)
             where scope = $2 and key = $3 and status is null and lease_until <= $4
             returning object",
        )
        .bind(lease_until)
        .bind(scope)
        .bind(key)
        .bind(now)
        .bind(object)
        .fetch_optional(self.pool())
        .await?;
        Ok(match taken_over {
            Some(object) => Claim::Start { object },
            None => Claim::Running,
        })
    }

    /// Stores the response of a request.
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

    /// Releases the lease of a key whose request was interrupted: the next request takes it over.
    pub async fn release_lease(&self, scope: &str, key: &str, now: i64) -> Result<()> {
        sqlx::query(
            "update idempotency_keys set lease_until = $1
             where scope = $2 and key = $3 and status is null",
        )
        .bind(now)
        .bind(scope)
        .bind(key)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Deletes a key whose request changed nothing, so that it can be sent again.
    pub async fn delete_key(&self, scope: &str, key: &str) -> Result<()> {
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
