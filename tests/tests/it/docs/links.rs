//! Links between the pages.

use anyhow::{Context, Result, ensure};
use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use till_tests::docs::{docs, pages};

/// The pages outside of `docs/`.
const ROOT_PAGES: [&str; 5] = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
];

#[test]
fn every_link_leads_to_a_file_and_a_heading() -> Result<()> {
    let docs = docs()?;
    let root = docs.parent().context("no workspace")?;
    let pages = pages()?.into_iter().map(|page| docs.join(page));
    let mut broken = vec![];
    for page in pages.chain(ROOT_PAGES.map(|page| root.join(page))) {
        let text = fs::read_to_string(&page)?;
        for link in links(&text) {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => page.clone(),
                file => page.parent().context("no directory")?.join(file),
            };
            let there =
                target.exists() && (anchor.is_empty() || anchors(&target)?.contains(anchor));
            if !there {
                broken.push(format!("{}: {link}", shown(&page, root)));
            }
        }
    }
    ensure!(broken.is_empty(), "broken links: {broken:#?}");
    Ok(())
}

fn shown(page: &Path, root: &Path) -> String {
    let page = page.strip_prefix(root).map(PathBuf::from);
    page.unwrap_or_default().display().to_string()
}

fn links(text: &str) -> Vec<String> {
    let destination = |event| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            Some(dest_url.into_string())
        }
        _ => None,
    };
    Parser::new(text).filter_map(destination).collect()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(page: &Path) -> Result<BTreeSet<String>> {
    let text = fs::read_to_string(page)?;
    let mut anchors = BTreeSet::new();
    let mut heading: Option<String> = None;
    for event in Parser::new(&text) {
        match (event, &mut heading) {
            (Event::Start(Tag::Heading { .. }), _) => heading = Some(String::new()),
            (Event::Text(part) | Event::Code(part), Some(heading)) => heading.push_str(&part),
            (Event::End(TagEnd::Heading(_)), _) => {
                let kept = heading.take().unwrap_or_default().to_lowercase();
                let kept = kept.chars().filter_map(|c| match c {
                    ' ' => Some('-'),
                    c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
                    _ => None,
                });
                anchors.insert(kept.collect());
            }
            _ => {}
        }
    }
    Ok(anchors)
}
