//! What happens to a payment later: disputes, reversals, refunds that end later, and a success after
//! a decline.

use sqlx::{Sqlite, Transaction};

use super::app::App;
use super::payment::Payment;
use super::plan::FollowUpKind;
use super::{disputes, ledger, refunds, reversals};
use crate::clock::now_ms;

#[derive(sqlx::FromRow)]
struct Due {
    payment: String,
    refund: Option<String>,
    kind: String,
}

/// Applies what is due.
pub(super) async fn apply_due(app: &App) -> sqlx::Result<()> {
    let due: Vec<i64> = sqlx::query_scalar(
        "select id from follow_ups where due_at <= $1 order by due_at, id limit 100",
    )
    .bind(now_ms())
    .fetch_all(&app.pool)
    .await?;
    for id in due {
        let mut tx = ledger::begin(&app.pool).await?;
        let due: Option<Due> =
            sqlx::query_as("delete from follow_ups where id = $1 returning payment, refund, kind")
                .bind(id)
                .fetch_optional(&mut *tx)
                .await?;
        if let Some(due) = due
            && let Some(payment) = ledger::find_any(&mut *tx, &due.payment).await?
            && let Ok(kind) = due.kind.parse()
        {
            apply(&mut tx, app, &payment, due.refund.as_deref(), kind).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

async fn apply(
    tx: &mut Transaction<'_, Sqlite>,
    app: &App,
    payment: &Payment,
    refund: Option<&str>,
    kind: FollowUpKind,
) -> sqlx::Result<()> {
    let url = &app.public_url;
    match (kind, refund) {
        (FollowUpKind::DisputeOpened, _) => disputes::open(tx, payment, url).await,
        (FollowUpKind::DisputeUnderReview, _) => {
            disputes::update(tx, payment, url, "under_review").await
        }
        (FollowUpKind::DisputeWon, _) => disputes::update(tx, payment, url, "won").await,
        (FollowUpKind::DisputeLost, _) => disputes::update(tx, payment, url, "lost").await,
        (FollowUpKind::SucceededLate, _) => ledger::succeed_late(tx, payment, url).await,
        (FollowUpKind::Reversed, _) => reversals::reverse(tx, payment, url).await,
        (FollowUpKind::RefundSucceeded, Some(id)) => {
            refunds::change_status(tx, payment, url, id, "succeeded").await
        }
        (FollowUpKind::RefundFailed, Some(id)) => {
            refunds::change_status(tx, payment, url, id, "failed").await
        }
        (FollowUpKind::RefundSucceeded | FollowUpKind::RefundFailed, None) => Ok(()),
    }
}
