//! The table `embed_scripts`: the versions of the embed script that servers of this database had.

use super::{Result, Store};

impl Store {
    /// Records a version, unless it is known. `now`: milliseconds.
    pub async fn record_embed_script(&self, name: &str, script: &str, now: i64) -> Result<()> {
        sqlx::query(
            "insert into embed_scripts (name, script, created_at) values ($1, $2, $3)
             on conflict (name) do nothing",
        )
        .bind(name)
        .bind(script)
        .bind(now)
        .execute(self.writer())
        .await?;
        Ok(())
    }

    /// Returns the script of a version.
    pub async fn embed_script(&self, name: &str) -> Result<Option<String>> {
        let sql = "select script from embed_scripts where name = $1";
        let query = sqlx::query_scalar(sql).bind(name);
        Ok(query.fetch_optional(self.pool()).await?)
    }
}
