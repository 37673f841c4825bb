//! Headers, sizes, clocks, sleeps and files that no module lists.

use super::{Source, none, sources};

/// The most lines a file may have.
const HARD_LIMIT: usize = 600;
/// From here on a file is named in the report.
const NORM: usize = 400;

/// The one place that may read the clock and draw ids.
const CLOCK_FILES: [&str; 1] = ["clock.rs"];
const CLOCK_READS: [&str; 6] =
    ["SystemTime::now", "Instant::now", "Utc::now", "::now_utc(", "Uuid::new_v4", "Uuid::now_v7"];
/// The places of the tests that may wait for time to pass: the bounded poll, and the
/// one of the databases, which stand alone.
const WAITING_FILES: [&str; 2] = ["tests/harness/poll.rs", "tests/harness/postgres/wait.rs"];

fn rust() -> Vec<Source> {
    ["proto", "server", "client", "tests"]
        .iter()
        .flat_map(|folder| sources(folder, &["rs"]))
        .collect()
}

#[test]
fn every_file_says_what_it_is_for() {
    let findings: Vec<_> = rust()
        .iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| source.path.clone())
        .collect();
    none(&findings, "a file opens with `//!`: what it is for, what it must not do");
}

#[test]
fn no_file_is_too_long() {
    let mut findings = Vec::new();
    let mut files = rust();
    files.extend(sources("proto", &["proto"]));
    files.extend(sources("client", &["py", "ts", "tsx"]));
    for source in files {
        let lines = source.text.lines().count();
        if lines > HARD_LIMIT {
            findings.push(format!("{}: {lines} lines", source.path));
        } else if lines > NORM {
            println!("{}: {lines} lines, the norm is {NORM}", source.path);
        }
    }
    none(&findings, "a file has at most 600 lines");
}

#[test]
fn only_the_clock_reads_the_clock() {
    let mut findings = Vec::new();
    for source in sources("server/src", &["rs"]) {
        if CLOCK_FILES.contains(&source.name()) || source.is_unit_test() {
            continue;
        }
        for (number, line) in source.code_lines() {
            if CLOCK_READS.iter().any(|read| line.contains(read)) {
                findings.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    none(&findings, "time and ids come from `Clock` and `Ids`");
}

/// Whether the line leaves out a test that has no short form, and names the part of
/// `make soak` that runs it.
fn is_long_form(line: &str, makefile: &str) -> bool {
    let target = line.trim().strip_prefix("#[ignore = \"long form: make soak-");
    let target = target.and_then(|rest| rest.strip_suffix("\"]"));
    target.is_some_and(|target| {
        makefile.contains(&format!("$(MAKE) soak-{target}\n"))
            && makefile.contains(&format!("$(LONG) --ignored {target}\n"))
    })
}

#[test]
fn tests_neither_sleep_nor_skip() {
    let mut findings = Vec::new();
    let makefile = std::fs::read_to_string(super::root().join("Makefile")).unwrap();
    for source in rust() {
        let is_test = source.path.starts_with("tests/") || source.is_unit_test();
        let may_wait = WAITING_FILES.contains(&source.path.as_str());
        if !is_test || may_wait || source.path.starts_with("tests/tidy") {
            continue;
        }
        for (number, line) in source.code_lines() {
            let bad = ["sleep(", "#[ignore", "#[should_panic"];
            if bad.iter().any(|bad| line.contains(bad)) && !is_long_form(line, &makefile) {
                findings.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    none(&findings, "tests wait for conditions, and none is left out");
}

/// Whether cargo makes a binary of every file in the folder; `targets` are those of a
/// fuzzer.
fn is_built_alone(folder: &str) -> bool {
    let Some((package, name)) = folder.rsplit_once('/') else { return false };
    ["tests", "examples", "benches", "targets"].contains(&name)
        && super::root().join(package).join("Cargo.toml").exists()
}

#[test]
fn every_file_is_listed_by_its_module() {
    let files = rust();
    let mut findings = Vec::new();
    for source in &files {
        let Some((folder, name)) = source.path.rsplit_once('/') else {
            continue;
        };
        let stem = name.trim_end_matches(".rs");
        if ["lib", "main", "build"].contains(&stem) || is_built_alone(folder) {
            continue;
        }
        let wanted = [format!("mod {stem};"), format!("mod {stem} {{")];
        let parents =
            [format!("{folder}.rs"), format!("{folder}/lib.rs"), format!("{folder}/main.rs")];
        let is_listed = files
            .iter()
            .filter(|file| parents.contains(&file.path))
            .flat_map(|file| file.code_lines())
            .any(|(_, line)| wanted.iter().any(|wanted| line.contains(wanted)));
        if !is_listed {
            findings.push(format!("{}: no `mod {stem};` in {}", source.path, parents.join(" or ")));
        }
    }
    none(&findings, "no forgotten files");
}
