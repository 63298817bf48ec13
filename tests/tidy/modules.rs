//! Who names whom: the modules of a crate, and every path from one into another, read by a parser and not by a pattern.
//!
//! A path is followed to the module that holds what it names: through what its file imports, and through what a module on the
//! way hands on from one of its own. Unit tests are left out; they may know more than the code beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemUse, UseTree};

/// A module by its names from the root of the crate: `["store", "writer"]`.
pub(crate) type Module = Vec<String>;

/// A path in one module that leads into another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference {
    /// Where it stands.
    pub(crate) from: Module,
    /// What is named, from the root of the crate, as far as the file's own imports tell.
    pub(crate) named: Module,
    /// The module that holds it.
    pub(crate) to: Module,
}

/// Every module, with what it imports and what it names.
#[derive(Debug, Default)]
pub(crate) struct Modules(BTreeMap<Module, Contents>);

#[derive(Debug, Default)]
struct Contents {
    /// Local names, and what each stands for.
    imports: BTreeMap<String, Vec<String>>,
    /// Paths as they are written.
    paths: BTreeSet<Vec<String>>,
}

impl Modules {
    /// Reads sources by their path below `src`, for example `store/writer.rs`.
    pub(crate) fn read<'a>(sources: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut modules = Self::default();
        for (path, text) in sources {
            let name = path.trim_end_matches(".rs");
            let module = if name == "lib" { Vec::new() } else { name.split('/').map(str::to_owned).collect() };
            let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
            let mut contents = Contents::default();
            for item in file.items.iter().filter(|item| !is_for_tests(attributes(item))) {
                contents.visit_item(item);
            }
            modules.0.insert(module, contents);
        }
        modules
    }

    /// Every path that leads out of the module it stands in.
    pub(crate) fn references(&self) -> BTreeSet<Reference> {
        let mut references = BTreeSet::new();
        for (from, contents) in &self.0 {
            for path in contents.imports.values().chain(&contents.paths) {
                let Some(named) = self.absolute(from, path) else { continue };
                let to = self.holder(&named, 0);
                if to != *from && !to.is_empty() {
                    references.insert(Reference { from: from.clone(), named, to });
                }
            }
        }
        references
    }

    /// Whether `module` hands something on under `name`.
    pub(crate) fn hands_on(&self, module: &[String], name: &str) -> bool {
        self.0.get(module).is_some_and(|contents| contents.imports.contains_key(name))
    }

    /// Whether there is a module of that name.
    pub(crate) fn has(&self, module: &[String]) -> bool {
        self.0.contains_key(module)
    }

    /// A path as it is written in `module`, from the root of the crate; none for one that leads out of it.
    fn absolute(&self, module: &Module, path: &[String]) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        let mut base = module.clone();
        match first.as_str() {
            "crate" => base.clear(),
            "self" => {}
            "super" => drop(base.pop()),
            name => {
                let imported = self.0.get(module)?.imports.get(name).filter(|imported| *imported != path);
                if let Some(imported) = imported {
                    base = self.absolute(module, imported)?;
                } else {
                    base.push(first.clone());
                    if !self.has(&base) {
                        return None;
                    }
                }
            }
        }
        for name in rest {
            if name == "super" {
                base.pop();
            } else {
                base.push(name.clone());
            }
        }
        Some(base)
    }

    /// The module that holds what `named` names.
    fn holder(&self, named: &[String], depth: usize) -> Module {
        let known = (0..=named.len()).rev().find(|length| self.has(&named[..*length])).unwrap_or_default();
        let (module, rest) = (named[..known].to_vec(), &named[known..]);
        // Eight names for one thing are enough for any crate.
        let handed_on = rest.first().filter(|_| depth < 8).and_then(|name| self.0.get(&module)?.imports.get(name));
        match handed_on.and_then(|path| self.absolute(&module, path)) {
            Some(path) if path != named => self.holder(&path, depth + 1),
            _ => module,
        }
    }
}

impl<'ast> Visit<'ast> for Contents {
    fn visit_item_use(&mut self, import: &'ast ItemUse) {
        self.import(&import.tree, &mut Vec::new());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if path.leading_colon.is_none() {
            self.paths.insert(names);
        }
        visit::visit_path(self, path);
    }

    /// What stands in a macro is no syntax that a parser could know.
    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        static PATH: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"[A-Za-z_]\w*(\s*::\s*[A-Za-z_]\w*)+").expect("a pattern"));
        for found in PATH.find_iter(&call.tokens.to_string()) {
            self.paths.insert(found.as_str().split("::").map(|name| name.trim().to_owned()).collect());
        }
        visit::visit_macro(self, call);
    }
}

impl Contents {
    fn import(&mut self, tree: &UseTree, path: &mut Vec<String>) {
        match tree {
            UseTree::Path(step) => {
                path.push(step.ident.to_string());
                self.import(&step.tree, path);
                path.pop();
            }
            UseTree::Name(name) if name.ident == "self" => {
                self.imports.insert(path.last().cloned().unwrap_or_default(), path.clone());
            }
            UseTree::Name(name) => {
                let name = name.ident.to_string();
                let path = path.iter().cloned().chain([name.clone()]).collect();
                self.imports.insert(name, path);
            }
            UseTree::Rename(rename) => {
                let path: Vec<String> = path.iter().cloned().chain([rename.ident.to_string()]).collect();
                // `use x as _` has no name to be found by.
                let name = if rename.rename == "_" { path.join("::") } else { rename.rename.to_string() };
                self.imports.insert(name, path);
            }
            UseTree::Glob(_) => {
                self.paths.insert(path.clone());
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, path);
                }
            }
        }
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|what| what == "test")
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
