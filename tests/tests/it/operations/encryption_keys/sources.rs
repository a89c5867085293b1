//! Keys, the operator's token and the URL of the database come from files and commands.

use super::NEW_KEY;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use till_tests::TestApp;
use till_tests::app::ENCRYPTION_KEY;
use till_tests::client::{Api, send};
use till_tests::process::Running;

/// Writes a file that only its owner can read.
fn write(app: &TestApp, name: &str, content: &str) -> Result<()> {
    let path = app.files().join(name);
    std::fs::write(&path, content)?;
    Ok(std::fs::set_permissions(
        path,
        Permissions::from_mode(0o600),
    )?)
}

/// Runs a command that needs the encryption key, with these variables alone. Returns whether it succeeded,
/// and its output.
async fn run(app: &TestApp, variables: &[(&str, &str)]) -> Result<(bool, String)> {
    let mut command = app.command(&["keys", "list"])?;
    command.env_remove("TILL_ENCRYPTION_KEY");
    command.env_remove("TILL_DATABASE_LISTEN_URL");
    if variables
        .iter()
        .any(|(name, _)| *name == "DATABASE_URL_FILE")
    {
        command.env_remove("DATABASE_URL");
    }
    command.envs(variables.iter().copied());
    let output = command.output().await?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8(text)?))
}

