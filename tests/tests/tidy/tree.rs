//! The tree as git has it, new files included, and each source with what is test in it marked.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::strip::code_lines;

/// A text file of the tree.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// From the top of the tree.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A Rust file.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: String,
    /// As written.
    pub(crate) text: String,
    pub(crate) lines: Vec<Line>,
}

/// A line's code.
#[derive(Debug)]
pub(crate) struct Line {
    /// Counted from 1.
    pub(crate) number: usize,
    /// Without comments, strings and characters.
    pub(crate) code: String,
    /// Compiled for tests alone.
    pub(crate) in_test: bool,
}

/// All text files.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
    /// What is no text: pictures, fonts.
    pub(crate) others: Vec<String>,
    /// Files and folders that are modules of tests by their parent's word.
    test_modules: Vec<String>,
}

/// The top of the tree.
pub(crate) fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

impl Tree {
    /// Reads it.
    pub(crate) fn read() -> Self {
        let mut git = Command::new("git");
        // The tree may belong to somebody else, as in a container.
        git.args(["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let listed = git.current_dir(top()).output().expect("git is there, as for every developer");
        assert!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
        let paths = String::from_utf8(listed.stdout).expect("paths are UTF-8");
        let mut paths: Vec<&str> = paths.split_terminator('\0').collect();
        paths.sort_unstable();
        paths.dedup();
        let (mut files, mut others) = (Vec::new(), Vec::new());
        for path in paths {
            match std::fs::read_to_string(top().join(path)) {
                Ok(text) => files.push(File { path: path.to_owned(), text }),
                Err(error) if error.kind() == std::io::ErrorKind::InvalidData => others.push(path.to_owned()),
                Err(_) => {} // just deleted
            }
        }
        Self { others, ..Self::of(files) }
    }

    /// A tree of given files.
    pub(crate) fn of(files: Vec<File>) -> Self {
        let test_modules = files.iter().filter(|file| file.path.ends_with(".rs")).flat_map(test_modules).collect();
        Self { files, others: Vec::new(), test_modules }
    }

    /// The Rust files.
    pub(crate) fn sources(&self) -> impl Iterator<Item = Source> {
        let rust = self.files.iter().filter(|file| file.path.ends_with(".rs"));
        rust.map(|file| Source::new(&file.path, &file.text, self.is_test(&file.path)))
    }

    /// The files whose paths begin with `folder`.
    pub(crate) fn under(&self, folder: &str) -> Vec<File> {
        self.files.iter().filter(|file| file.path.starts_with(folder)).cloned().collect()
    }

    /// A file's text.
    pub(crate) fn text(&self, path: &str) -> String {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.clone()).unwrap_or_default()
    }

    fn is_test(&self, path: &str) -> bool {
        const TESTS_ALONE: [&str; 3] = ["tests/src/", "tests/tests/", "tests/fuzz/"];
        let inner = path.strip_prefix("tests/").unwrap_or(path);
        TESTS_ALONE.iter().any(|folder| path.starts_with(folder))
            || inner.contains("/tests/")
            || self.test_modules.iter().any(|module| path.starts_with(module.as_str()))
    }
}

impl Source {
    /// A file; `is_test` when all of it is.
    pub(crate) fn new(path: &str, text: &str, is_test: bool) -> Self {
        let code = code_lines(text);
        let in_test = test_regions(&code);
        let lines = code.into_iter().zip(in_test).enumerate();
        let lines = lines.map(|(at, (code, region))| Line { number: at + 1, code, in_test: is_test || region });
        Self { path: path.to_owned(), text: text.to_owned(), lines: lines.collect() }
    }

    /// Lines that go into programs.
    pub(crate) fn shipped(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| !line.in_test)
    }
}

fn is_test_attribute(code: &str) -> bool {
    let code = code.trim_start();
    ["#[cfg(test)]", "#[cfg(all(test", "#![cfg(test)]"].iter().any(|start| code.starts_with(start))
}

/// Which lines belong to items that are compiled for tests alone. The code is as rustfmt writes it.
fn test_regions(code: &[String]) -> Vec<bool> {
    let mut marked = vec![false; code.len()];
    for (start, line) in code.iter().enumerate().filter(|(_, line)| is_test_attribute(line)) {
        let indent = &line[..line.len() - line.trim_start().len()];
        let mut end = start + 1;
        while code.get(end).is_some_and(|line| line.trim_start().starts_with("#[")) {
            end += 1;
        }
        if !code.get(end).is_some_and(|line| line.ends_with(';') || line.ends_with('}')) {
            let close = format!("{indent}}}");
            end = code.iter().skip(end).position(|line| *line == close).map_or(code.len(), |at| end + at);
        }
        marked.iter_mut().take(end + 1).skip(start).for_each(|mark| *mark = true);
    }
    marked
}

/// What `file` declares as modules for tests: paths of files, and folders with their slash.
fn test_modules(file: &File) -> Vec<String> {
    let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
    let own_folder = match name {
        "mod.rs" | "lib.rs" | "main.rs" => folder.to_owned(),
        _ => format!("{folder}/{}", name.trim_end_matches(".rs")),
    };
    let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
    let mut found = Vec::new();
    for (at, _) in lines.iter().enumerate().filter(|(_, line)| is_test_attribute(line)) {
        let mut path = None;
        for line in lines.iter().skip(at + 1) {
            if let Some(given) = line.strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]")) {
                path = Some(format!("{folder}/{given}"));
            } else if !line.starts_with("#[") {
                let module = line.strip_suffix(';').and_then(|line| line.rsplit_once("mod ")).map(|(_, name)| name);
                if let Some(module) = module {
                    found.push(path.unwrap_or_else(|| format!("{own_folder}/{module}.rs")));
                    found.push(format!("{own_folder}/{module}/"));
                }
                break;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn tests_are_known_by_folder_by_declaration_and_by_attribute() {
        let tree = Tree::of(vec![
            file("a/src/lib.rs", "#[cfg(test)]\nmod bench;\n#[cfg(test)]\n#[path = \"odd.rs\"]\nmod tests;\nmod real;"),
            file("a/src/x.rs", "#[cfg(test)]\nmod deep;"),
        ]);
        for (path, expected) in [
            ("a/src/bench.rs", true),
            ("a/src/bench/more.rs", true),
            ("a/src/odd.rs", true),
            ("a/src/x/deep.rs", true),
            ("a/src/real.rs", false),
            ("a/tests/world/main.rs", true),
            ("tests/netsim/src/lib.rs", false),
            ("tests/xtask/src/run.rs", false),
            ("tests/tests/tidy/main.rs", true),
        ] {
            assert_eq!(tree.is_test(path), expected, "{path}");
        }
        let text = "fn a() {}\n#[cfg(test)]\nuse x;\nfn b() {}\n    #[cfg(test)]\n    #[path = \"\"]\n    mod t {\n        fn c() {}\n    }\nfn d() {}";
        let source = Source::new("a/src/y.rs", text, false);
        let shipped: Vec<usize> = source.shipped().map(|line| line.number).collect();
        assert_eq!(shipped, [1, 4, 10]);
    }

    #[test]
    fn the_tree_holds_this_file() {
        let tree = Tree::read();
        assert!(tree.sources().any(|source| source.path == "tests/tests/tidy/tree.rs"));
        assert!(tree.text("README.md").contains("Hearth"));
    }
}
