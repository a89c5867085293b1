//! A strict parser of `/metrics`, like `promtool check metrics`.

use crate::app::TestApp;
use crate::client::send;
use anyhow::{Context, Result, bail, ensure};
use reqwest::Method;
use std::collections::{BTreeMap, BTreeSet};

/// A sample.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The name.
    pub name: String,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

impl Sample {
    fn has(&self, labels: &[(&str, &str)]) -> bool {
        let same =
            |(name, value): &(&str, &str)| self.labels.get(*name).is_some_and(|v| v == value);
        labels.iter().all(same)
    }
}

/// A response of `/metrics`.
#[derive(Debug)]
pub struct Metrics {
    /// The text.
    pub text: String,
    /// The samples.
    pub samples: Vec<Sample>,
}

impl Metrics {
    /// Scrapes a server.
    ///
    /// # Errors
    /// When the response is invalid.
    pub async fn of(app: &TestApp) -> Result<Self> {
        let answer = send(app.api.request(Method::GET, "/metrics")).await?;
        ensure!(answer.status == 200, "{answer:?}");
        let kind = answer.header("content-type");
        ensure!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
        Self::read(answer.text)
    }

    fn read(text: String) -> Result<Self> {
        ensure!(text.ends_with('\n'), "no newline at the end");
        let mut samples: Vec<Sample> = vec![];
        let (mut helped, mut types) = (BTreeSet::new(), BTreeMap::new());
        let mut family = "";
        for line in text.lines() {
            let fine = if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').context("no help")?;
                family = name;
                helped.insert(name) && help.len() > 5
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').context("no type")?;
                name == family && types.insert(name, kind).is_none() && named_well(name, kind)
            } else {
                let sample = sample(line).with_context(|| line.to_owned())?;
                let kind = types.get(family).copied().unwrap_or_default();
                let of_family = belongs(&sample.name, family, kind);
                samples.push(sample);
                of_family
            };
            ensure!(fine, "{line}");
        }
        let series: BTreeSet<_> = samples.iter().map(|s| (&s.name, &s.labels)).collect();
        ensure!(series.len() == samples.len(), "a duplicate series");
        for (name, _) in types.iter().filter(|(_, kind)| **kind == "histogram") {
            add_up(name, &samples)?;
        }
        Ok(Self { text, samples })
    }

    /// Returns the sum of all series with this name and these labels; 0 if there are none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let all = self.samples.iter().filter(|s| s.name == name);
        all.filter(|s| s.has(labels)).map(|s| s.value).sum()
    }

    /// Lists the sample names, including the suffixes `_bucket`, `_sum` and `_count`.
    pub fn names(&self) -> BTreeSet<&str> {
        self.samples.iter().map(|s| s.name.as_str()).collect()
    }
}

fn named_well(name: &str, kind: &str) -> bool {
    let word =
        name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && name.starts_with("till_");
    word && match kind {
        "counter" => name.ends_with("_total"),
        "gauge" => !name.ends_with("_total"),
        "histogram" => name.ends_with("_seconds"),
        _ => false,
    }
}

fn belongs(name: &str, family: &str, kind: &str) -> bool {
    match kind {
        "histogram" => ["_bucket", "_sum", "_count"]
            .iter()
            .any(|end| name.strip_suffix(end) == Some(family)),
        _ => name == family,
    }
}

/// Checks that a histogram's buckets are cumulative.
fn add_up(family: &str, samples: &[Sample]) -> Result<()> {
    let mut last = BTreeMap::<BTreeMap<String, String>, (f64, f64)>::new();
    let bucket = format!("{family}_bucket");
    for sample in samples.iter().filter(|s| s.name == bucket) {
        let mut labels = sample.labels.clone();
        let le: f64 = labels.remove("le").context("no le")?.parse()?;
        if let Some((before, count)) = last.insert(labels, (le, sample.value)) {
            ensure!(before < le && count <= sample.value, "{sample:?}");
        }
    }
    let count = format!("{family}_count");
    for sample in samples.iter().filter(|s| s.name == count) {
        let whole = last.get(&sample.labels) == Some(&(f64::INFINITY, sample.value));
        ensure!(whole, "{sample:?}");
    }
    Ok(())
}

fn sample(line: &str) -> Result<Sample> {
    let end = line.find(['{', ' ']).context("no value")?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_once("=\"").context("no label")?;
            let (value, after) = quoted(after)?;
            let new = labels.insert(label.to_owned(), value).is_none();
            ensure!(new && !label.is_empty(), "label {label}");
            match after.strip_prefix(',') {
                Some(more) => rest = more,
                None => {
                    rest = after.strip_prefix('}').context("no end of labels")?;
                    break;
                }
            }
        }
    }
    let value = rest.strip_prefix(' ').context("no space")?.parse()?;
    let name = name.to_owned();
    Ok(Sample {
        name,
        labels,
        value,
    })
}

/// Parses a label's value up to the closing quote. Returns the value and the rest.
fn quoted(text: &str) -> Result<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, c @ ('"' | '\\'))) => value.push(c),
                other => bail!("escaped {other:?}"),
            },
            c => value.push(c),
        }
    }
    bail!("a value without an end")
}
