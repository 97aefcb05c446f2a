//! No file imports another that, by whatever way, imports it: a reader can take them one after the other. A parent and
//! its child modules may, as is usual in Rust.
//!
//! Imports are read as written, and a name that a module passes on (`pub use`) leads to the file that has it.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, Macro, UseTree, Visibility};

use crate::finding::Finding;
use crate::tree::Source;

/// A module's path in its crate.
type Module = Vec<String>;

/// What one file names of its crate, and what it passes on.
#[derive(Debug, Default)]
struct Names {
    used: BTreeSet<Vec<String>>,
    passed_on: Vec<Vec<String>>,
}

/// Checks the shipped files of every crate.
pub(crate) fn check(sources: impl Iterator<Item = Source>) -> Vec<Finding> {
    let mut crates: BTreeMap<String, BTreeMap<Module, (String, Names)>> = BTreeMap::new();
    for source in sources.filter(|source| source.shipped().next().is_some()) {
        let Some((package, file)) = source.path.split_once("/src/") else { continue };
        let names = Names::of(&source.text);
        crates.entry(package.to_owned()).or_default().insert(module(file), (source.path.clone(), names));
    }
    crates.values().flat_map(circles).collect()
}

fn module(file: &str) -> Module {
    let mut path: Module = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if matches!(path.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        path.pop();
    }
    path
}

impl Names {
    fn of(text: &str) -> Self {
        let mut names = Self::default();
        if let Ok(file) = syn::parse_file(text) {
            names.visit_file(&file);
        }
        names
    }

    fn take(&mut self, path: impl Iterator<Item = String>) {
        let path: Vec<String> = path.collect();
        if path.len() > 1 {
            self.used.insert(path);
        }
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| {
                list.tokens.to_string().starts_with("test") || list.tokens.to_string().starts_with("all (test")
            })
    })
}

impl<'a> Visit<'a> for Names {
    fn visit_item(&mut self, item: &'a Item) {
        let attributes: &[Attribute] = if let Item::Mod(item) = item {
            &item.attrs
        } else if let Item::Fn(item) = item {
            &item.attrs
        } else if let Item::Impl(item) = item {
            &item.attrs
        } else if let Item::Use(item) = item {
            &item.attrs
        } else {
            &[]
        };
        if !is_for_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'a ItemMod) {
        // A module within the file is the file; its own `super` is the file, too.
        let mut inner = Self::default();
        visit::visit_item_mod(&mut inner, module);
        self.used.extend(inner.used.into_iter().filter(|path| path.first().is_some_and(|first| first == "crate")));
    }

    fn visit_item_use(&mut self, item: &'a ItemUse) {
        let mut paths = Vec::new();
        expand(&item.tree, &mut Vec::new(), &mut paths);
        for path in paths {
            if matches!(item.vis, Visibility::Inherited) {
                self.take(path.into_iter());
            } else {
                self.take(path.clone().into_iter());
                self.passed_on.push(path);
            }
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        self.take(path.segments.iter().map(|segment| segment.ident.to_string()));
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'a Macro) {
        let text = called.tokens.to_string().replace(" :: ", "::");
        for word in text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')) {
            self.take(word.split("::").filter(|part| !part.is_empty()).map(str::to_owned));
        }
        visit::visit_macro(self, called);
    }
}

/// Every path of a `use`.
fn expand(tree: &UseTree, before: &mut Vec<String>, paths: &mut Vec<Vec<String>>) {
    let whole = |before: &[String], last: String| before.iter().cloned().chain([last]).collect();
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            expand(&path.tree, before, paths);
            before.pop();
        }
        UseTree::Name(name) if name.ident == "self" => paths.push(before.clone()),
        UseTree::Name(name) => paths.push(whole(before, name.ident.to_string())),
        UseTree::Rename(renamed) => paths.push(whole(before, renamed.ident.to_string())),
        UseTree::Glob(_) => paths.push(whole(before, "*".to_owned())),
        UseTree::Group(group) => group.items.iter().for_each(|tree| expand(tree, before, paths)),
    }
}

type Files = BTreeMap<Module, (String, Names)>;

