//! The payments' rows. A change of a payment and the event that reports it are one transaction.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqlitePool, Transaction};

use super::error::{ApiError, ApiResult};
use super::outbox;
use super::payment::{NewPayment, Payment};
use super::plan::FollowUp;
use crate::clock::now_ms;

/// The columns that a ledger of an earlier version lacks: the table, the column, and the statement
/// that adds it.
const ADDED_COLUMNS: [(&str, &str, &str); 3] = [
    (
        "payments",
        "reversed",
        "alter table payments add column reversed bigint not null default 0",
    ),
    (
        "refunds",
        "status",
        "alter table refunds add column status text not null default 'succeeded'",
    ),
    (
        "refunds",
        "dashboard",
        "alter table refunds add column dashboard boolean not null default false",
    ),
];

/// The result of [`create`].
pub(super) enum Created {
    /// The payment was created by this request.
    New(Payment),
    /// The payment was created by an earlier request with the same idempotency key.
    Replayed(Payment),
}

/// Opens the ledger and creates the file and its tables if they do not exist.
pub(super) async fn open(path: &Path) -> anyhow::Result<SqlitePool> {
    if let Some(parent) = path.parent() {
        tokio::fs::create_dir_all(parent).await?;
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // The ledger survives when the process is killed. When the machine fails, its last payments are lost.
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true);
    // SQLite has one writer at a time: more connections would wait for each other.
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .test_before_acquire(false)
        .connect_with(options)
        .await?;
    let mut connection = pool.acquire().await?;
    sqlx::raw_sql(include_str!("schema.sql"))
        .execute(&mut *connection)
        .await?;
    for (table, column, statement) in ADDED_COLUMNS {
        let exists: bool =
            sqlx::query_scalar("select count(*) > 0 from pragma_table_info($1) where name = $2")
                .bind(table)
                .bind(column)
                .fetch_one(&mut *connection)
                .await?;
        if !exists {
            sqlx::query(statement).execute(&mut *connection).await?;
        }
    }
    drop(connection);
    Ok(pool)
}

/// Opens a write transaction. `begin immediate` takes SQLite's write lock at once, so a
/// transaction that reads before it writes sees no concurrent change.
pub(super) async fn begin(pool: &SqlitePool) -> sqlx::Result<Transaction<'static, Sqlite>> {
    pool.begin_with("begin immediate").await
}

/// Creates a payment with its first event, or finds the one created earlier with the same
/// idempotency key.
pub(super) async fn create(
    pool: &SqlitePool,
    public_url: &str,
    new: NewPayment<'_>,
) -> ApiResult<Created> {
    let mut tx = begin(pool).await?;
    if let Some(existing) =
        find_by_idempotency_key(&mut tx, new.account, new.idempotency_key).await?
    {
        return if existing.fingerprint == new.fingerprint {
            Ok(Created::Replayed(existing))
        } else {
            Err(ApiError::idempotency_key_reused())
        };
    }
    let payment = new.to_payment(public_url);
    if !insert(&mut tx, &payment).await? {
        return Err(ApiError::reference_exists());
    }
    outbox::record_payment(&mut tx, &payment, public_url, new.plan.webhook_delays_ms).await?;
    schedule(&mut tx, &payment.id, None, new.plan.follow_ups).await?;
    tx.commit().await?;
    Ok(Created::New(payment))
}

/// Inserts a payment. Returns `false` if the account already has a payment with its reference.
async fn insert(tx: &mut Transaction<'_, Sqlite>, payment: &Payment) -> sqlx::Result<bool> {
    let result = sqlx::query(
        "insert into payments (id, account, reference, idempotency_key, fingerprint, answer,
            amount, currency, status, decline_code, captured, refunded, outcome, brand, last4,
            exp_month, exp_year, verify_token, framable, confirm_declines, return_url,
            webhook_url, later_at, later_status, later_decline, later_webhook, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
            $19, $20, $21, $22, $23, $24, $25, $26, $27)
         on conflict (account, reference) do nothing",
    )
    .bind(&payment.id)
    .bind(&payment.account)
    .bind(&payment.reference)
    .bind(&payment.idempotency_key)
    .bind(&payment.fingerprint)
    .bind(&payment.response)
    .bind(payment.amount)
    .bind(&payment.currency)
    .bind(&payment.status)
    .bind(&payment.decline_code)
    .bind(payment.captured)
    .bind(payment.refunded)
    .bind(&payment.outcome)
    .bind(&payment.brand)
    .bind(&payment.last4)
    .bind(payment.exp_month)
    .bind(payment.exp_year)
    .bind(&payment.verify_token)
    .bind(payment.framable)
    .bind(&payment.confirm_declines)
    .bind(&payment.return_url)
    .bind(&payment.webhook_url)
    .bind(payment.later_at)
    .bind(&payment.later_status)
    .bind(&payment.later_decline)
    .bind(payment.later_webhook)
    .bind(payment.created_at)
    .execute(&mut **tx)
    .await?;
    Ok(result.rows_affected() == 1)
}