#[tokio::test]
async fn secrets_are_read_from_files_and_commands() -> Result<()> {
    let app = TestApp::start().await?;
    write(&app, "key", &format!("{ENCRYPTION_KEY}\n"))?;
    write(&app, "others", &format!("{NEW_KEY}\n{ENCRYPTION_KEY}\n"))?;
    write(&app, "url", &format!("{}\n", app.database_url()))?;
    write(&app, "listen-url", "postgres://till@127.0.0.1/till\n")?;
    write(&app, "fails.sh", &format!("echo {ENCRYPTION_KEY}; exit 3"))?;
    write(&app, "short", "c2hvcnQ=")?;
    for variables in [
        &[("TILL_ENCRYPTION_KEY_FILE", "key")][..],
        &[("TILL_ENCRYPTION_KEY_COMMAND", "cat key")],
        &[
            ("TILL_ENCRYPTION_KEY_FILE", "key"),
            ("DATABASE_URL_FILE", "url"),
        ],
        &[
            ("TILL_ENCRYPTION_KEY_FILE", "key"),
            ("TILL_DATABASE_LISTEN_URL_FILE", "listen-url"),
        ],
        &[
            ("TILL_ENCRYPTION_KEY_FILE", "key"),
            ("TILL_DECRYPTION_KEYS", ""),
        ],
    ] {
        let (done, output) = run(&app, variables).await?;
        ensure!(
            done && output.lines().count() == 2,
            "{variables:?}: {output}"
        );
    }
    for variables in [
        &[
            ("TILL_ENCRYPTION_KEY_FILE", "key"),
            ("TILL_DECRYPTION_KEYS_FILE", "others"),
        ][..],
        &[
            ("TILL_ENCRYPTION_KEY_FILE", "key"),
            ("TILL_DECRYPTION_KEYS_COMMAND", "cat others"),
        ],
        &[
            ("TILL_ENCRYPTION_KEY_FILE", "key"),
            ("TILL_DECRYPTION_KEYS", NEW_KEY),
        ],
    ] {
        let (done, output) = run(&app, variables).await?;
        ensure!(
            done && output.contains("decrypts only"),
            "{variables:?}: {output}"
        );
    }
    for (variables, expected) in [
        (
            &[("TILL_ENCRYPTION_KEY_FILE", "missing")][..],
            &["TILL_ENCRYPTION_KEY_FILE", "missing"][..],
        ),
        (
            &[("TILL_ENCRYPTION_KEY_FILE", "short")],
            &["must be 32 bytes"],
        ),
        (
            &[("TILL_ENCRYPTION_KEY_COMMAND", "sh fails.sh")],
            &["TILL_ENCRYPTION_KEY_COMMAND", "sh failed", "exit status: 3"],
        ),
        (
            &[("TILL_ENCRYPTION_KEY_COMMAND", "no-such-program x")],
            &["can't run no-such-program"],
        ),
        (
            &[
                ("TILL_ENCRYPTION_KEY", ENCRYPTION_KEY),
                ("TILL_ENCRYPTION_KEY_FILE", "key"),
            ],
            &["--encryption-key ", "--encryption-key-file"],
        ),
        (
            &[
                ("TILL_ENCRYPTION_KEY_COMMAND", "cat key"),
                ("TILL_ENCRYPTION_KEY_FILE", "key"),
            ],
            &["--encryption-key-command", "--encryption-key-file"],
        ),
        (
            &[
                ("TILL_ENCRYPTION_KEY", ENCRYPTION_KEY),
                ("TILL_DECRYPTION_KEYS", NEW_KEY),
                ("TILL_DECRYPTION_KEYS_FILE", "others"),
            ],
            &["--decryption-key ", "--decryption-keys-file"],
        ),
        (
            &[
                ("TILL_ENCRYPTION_KEY", ENCRYPTION_KEY),
                ("DATABASE_URL_FILE", "missing"),
            ],
            &["DATABASE_URL_FILE", "missing"],
        ),
        (
            &[
                ("TILL_ENCRYPTION_KEY", ENCRYPTION_KEY),
                ("TILL_DATABASE_LISTEN_URL", "sqlite:till.db"),
            ],
            &["--database-listen-url", "must begin with postgres:"],
        ),
        (
            &[
                ("TILL_ENCRYPTION_KEY", ENCRYPTION_KEY),
                ("TILL_DATABASE_LISTEN_URL_FILE", "key"),
            ],
            &["TILL_DATABASE_LISTEN_URL_FILE", "must begin with postgres:"],
        ),
    ] {
        let (done, output) = run(&app, variables).await?;
        let says = expected.iter().all(|text| output.contains(text));
        ensure!(!done && says, "{variables:?}: {output}");
        ensure!(
            !output.contains(ENCRYPTION_KEY) && !output.contains("c2hv"),
            "{output}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_operators_token_is_read_from_a_file() -> Result<()> {
    let app = TestApp::start().await?;
    let serve = [
        "serve",
        "--dev",
        "--listen",
        "127.0.0.1:0",
        "--operator-token-file",
        "token",
    ];
    let refused = app.till(&serve).await?.err().context("a missing file")?;
    ensure!(
        refused.contains("TILL_OPERATOR_TOKEN_FILE: can't read token"),
        "{refused}"
    );
    write(&app, "token", "too short")?;
    let refused = app.till(&serve).await?.err().context("a short token")?;
    ensure!(
        refused.contains("TILL_OPERATOR_TOKEN_FILE: must have at least 16"),
        "{refused}"
    );
    let both = [&serve[..], &["--operator-token", "the operator's token"]].concat();
    let refused = app.till(&both).await?.err().context("two tokens")?;
    let names = ["--operator-token-file", "--operator-token "];
    ensure!(names.iter().all(|name| refused.contains(name)), "{refused}");

    let token = "a token from a file, for tests";
    write(&app, "token", &format!("{token}\n"))?;
    let path = app.files().join("token");
    std::fs::set_permissions(path, Permissions::from_mode(0o644))?;
    let log = app.files().join("log");
    let mut command = app.command(&serve)?;
    command.stderr(std::fs::File::create(&log)?);
    let server = Running::start(&mut command, "listening on").await?;
    let api = Api::new(&server.line, &app.keys)?;
    let list = api.request(Method::GET, "/v1/projects").bearer_auth(token);
    ensure!(send(list).await?.status == 200);
    let log = std::fs::read_to_string(log)?;
    ensure!(log.contains("chmod 600") && !log.contains(token), "{log}");
    Ok(())
}
