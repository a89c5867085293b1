//! The documentation's pages. Shell blocks are executed in order.

pub mod snippets;

use crate::process::{Running, binary, command};
use anyhow::{Context, Result, bail, ensure};
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// The addresses in the pages: a part of the command line, and the address that the page uses.
/// Tests use free ports.
const ADDRESSES: [(&str, &str); 3] = [
    ("till sandbox", "127.0.0.1:8788"),
    ("till serve", "127.0.0.1:8787"),
    ("", "127.0.0.1:8700"),
];
/// The time limit of a block.
const PATIENCE: Duration = Duration::from_secs(60);
/// The line that ends a block's output.
const END: &str = "-- end of block --";

/// Returns the path of `docs/`.
pub fn docs() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    Ok(root.context("no workspace")?.join("docs"))
}

/// A code block of a page.
#[derive(Debug, Clone)]
pub struct Block {
    /// The page and the line.
    pub place: String,
    /// The heading above it.
    pub heading: String,
    /// The info string: the language and other words.
    pub info: String,
    /// The code.
    pub text: String,
}

impl Block {
    /// Returns the language; empty if absent.
    pub fn language(&self) -> &str {
        self.info.split(' ').next().unwrap_or_default()
    }

    /// Whether the command runs in the background.
    fn stays(&self) -> bool {
        self.info == "sh background"
    }
}

/// Lists the pages.
pub fn pages() -> Result<Vec<String>> {
    let names = fs::read_dir(docs()?)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<_>>>()?;
    Ok(names.into_iter().filter(|n| n.ends_with(".md")).collect())
}

/// Reads the code blocks of a page in order.
pub fn blocks(page: &str) -> Result<VecDeque<Block>> {
    let text = fs::read_to_string(docs()?.join(page))?;
    let mut blocks = VecDeque::new();
    let (mut heading, mut in_heading) = (String::new(), false);
    let mut open: Option<Block> = None;
    for (event, range) in Parser::new(&text).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { .. }) => (heading, in_heading) = (String::new(), true),
            Event::End(TagEnd::Heading(_)) => in_heading = false,
            Event::Start(Tag::CodeBlock(kind)) => {
                let line = text[..range.start].lines().count() + 1;
                open = Some(Block {
                    place: format!("docs/{page}:{line}"),
                    heading: heading.clone(),
                    info: match kind {
                        CodeBlockKind::Fenced(info) => info.into_string(),
                        CodeBlockKind::Indented => String::new(),
                    },
                    text: String::new(),
                });
            }
            Event::End(TagEnd::CodeBlock) => blocks.extend(open.take()),
            Event::Text(part) | Event::Code(part) => match &mut open {
                Some(block) => block.text.push_str(&part),
                None if in_heading => heading.push_str(&part),
                None => {}
            },
            _ => {}
        }
    }
    Ok(blocks)
}

/// Returns the file in `docs/snippets` with a block's content.
pub fn snippet_of(block: &Block) -> Result<Option<String>> {
    for entry in fs::read_dir(docs()?.join("snippets"))? {
        let path = entry?.path();
        if path.is_file() && fs::read_to_string(&path)? == block.text {
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
            return Ok(name);
        }
    }
    Ok(None)
}

