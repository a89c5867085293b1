//! Embeds the built widget (`dist/`), its languages and `till.js` into the binary, compressed once at
//! the highest level.

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() -> Result<()> {
    let here = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let root = here.parent().context("the workspace's directory")?;
    let dist = root.join("dist");
    let script = dist.join("till.js");
    let types = root.join("widget/embed/till.d.ts");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let locales = root.join("widget/locales");
    for watched in [&dist, &types, &locales, &here.join("migrations")] {
        println!("cargo::rerun-if-changed={}", watched.display());
    }

    let mut code = String::new();
    let index = dist.join("index.html");
    if !index.is_file() && std::env::var("PROFILE")? == "release" {
        build_widget(root)?;
    }
    let built = index.is_file();
    let languages = hashed(&locales, &out)?;
    writeln!(code, "const LANGUAGES: &str = {:?};", languages.template)?;
    if built {
        writeln!(
            code,
            "const INDEX: Option<&str> = Some(include_str!({index:?}));"
        )?;
    } else {
        println!(
            "cargo::warning=no dist/: the widget is not built, its page will say so and /till.js is missing"
        );
        writeln!(code, "const INDEX: Option<&str> = None;")?;
    }
    let widget = if built { files(&dist)? } else { vec![] };
    let widget = widget
        .into_iter()
        .filter(|path| *path != index && *path != script);
    let widget = widget.chain(languages.files).collect();
    list(&mut code, "WIDGET", widget, &out)?;
    let embed = [script, types].into_iter().filter(|path| path.is_file());
    list(&mut code, "EMBED", embed.collect(), &out)?;
    fs::write(out.join("assets.rs"), code)?;
    Ok(())
}

/// Builds `dist/`: a release is of no use without the widget, and `cargo install` builds nothing else.
fn build_widget(root: &Path) -> Result<()> {
    println!(
        "cargo::warning=building the widget with `cargo xtask widget`, which takes some minutes"
    );
    let mut xtask = Command::new(std::env::var("CARGO")?);
    xtask.args(["xtask", "widget"]).current_dir(root);
    // Settings of this build that are not those of the widget's.
    for name in ["RUSTC", "RUSTDOC", "CARGO_ENCODED_RUSTFLAGS"] {
        xtask.env_remove(name);
    }
    let output = xtask.output().context("cargo xtask widget")?;
    ensure!(
        output.status.success(),
        "`cargo xtask widget` failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = vec![];
    for entry in fs::read_dir(dir).with_context(|| format!("can't read {}", dir.display()))? {
        let path = entry?.path();
        if path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The files of the languages, whose names contain a hash of all of them.
struct Languages {
    files: Vec<PathBuf>,
    /// The template of their names: `LANG` stands for the language.
    template: String,
}

fn hashed(locales: &Path, out: &Path) -> Result<Languages> {
    let mut hash = Sha256::new();
    let mut texts = vec![];
    for path in files(locales)? {
        let mut text: serde_json::Value = serde_json::from_slice(&fs::read(&path)?)
            .with_context(|| format!("{} is not JSON", path.display()))?;
        let language = path.file_stem().and_then(|n| n.to_str());
        let language = language.context("a language's name is not UTF-8")?;
        text["language"] = language.into();
        let text = text.to_string();
        hash.update(&text);
        texts.push((language.to_owned(), text));
    }
    let hash = &hex::encode(hash.finalize())[..16];
    let mut files = vec![];
    for (language, text) in texts {
        let path = out.join(format!("{language}-{hash}.json"));
        fs::write(&path, text)?;
        files.push(path);
    }
    Ok(Languages {
        files,
        template: format!("LANG-{hash}.json"),
    })
}

fn list(code: &mut String, name: &str, paths: Vec<PathBuf>, out: &Path) -> Result<()> {
    writeln!(code, "static {name}: &[Asset] = &[")?;
    for path in paths {
        let plain = fs::read(&path)?;
        let file = path.file_name().and_then(|n| n.to_str());
        let file = file.context("a file's name is not UTF-8")?;
        let Some(content_type) = content_type(file) else {
            continue;
        };
        let etag = format!("W/\"{}\"", &hex::encode(Sha256::digest(&plain))[..32]);
        let brotli = out.join(format!("{file}.br"));
        let gzip = out.join(format!("{file}.gz"));
        fs::write(&brotli, brotli_11(&plain)?)?;
        fs::write(&gzip, gzip_9(&plain)?)?;
        writeln!(
            code,
            "Asset {{ name: {file:?}, content_type: {content_type:?}, etag: {etag:?}, \
             plain: include_bytes!({path:?}), brotli: include_bytes!({brotli:?}), \
             gzip: include_bytes!({gzip:?}) }},"
        )?;
    }
    writeln!(code, "];")?;
    Ok(())
}

fn content_type(file: &str) -> Option<&'static str> {
    Some(match Path::new(file).extension()?.to_str()? {
        "js" => "text/javascript; charset=utf-8",
        "ts" => "text/plain; charset=utf-8",
        "wasm" => "application/wasm",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        _ => return None,
    })
}

fn brotli_11(plain: &[u8]) -> Result<Vec<u8>> {
    let params = brotli::enc::BrotliEncoderParams {
        quality: 11,
        lgwin: 22,
        size_hint: plain.len(),
        ..Default::default()
    };
    let mut packed = vec![];
    brotli::BrotliCompress(&mut &plain[..], &mut packed, &params)?;
    Ok(packed)
}

fn gzip_9(plain: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::best());
    encoder.write_all(plain)?;
    Ok(encoder.finish()?)
}
