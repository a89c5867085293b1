//! The connection to PostgreSQL on another machine.

use anyhow::{Result, ensure};
use till_tests::TestApp;

/// The tests' server has no TLS. In the form `127.1`, its address is not taken for one of this machine.
#[tokio::test]
async fn plain_text_is_refused_unless_it_is_chosen() -> Result<()> {
    let app = TestApp::start().await?;
    let remote = app.database_url().replace("@127.0.0.1:", "@127.1:");
    ensure!(remote.contains("@127.1:"), "{remote}");
    for command in [&["migrate"][..], &["project", "list"]] {
        let run = async |url: &str| {
            let arguments = [command, &["--database-url", url]].concat();
            app.till(&arguments).await
        };
        let error = run(&remote).await?.err().unwrap_or_default();
        let expected = "add sslmode=disable to DATABASE_URL";
        ensure!(error.contains(expected), "{command:?}: {error}");
        run(&format!("{remote}?sslmode=disable"))
            .await?
            .map_err(anyhow::Error::msg)?;
    }
    Ok(())
}
