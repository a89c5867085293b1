//! The table `idempotency_keys`: the keys of earlier requests and their responses.
//!
//! A response is in `answer`, encrypted, and `status` and `body` stay null. A server of before `answer`
//! keeps the response in `status` and `body`, in plain text. It takes a key without them for one whose
//! request still runs until `lease_until`, and rejects the request rather than repeat it.

use super::{Result, Store};
use sqlx::FromRow;
use till_shared::id::InvoiceId;

/// The state of an idempotency key.
#[derive(Debug)]
pub enum Claim {
    /// The key is new, or its request was interrupted: handle the request.
    Start {
        /// The unique part of the id of the object that the request creates; the same each time.
        object: String,
    },
    /// The request was answered before. The response is encrypted.
    Encrypted(String),
    /// The request was answered before, by a server of an earlier version.
    Plain {
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

/// A request to claim a key for.
pub struct NewClaim<'a> {
    /// A project, or an invoice's client.
    pub scope: &'a str,
    /// The key.
    pub key: &'a str,
    /// The fingerprints of the request, one for each of the server's keys. The first is recorded; any of
    /// them identifies the request.
    pub request_hashes: &'a [String],
    /// The unique part of the id of the object that the request creates, unless the key has one.
    pub object: String,
    /// The current time (milliseconds).
    pub now: i64,
    /// Until when no other request takes the key over (milliseconds).
    pub lease_until: i64,
    /// Keys that were created at this time or earlier have expired (milliseconds).
    pub expired: i64,
}

/// The response to a request.
pub struct NewAnswer<'a> {
    /// The status and the body, encrypted.
    pub encrypted: &'a str,
    /// The invoice that it is about.
    pub invoice: &'a InvoiceId,
    /// Until when a server of before `answer` takes the request for one that still runs (milliseconds).
    pub lease_until: i64,
}

#[derive(FromRow)]
struct KeyRow {
    request_hash: String,
    status: Option<i64>,
    body: Option<String>,
    answer: Option<String>,
}

impl Store {
    /// Claims a key in its scope. A key that has expired begins anew.
    pub async fn claim_key(&self, new: NewClaim<'_>) -> Result<Claim> {
        let made = sqlx::query(
            "insert into idempotency_keys (scope, key, request_hash, lease_until, created_at, object)
             values ($1, $2, $3, $4, $5, $6)
             on conflict (scope, key) do update set request_hash = excluded.request_hash,
                 lease_until = excluded.lease_until, created_at = excluded.created_at,
                 object = excluded.object, status = null, body = null, answer = null, invoice = null
             where idempotency_keys.created_at <= $7",
        )
        .bind(new.scope)
        .bind(new.key)
        .bind(new.request_hashes.first())
        .bind(new.lease_until)
        .bind(new.now)
        .bind(&new.object)
        .bind(new.expired)
        .execute(self.writer())
        .await?;
        if made.rows_affected() == 1 {
            return Ok(Claim::Start { object: new.object });
        }
        let known: Option<KeyRow> = sqlx::query_as(
            "select request_hash, status, body, answer from idempotency_keys
             where scope = $1 and key = $2",
        )
        .bind(new.scope)
        .bind(new.key)
        .fetch_optional(self.pool())
        .await?;
        match known {
            Some(row) if !new.request_hashes.contains(&row.request_hash) => {
                return Ok(Claim::OtherRequest);
            }
            Some(KeyRow {
                answer: Some(answer),
                ..
            }) => return Ok(Claim::Encrypted(answer)),
            Some(KeyRow {
                status: Some(status),
                body,
                ..
            }) => {
                return Ok(Claim::Plain {
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
             where scope = $2 and key = $3 and status is null and answer is null
             and lease_until <= $4 returning object",
        )
        .bind(new.lease_until)
        .bind(new.scope)
        .bind(new.key)
        .bind(new.now)
        .bind(new.object)
        .fetch_optional(self.writer())
        .await?;
        Ok(match taken_over {
            Some(object) => Claim::Start { object },
            None => Claim::Running,
        })
    }

    /// Stores the response of a request.
    pub async fn answer_key(&self, scope: &str, key: &str, answer: NewAnswer<'_>) -> Result<()> {
        sqlx::query(
            "update idempotency_keys set answer = $1, invoice = $2, lease_until = $3
             where scope = $4 and key = $5",
        )
        .bind(answer.encrypted)
        .bind(answer.invoice.as_str())
        .bind(answer.lease_until)
        .bind(scope)
        .bind(key)
        .execute(self.writer())
        .await?;
        Ok(())
    }

    /// Releases the lease of a key whose request was interrupted: the next request takes it over.
    pub async fn release_lease(&self, scope: &str, key: &str, now: i64) -> Result<()> {
        sqlx::query(
            "update idempotency_keys set lease_until = $1
             where scope = $2 and key = $3 and status is null and answer is null",
        )
        .bind(now)
        .bind(scope)
        .bind(key)
        .execute(self.writer())
        .await?;
        Ok(())
    }

    /// Deletes a key whose request changed nothing, so that it can be sent again.
    pub async fn delete_key(&self, scope: &str, key: &str) -> Result<()> {
        sqlx::query(
            "delete from idempotency_keys
             where scope = $1 and key = $2 and status is null and answer is null",
        )
        .bind(scope)
        .bind(key)
        .execute(self.writer())
        .await?;
        Ok(())
    }
}
