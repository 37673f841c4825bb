//! Rules of the house that a compiler does not check: layers, headers, sizes,
//! comments of the API, documentation that is linked.
//!
//! Each rule collects everything it finds before it fails, so that one run
//! shows all there is to do.

mod docs;
mod layers;
mod protos;
mod sources;

use std::path::Path;

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A text file of the repository.
struct Source {
    /// The path from the root, with `/`.
    path: String,
    /// The whole text.
    text: String,
}

impl Source {
    /// The file's name without the folder.
    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Whether it is a unit test beside the code.
    fn is_unit_test(&self) -> bool {
        self.name() == "tests.rs" || self.path.contains("/tests/")
    }

    /// The lines that are code, with their numbers: no comments, and nothing
    /// behind `//` on a line.
    fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(at, line)| (at + 1, line.split("//").next().unwrap_or(line)))
            .filter(|(_, line)| !line.trim().is_empty())
    }
}

/// Reads every file under `folder` whose name ends in one of `extensions`,
/// without what was generated, downloaded or built.
fn sources(folder: &str, extensions: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                if !is_foreign(&path) {
                    folders.push(path);
                }
            } else if extensions
                .iter()
                .any(|extension| path.extension().is_some_and(|have| have == *extension))
            {
                found.push(Source {
                    path: relative(&path),
                    text: std::fs::read_to_string(&path).unwrap(),
                });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn is_foreign(folder: &Path) -> bool {
    let name = folder.file_name().unwrap().to_string_lossy();
    name.starts_with('.')
        || ["target", "node_modules", "gen", "generated", "dist", "data"].contains(&name.as_ref())
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/")
}

/// Fails with every finding, one a line.
#[track_caller]
fn none(findings: &[String], rule: &str) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}