/// A walkthrough of a page: its shell blocks, executed in a new directory that contains the
/// snippets. Background commands end on drop.
pub struct Walk {
    /// The directory.
    pub files: TempDir,
    blocks: VecDeque<Block>,
    /// The page's addresses and the actual addresses.
    here: Vec<(&'static str, String)>,
    running: Vec<Running>,
    _shell: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Walk {
    /// Starts at the beginning of a page.
    pub fn start(page: &str) -> Result<Self> {
        let files = tempfile::tempdir()?;
        lay_out_snippets(files.path())?;
        let mut shell = bash(files.path())?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("bash")?;
        let stdin = shell.stdin.take().context("no input")?;
        let stdout = shell.stdout.take().context("no output")?;
        Ok(Self {
            files,
            blocks: blocks(page)?,
            here: vec![],
            running: vec![],
            _shell: shell,
            stdin,
            stdout: BufReader::new(stdout).lines(),
        })
    }

    /// Returns the actual address for an address of the page.
    pub fn address(&self, there: &str) -> String {
        self.translated(there)
    }

    /// Executes the blocks before a heading, or all remaining blocks.
    pub async fn on_to(&mut self, heading: Option<&str>) -> Result<()> {
        while let Some(block) = self.blocks.pop_front() {
            if heading == Some(&block.heading) {
                self.blocks.push_front(block);
                return Ok(());
            }
            let done = match block.language() {
                "sh" if block.stays() => self.begin(&block).await,
                "sh" => self.execute(&block).await,
                _ => continue,
            };
            done.with_context(|| block.place.clone())?;
        }
        ensure!(heading.is_none(), "no block under {heading:?}");
        Ok(())
    }

    /// Starts a background command.
    async fn begin(&mut self, block: &Block) -> Result<()> {
        let line = self.translated(block.text.trim());
        let mut command = bash(self.files.path())?;
        // Bash replaces itself with the program, so the program ends with the walkthrough.
        command.args(["-c", &in_place(&line)]);
        command
            .env("TILL_LISTEN", "127.0.0.1:0")
            .env("TILL_SANDBOX_LISTEN", "127.0.0.1:0")
            .env("PORT", "0");
        let running = Running::start(&mut command, "listening on http://").await?;
        let named = ADDRESSES.iter().find(|(start, _)| line.contains(start));
        let (start, there) = named.context("no address")?;
        if *start == "till serve" {
            let listen = format!("export TILL_LISTEN={}", running.line);
            self.run(&listen).await?;
        }
        self.here.push((there, running.line.clone()));
        self.running.push(running);
        Ok(())
    }

    /// Runs a block and compares its output with the `text` block after it. A different output is
    /// retried, because some results take time.
    async fn execute(&mut self, block: &Block) -> Result<()> {
        let expected = self.blocks.front().filter(|next| next.info == "text");
        let expected = expected.map(|next| next.text.trim().to_owned());
        let script = self.translated(&block.text);
        let mut printed = self.run(&script).await?;
        let Some(expected) = expected else {
            return Ok(());
        };
        for _ in 0..60 {
            if printed == expected {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
            printed = self.run(&script).await?;
        }
        bail!("prints {printed:?}, not {expected:?}")
    }

    /// Runs a script in the page's shell and returns its output.
    async fn run(&mut self, script: &str) -> Result<String> {
        // The braces and the redirection keep commands from reading the rest of the script.
        let script = format!("{{\n{script}\n}} < /dev/null\nprintf '\\n%s\\n' '{END}'\n");
        self.stdin.write_all(script.as_bytes()).await?;
        let mut printed = vec![];
        let reading = async {
            while let Some(line) = self.stdout.next_line().await? {
                if line == END {
                    return Ok(());
                }
                printed.push(line);
            }
            bail!("a command failed")
        };
        let ended = timeout(PATIENCE, reading).await.context("timed out");
        ended
            .flatten()
            .with_context(|| format!("after it printed {printed:?}"))?;
        Ok(printed.join("\n").trim().to_owned())
    }

    fn translated(&self, text: &str) -> String {
        let replace = |text: String, (there, here): &(&str, String)| text.replace(there, here);
        self.here.iter().fold(text.to_owned(), replace)
    }
}

/// Inserts `exec` after a command line's variables, whose values may be commands in parentheses.
fn in_place(line: &str) -> String {
    let (mut depth, mut program) = (0, 0);
    for (at, c) in line.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ' ' if depth == 0 && !line[program..at].contains('=') => break,
            ' ' if depth == 0 => program = at + 1,
            _ => {}
        }
    }
    let (variables, program) = line.split_at(program);
    format!("{variables}exec {program}")
}

/// Returns a bash command that stops at the first failure, without the developer's settings, with
/// `till` on its path and with the snippets' libraries.
fn bash(dir: &Path) -> Result<Command> {
    let mut command = command("bash");
    command.args(["-euo", "pipefail"]).current_dir(dir);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("TILL_") || name == "DATABASE_URL" || name == "PORT" {
            command.env_remove(name.as_ref());
        }
    }
    let till = binary()?;
    let bin = till.parent().context("no directory")?.to_path_buf();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([bin].into_iter().chain(std::env::split_paths(&path)))?;
    command.env("PATH", path).env("RUST_LOG", "warn");
    command.env("PYTHONPATH", library("TILL_PYTHON_PACKAGES")?);
    Ok(command)
}

/// Copies the snippets and links their Node packages into a directory.
pub fn lay_out_snippets(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(docs()?.join("snippets"))? {
        let path = entry?.path();
        let name = path.file_name().context("no name")?;
        if path.is_file() {
            fs::copy(&path, dir.join(name))?;
        }
    }
    let modules = library("TILL_NODE_MODULES")?;
    std::os::unix::fs::symlink(modules, dir.join("node_modules"))?;
    Ok(())
}

/// Returns the path of a library that the setup installed.
pub fn library(variable: &str) -> Result<PathBuf> {
    let dir = std::env::var_os(variable).map(PathBuf::from);
    dir.with_context(|| format!("{variable} is not set: run the tests with `cargo xtask test`"))
}