/// The module that `path`, written in `from`, leads to, and the item in it.
fn lead(files: &Files, from: &Module, path: &[String]) -> Option<(Module, Option<String>)> {
    let supers = path.iter().take_while(|part| *part == "super").count();
    let (mut at, rest) = match path.first().map(String::as_str)? {
        "crate" => (Module::new(), path.get(1..)?),
        "self" => (from.clone(), path.get(1..)?),
        "super" => (from.get(..from.len().checked_sub(supers)?)?.to_vec(), path.get(supers..)?),
        first => {
            let child = from.iter().cloned().chain([first.to_owned()]).collect::<Module>();
            files.contains_key(&child).then(|| (from.clone(), path))?
        }
    };
    let mut rest = rest.iter();
    for part in rest.by_ref() {
        at.push(part.clone());
        if !files.contains_key(&at) {
            at.pop();
            return Some((at, Some(part.clone())));
        }
    }
    Some((at, None))
}

/// The file that has what `path` names, followed through modules that only pass it on.
fn home(files: &Files, from: &Module, path: &[String]) -> Option<Module> {
    let (mut at, item) = lead(files, from, path)?;
    let Some(item) = item else { return Some(at) };
    let mut seen = BTreeSet::new();
    while seen.insert(at.clone()) {
        let (_, names) = files.get(&at)?;
        let passing = names.passed_on.iter().filter(|path| path.last().is_some_and(|last| *last == item));
        let further = passing.filter_map(|path| lead(files, &at, path)).find(|(module, _)| *module != at);
        let Some((module, _)) = further else { break };
        at = module;
    }
    Some(at)
}

fn is_family(one: &Module, other: &Module) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

fn circles(files: &Files) -> Vec<Finding> {
    let imports: BTreeMap<&Module, BTreeSet<Module>> = files
        .iter()
        .map(|(module, (_, names))| {
            let homes = names.used.iter().filter_map(|path| home(files, module, path));
            (module, homes.filter(|home| !is_family(home, module)).collect())
        })
        .collect();
    let reaches = |from: &Module| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(module) = next.pop() {
            next.extend(imports.get(module).into_iter().flatten().filter(|to| seen.insert((*to).clone())));
        }
        seen
    };
    let reached: BTreeMap<&Module, BTreeSet<Module>> = files.keys().map(|module| (module, reaches(module))).collect();
    let mut findings = Vec::new();
    for (module, (path, _)) in files {
        for to in imports.get(module).into_iter().flatten() {
            if reached.get(to).is_some_and(|back| back.contains(module)) {
                let rule = format!("imports {}, which leads back here", to.join("::"));
                findings.push(Finding::at(path, 1, rule, "move what both need below both"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(files: &[(&str, &str)]) -> Vec<String> {
        let sources = files.iter().map(|(path, text)| Source::new(&format!("a/src/{path}"), text, false));
        check(sources.collect::<Vec<_>>().into_iter()).into_iter().map(|found| found.rule).collect()
    }

    #[test]
    fn two_files_that_import_each_other_are_found() {
        let found =
            rules(&[("x.rs", "use super::y::Y;\nstruct X;"), ("y.rs", "use crate::x::{X, Z as W};\nstruct Y;")]);
        assert_eq!(found, ["imports y, which leads back here", "imports x, which leads back here"]);
        let qualified = rules(&[("x.rs", "fn x() { super::y::y() }"), ("y.rs", "fn y() { assert!(crate::x::x()); }")]);
        assert_eq!(qualified.len(), 2);
        let wide = rules(&[("x.rs", "use crate::y;"), ("y.rs", "use crate::z;"), ("z.rs", "use super::x;")]);
        assert_eq!(wide.len(), 3);
    }

    #[test]
    fn a_name_that_is_passed_on_leads_to_its_file() {
        let files = [
            ("lib.rs", "mod x; mod y; mod z; pub use z::Z;"),
            ("x.rs", "use crate::Z;"),
            ("y.rs", "use super::x;"),
            ("z.rs", "use super::y;\npub struct Z;"),
        ];
        assert_eq!(rules(&files).len(), 3);
    }

    #[test]
    fn families_and_tests_may() {
        for files in [
            [("x/mod.rs", "mod y; use y::Y; struct X;"), ("x/y.rs", "use super::X; struct Y;")],
            [("x.rs", "use super::y::Y;"), ("y.rs", "#[cfg(test)]\nmod tests { use crate::x::X; }")],
            [("x.rs", "use super::y::Y;"), ("y.rs", "#[cfg(test)]\nuse super::x::X;")],
            [("x.rs", "use super::y::Y;"), ("y.rs", "use std::x::X;")],
        ] {
            assert_eq!(rules(&files), Vec::<String>::new(), "{files:?}");
        }
    }
}
