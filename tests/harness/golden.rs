//! Tables that are kept beside the tests and compared as a whole: what changes is read
//! by a person before it is kept.

use std::path::Path;

/// `POINTSMAN_GOLDEN=write` keeps the tables as they are now.
const WRITE_VARIABLE: &str = "POINTSMAN_GOLDEN";

/// Compares a table with the one that is kept under a name.
#[track_caller]
pub fn assert_golden(name: &str, table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var(WRITE_VARIABLE).as_deref() == Ok("write") {
        std::fs::write(&path, table).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let missing = kept.lines().filter(|line| !table.lines().any(|other| other == *line));
    let new = table.lines().filter(|line| !kept.lines().any(|other| other == *line));
    let missing = missing.map(|line| format!("- {line}"));
    let differences: Vec<_> = missing.chain(new.map(|line| format!("+ {line}"))).collect();
    assert!(
        kept == table,
        "it is not as in {}; if that is meant, {WRITE_VARIABLE}=write keeps it:\n{}",
        path.display(),
        differences.join("\n")
    );
}
