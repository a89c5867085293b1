//! The module graph of a crate, built from the syntax trees of its files.

use anyhow::{Context, Result};
use proc_macro2::{TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

/// The segments of a path, from the crate's root.
pub type ModulePath = Vec<String>;

/// The module graph of a crate.
#[derive(Default)]
pub struct Graph {
    /// The file of each module.
    files: BTreeMap<ModulePath, PathBuf>,
    /// The re-exports of each module (`pub use`).
    exports: BTreeMap<ModulePath, Vec<Import>>,
    /// The paths that each module uses.
    names: BTreeMap<ModulePath, BTreeSet<ModulePath>>,
}

/// A name imported by `use`; `*` for a glob import.
struct Import {
    name: String,
    path: ModulePath,
}

impl Graph {
    /// Reads a crate from its root file, without test code.
    pub fn read(root: &Path) -> Result<Self> {
        let mut graph = Self::default();
        graph.read_file(root, vec![], root.parent().context("no directory")?)?;
        Ok(graph)
    }

    /// The files.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.values().map(PathBuf::as_path)
    }

    /// Returns the modules that each module uses.
    pub fn uses(&self) -> BTreeMap<&ModulePath, BTreeSet<&ModulePath>> {
        let used = |module, names: &BTreeSet<ModulePath>| {
            let targets = names.iter().filter_map(|name| self.defining(name, 0));
            targets.filter(|target| *target != module).collect()
        };
        let all = self.names.iter();
        all.map(|(module, names)| (module, used(module, names)))
            .collect()
    }

    /// Returns the groups of modules that depend on each other.
    pub fn circles(&self) -> Vec<Vec<String>> {
        let uses = self.uses();
        let reach = |from| {
            let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
            while let Some(module) = next.pop() {
                for used in uses.get(module).into_iter().flatten() {
                    if seen.insert(*used) {
                        next.push(*used);
                    }
                }
            }
            seen
        };
        let reached: BTreeMap<_, _> = uses.keys().map(|m| (*m, reach(*m))).collect();
        let mut circles = BTreeSet::new();
        for (module, from_here) in &reached {
            if from_here.contains(module) {
                let back = |other: &&&ModulePath| reached[**other].contains(module);
                let circle = from_here.iter().filter(back);
                circles.insert(circle.map(|m| m.join("::")).collect::<Vec<_>>());
            }
        }
        circles.into_iter().collect()
    }

    /// Returns the module that defines a path: the longest prefix that is a module, or the module that
    /// it re-exports from.
    fn defining(&self, path: &[String], depth: usize) -> Option<&ModulePath> {
        let ends = (0..=path.len()).rev();
        let (end, (module, _)) = ends
            .filter_map(|end| Some((end, self.files.get_key_value(&path[..end])?)))
            .next()?;
        let exports = self.exports.get(module).map_or(&[][..], Vec::as_slice);
        if let Some(name) = path.get(end)
            && depth < 8
            && let Some(import) = exports.iter().find(|import| import.name == *name)
        {
            let full = [&import.path[..], &path[end + 1..]].concat();
            return self.defining(&full, depth + 1);
        }
        Some(module)
    }

    fn read_file(&mut self, file: &Path, module: ModulePath, children: &Path) -> Result<()> {
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let syntax = syn::parse_file(&text).with_context(|| file.display().to_string())?;
        let declared: BTreeSet<_> = syntax
            .items
            .iter()
            .filter_map(|item| match item {
                Item::Mod(child) => Some(child.ident.to_string()),
                _ => None,
            })
            .collect();
        self.files.insert(module.clone(), file.to_owned());
        let mut reader = Reader {
            module: &module,
            declared: &declared,
            names: BTreeSet::new(),
            exports: vec![],
        };
        reader.visit_file(&syntax);
        let Reader { names, exports, .. } = reader;
        self.names.insert(module.clone(), names);
        self.exports.insert(module.clone(), exports);
        for item in &syntax.items {
            if let Item::Mod(child) = item
                && child.content.is_none()
                && !for_tests(&child.attrs)
            {
                let name = child.ident.to_string();
                let own = children.join(&name);
                let flat = children.join(format!("{name}.rs"));
                let file = if flat.exists() {
                    flat
                } else {
                    own.join("mod.rs")
                };
                let path = [&module[..], &[name]].concat();
                self.read_file(&file, path, &own)?;
            }
        }
        Ok(())
    }
}

/// Collects the crate's paths that a file uses.
struct Reader<'a> {
    module: &'a [String],
    /// The modules declared in the file.
    declared: &'a BTreeSet<String>,
    names: BTreeSet<ModulePath>,
    exports: Vec<Import>,
}

impl Reader<'_> {
    /// Returns the path from the crate's root, if it is a path of the crate.
    fn absolute(&self, segments: &[String]) -> Option<ModulePath> {
        let (first, mut rest) = segments.split_first()?;
        let mut base = self.module.to_vec();
        match first.as_str() {
            "crate" => base.clear(),
            "self" => {}
            "super" => {
                base.pop();
                while let [next, after @ ..] = rest
                    && next == "super"
                {
                    base.pop();
                    rest = after;
                }
            }
            name if self.declared.contains(name) => rest = segments,
            _ => return None,
        }
        base.extend_from_slice(rest);
        Some(base)
    }

    fn name(&mut self, segments: &[String]) {
        if let Some(path) = self.absolute(segments) {
            self.names.insert(path);
        }
    }

    fn use_tree(&mut self, tree: &UseTree, before: &[String], public: bool) {
        let with = |name: &str| [before, &[name.to_owned()]].concat();
        let (path, name) = match tree {
            UseTree::Path(path) => {
                return self.use_tree(&path.tree, &with(&path.ident.to_string()), public);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.use_tree(tree, before, public);
                }
                return;
            }
            UseTree::Name(name) if name.ident == "self" => {
                (before.to_vec(), before.last().cloned().unwrap_or_default())
            }
            UseTree::Name(name) => (with(&name.ident.to_string()), name.ident.to_string()),
            UseTree::Rename(name) => (with(&name.ident.to_string()), name.rename.to_string()),
            UseTree::Glob(_) => (before.to_vec(), "*".to_owned()),
        };
        let Some(path) = self.absolute(&path) else {
            return;
        };
        self.names.insert(path.clone());
        if public {
            self.exports.push(Import { name, path });
        }
    }

    /// Collects the paths in a macro's tokens, which have no syntax tree.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = vec![];
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.name(&std::mem::take(&mut path));
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    self.name(&std::mem::take(&mut path));
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.name(&path);
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !for_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let public = !matches!(item.vis, syn::Visibility::Inherited);
        self.use_tree(&item.tree, &[], public);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<_> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        if segments.len() > 1 {
            self.name(&segments);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, macro_call: &'ast syn::Macro) {
        self.tokens(macro_call.tokens.clone());
        visit::visit_macro(self, macro_call);
    }
}

/// Whether an item is test code.
fn for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let condition = attribute.path().is_ident("cfg");
        condition
            && attribute
                .parse_args::<syn::Ident>()
                .is_ok_and(|name| name == "test")
    })
}
