//! The snippets in `docs/snippets`, executed.

use crate::docs::{lay_out_snippets, library};
use crate::process::{Running, command};
use anyhow::{Context, Result, ensure};
use scraper::{Html, Selector};
use serde::Serializer;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// The fields of a form.
pub type Fields = BTreeMap<String, String>;

/// A snippet in a new directory.
pub struct Snippet {
    /// The file name.
    pub name: &'static str,
    dir: TempDir,
    compiled: &'static str,
}

impl Snippet {
    /// Prepares a snippet. `compiled` is the program of a compiled snippet.
    pub fn new(name: &'static str, compiled: &'static str) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        lay_out_snippets(dir.path())?;
        Ok(Self {
            name,
            dir,
            compiled,
        })
    }

    /// Returns the command. Standard error is redirected to standard output.
    fn command(&self, php: &[&str]) -> Result<Command> {
        let mut command = command("sh");
        command.args(["-c", "exec \"$@\" 2>&1", "sh"]);
        match Path::new(self.name).extension().and_then(|e| e.to_str()) {
            Some("php") => command.arg("php").args(php).arg(self.name),
            Some("mjs") => command.args(["node", self.name]),
            Some("py") => command.args(["python3", self.name]),
            _ => command.arg(self.compiled),
        };
        command.env("PYTHONPATH", library("TILL_PYTHON_PACKAGES")?);
        command.current_dir(self.dir.path());
        Ok(command)
    }

    /// Signs a form and returns the fields that a browser sends.
    pub async fn sign(&self, till: &str, secret: &str, fields: &Fields) -> Result<Fields> {
        // The order of the fields differs from the signed order.
        let mut json = vec![];
        serde_json::Serializer::new(&mut json).collect_map(fields.iter().rev())?;
        let mut child = self
            .command(&[])?
            .env("TILL_URL", till)
            .env("TILL_SIGNING_SECRET", secret)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot be started")?;
        let mut stdin = child.stdin.take().context("no input")?;
        stdin.write_all(&json).await?;
        drop(stdin);
        let output = child.wait_with_output().await?;
        let printed = String::from_utf8(output.stdout)?;
        ensure!(output.status.success(), "{printed}");
        let (action, fields) = form(&printed)?;
        ensure!(action == format!("{till}/pay"), "{action}");
        Ok(fields)
    }

    /// Starts an endpoint and returns it with its URL.
    pub async fn listen(&self, secret: &str) -> Result<(Running, String)> {
        let mut command = self.command(&["-S", "127.0.0.1:0"])?;
        command.env("TILL_SIGNING_SECRET", secret).env("PORT", "0");
        let running = Running::start(&mut command, "http://127.0.0.1:").await?;
        let port: String = running
            .line
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        Ok((running, format!("http://127.0.0.1:{port}")))
    }
}

/// Returns a form's action and its fields.
pub fn form(html: &str) -> Result<(String, Fields)> {
    let html = Html::parse_document(html);
    let select = |css| Selector::parse(css).map_err(|e| anyhow::anyhow!("{css}: {e}"));
    let (form, hidden) = (select("form[method=post]")?, select("input[type=hidden]")?);
    let form = html.select(&form).next().context("no form")?;
    let attribute = |e: scraper::ElementRef<'_>, name| e.attr(name).map(str::to_owned);
    let fields = form.select(&hidden).map(|input| {
        let name = attribute(input, "name").context("no name")?;
        Ok((name, attribute(input, "value").unwrap_or_default()))
    });
    let action = attribute(form, "action").context("no action")?;
    Ok((action, fields.collect::<Result<_>>()?))
}
