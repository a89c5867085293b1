//! The table `installation`: what the running servers tell the command line.

use super::{Result, Store};

impl Store {
    /// Records the public URL of the running servers.
    pub async fn record_public_url(&self, url: &str) -> Result<()> {
        sqlx::query(
            "insert into installation (name, value) values ('public_url', $1)
             on conflict (name) do update set value = excluded.value
             where installation.value <> excluded.value",
        )
        .bind(url)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Returns the public URL of the servers that ran last; `None` if none ran yet.
    pub async fn public_url(&self) -> Result<Option<String>> {
        let sql = "select value from installation where name = 'public_url'";
        Ok(sqlx::query_scalar(sql).fetch_optional(self.pool()).await?)
    }
}