/// Schedules what happens to a payment or to one of its refunds.
pub(super) async fn schedule(
    tx: &mut Transaction<'_, Sqlite>,
    payment: &str,
    refund: Option<&str>,
    follow_ups: &[FollowUp],
) -> sqlx::Result<()> {
    for follow_up in follow_ups {
        sqlx::query(
            "insert into follow_ups (payment, refund, kind, due_at) values ($1, $2, $3, $4)",
        )
        .bind(payment)
        .bind(refund)
        .bind(<&str>::from(follow_up.kind))
        .bind(now_ms() + follow_up.after_ms)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

async fn find_by_idempotency_key(
    tx: &mut Transaction<'_, Sqlite>,
    account: &str,
    key: &str,
) -> sqlx::Result<Option<Payment>> {
    sqlx::query_as("select * from payments where account = $1 and idempotency_key = $2")
        .bind(account)
        .bind(key)
        .fetch_optional(&mut **tx)
        .await
}

/// Finds a payment of an account by its id.
pub(super) async fn find<'e>(
    db: impl sqlx::Executor<'e, Database = Sqlite>,
    account: &str,
    id: &str,
) -> ApiResult<Payment> {
    sqlx::query_as("select * from payments where account = $1 and id = $2")
        .bind(account)
        .bind(id)
        .fetch_optional(db)
        .await?
        .ok_or_else(ApiError::not_found)
}

/// Finds a payment of any account by its id, which cannot be guessed.
pub(super) async fn find_any<'e>(
    db: impl sqlx::Executor<'e, Database = Sqlite>,
    id: &str,
) -> sqlx::Result<Option<Payment>> {
    sqlx::query_as("select * from payments where id = $1")
        .bind(id)
        .fetch_optional(db)
        .await
}

/// Finds the payment whose verification form has this token.
pub(super) async fn find_by_token<'e>(
    db: impl sqlx::Executor<'e, Database = Sqlite>,
    token: &str,
) -> sqlx::Result<Option<Payment>> {
    sqlx::query_as("select * from payments where verify_token = $1")
        .bind(token)
        .fetch_optional(db)
        .await
}

/// Lists an account's payments, oldest first, optionally only those with a reference.
pub(super) async fn list(
    pool: &SqlitePool,
    account: &str,
    reference: Option<&str>,
) -> sqlx::Result<Vec<Payment>> {
    sqlx::query_as(
        "select * from payments where account = $1 and ($2 is null or reference = $2)
         order by created_at, id",
    )
    .bind(account)
    .bind(reference)
    .fetch_all(pool)
    .await
}

/// Moves a pending payment to its final status and records the event. The event's webhook is sent
/// after `webhook_delay_ms`; `None` sends none. A payment in a final status is returned unchanged.
pub(super) async fn settle(
    tx: &mut Transaction<'_, Sqlite>,
    payment: &Payment,
    public_url: &str,
    status: &str,
    decline: Option<&str>,
    webhook_delay_ms: Option<i64>,
) -> sqlx::Result<Payment> {
    let settled: Option<Payment> = sqlx::query_as(
        "update payments set status = $2, decline_code = $3,
            captured = case when $2 = 'succeeded' then amount else 0 end, later_at = null
         where id = $1 and status in ('requires_verification', 'processing') returning *",
    )
    .bind(&payment.id)
    .bind(status)
    .bind(decline)
    .fetch_optional(&mut **tx)
    .await?;
    let Some(settled) = settled else {
        return Ok(payment.clone());
    };
    outbox::record_payment(tx, &settled, public_url, webhook_delay_ms.as_slice()).await?;
    Ok(settled)
}

/// Charges a payment that was declined, and records the event.
pub(super) async fn succeed_late(
    tx: &mut Transaction<'_, Sqlite>,
    payment: &Payment,
    public_url: &str,
) -> sqlx::Result<()> {
    let succeeded: Option<Payment> = sqlx::query_as(
        "update payments set status = 'succeeded', decline_code = null, captured = amount
         where id = $1 and status = 'declined' returning *",
    )
    .bind(&payment.id)
    .fetch_optional(&mut **tx)
    .await?;
    match succeeded {
        Some(payment) => outbox::record_late_success(tx, &payment, public_url).await,
        None => Ok(()),
    }
}
