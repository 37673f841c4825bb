//! Rows written by `psql`, and which of them were acknowledged.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use super::postgres::binaries;

/// How many rows each writer would write if nobody stopped it.
pub const ROWS: usize = 20_000;

/// A `psql` that writes rows into `row (id text)`, one by one and each a commit of its
/// own, and prints those that are acknowledged.
pub struct Writer(Child);

// === impl Writer ===

impl Writer {
    /// Starts to write rows whose ids begin with `name`.
    pub fn start(dsn: &str, name: &str) -> Self {
        let mut psql = Command::new(binaries().join("psql"))
            .args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", dsn])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = psql.stdin.take().unwrap();
        let name = name.to_owned();
        std::thread::spawn(move || {
            for row in 0..ROWS {
                let row = format!("INSERT INTO row VALUES ('{name}-{row}') RETURNING id;");
                if writeln!(input, "{row}").is_err() {
                    return;
                }
            }
        });
        Self(psql)
    }

    /// Waits until the connection is lost; answers what was acknowledged before.
    pub fn acknowledged(self) -> Vec<String> {
        let output = self.0.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "the writer was not interrupted: {error}");
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }
}
