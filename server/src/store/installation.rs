//! The table `installation`: what the running servers tell the command line, and each other.

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
        .execute(self.writer())
        .await?;
        Ok(())
    }

    /// Returns the check value of the encryption key that the database is used with; `None` if no server
    /// has recorded one.
    pub async fn key_check(&self) -> Result<Option<String>> {
        let sql = "select value from installation where name = 'key_check'";
        Ok(sqlx::query_scalar(sql).fetch_optional(self.pool()).await?)
    }

    /// Records the check value of the encryption key in place of an earlier one.
    pub async fn replace_key_check(&self, value: &str) -> Result<()> {
        sqlx::query("update installation set value = $1 where name = 'key_check'")
            .bind(value)
            .execute(self.writer())
            .await?;
        Ok(())
    }

    /// Records the check value of the encryption key, unless another server was first.
    pub async fn record_key_check(&self, value: &str) -> Result<()> {
        sqlx::query(
            "insert into installation (name, value) values ('key_check', $1)
             on conflict (name) do nothing",
        )
        .bind(value)
        .execute(self.writer())
        .await?;
        Ok(())
    }

    /// Returns the public URL of the servers that ran last; `None` if none ran yet.
    pub async fn public_url(&self) -> Result<Option<String>> {
        let sql = "select value from installation where name = 'public_url'";
        Ok(sqlx::query_scalar(sql).fetch_optional(self.pool()).await?)
    }
}
