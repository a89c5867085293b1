//! The table `secret_keys`: hashes of projects' secret keys.

use super::{Result, Tx};
use till_shared::id::ProjectId;

/// Inserts the hash of a project's new secret key. Its earlier keys stay valid until `old_until`
/// (milliseconds) or their own end, whichever comes first.
pub async fn replace(
    tx: &mut Tx,
    project: &ProjectId,
    hash: &str,
    old_until: i64,
    now: i64,
) -> Result<()> {
    sqlx::query(
        "update secret_keys set valid_until = $1
         where project = $2 and (valid_until is null or valid_until > $1)",
    )
    .bind(old_until)
    .bind(project.as_str())
    .execute(tx.conn())
    .await?;
    sqlx::query("insert into secret_keys (hash, project, created_at) values ($1, $2, $3)")
        .bind(hash)
        .bind(project.as_str())
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}
