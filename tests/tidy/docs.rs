//! README and `docs/`: their budget, and that every link leads somewhere.

use std::path::Path;

use super::{Source, none, root, sources};

const README_LINES: usize = 220;
const CODE_BEFORE: usize = 40;

fn pages() -> Vec<Source> {
    let mut pages = sources("docs", &["md"]);
    for path in ["README.md", "CHANGELOG.md", "server/README.md"] {
        pages.push(Source {
            path: path.to_owned(),
            text: std::fs::read_to_string(root().join(path)).unwrap(),
        });
    }
    pages
}

/// The targets of a page's links that stay inside the repository, without
/// their anchors.
fn local_links(text: &str) -> Vec<&str> {
    text.match_indices("](")
        .filter_map(|(at, _)| text[at + 2..].split(')').next())
        .filter(|link| !link.contains("://") && !link.starts_with('#'))
        .filter_map(|link| link.split('#').next())
        .collect()
}

#[test]
fn the_readme_shows_running_code_soon() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let lines: Vec<_> = readme.lines().collect();
    let mut findings = Vec::new();
    if lines.len() > README_LINES {
        findings.push(format!("README.md has {} lines, at most {README_LINES}", lines.len()));
    }
    if !lines.get(2).is_some_and(|line| line.contains("Pointsman")) {
        findings.push("line 3 is the one sentence that says what Pointsman is".to_owned());
    }
    if !lines.iter().take(CODE_BEFORE).any(|line| line.starts_with("make run")) {
        findings.push(format!("`make run` stands before line {CODE_BEFORE}"));
    }
    none(&findings, "README");
}

#[test]
fn every_link_leads_somewhere() {
    let mut findings = Vec::new();
    for page in pages() {
        let folder = Path::new(&page.path).parent().unwrap();
        for link in local_links(&page.text) {
            if !root().join(folder).join(link).exists() {
                findings.push(format!("{}: {link}", page.path));
            }
        }
    }
    none(&findings, "links of README and docs");
}

#[test]
fn every_page_is_in_the_index() {
    let pages = pages();
    let text_of = |path: &str| {
        let page = pages.iter().find(|page| page.path == path);
        page.map(|page| page.text.as_str()).unwrap_or_default()
    };
    let index = text_of("docs/README.md");
    let findings: Vec<_> = pages
        .iter()
        .filter_map(|page| page.path.strip_prefix("docs/"))
        .filter(|name| *name != "README.md" && !local_links(index).contains(name))
        .map(|name| format!("docs/{name} is not linked from docs/README.md"))
        .collect();
    none(&findings, "index of the docs");
    assert!(
        local_links(text_of("README.md"))
            .iter()
            .any(|link| link.trim_end_matches('/') == "docs" || *link == "docs/README.md"),
        "README.md links docs/README.md"
    );
}
