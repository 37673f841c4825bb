//! PostgreSQL for tests: real servers, to be started, killed and promoted.
//!
//! The file stands alone, on std and `tempfile`, so that any crate's tests can
//! include it by `#[path]`. PostgreSQL refuses root: a test that runs as root runs
//! it as the user `postgres`, any other test as itself. Where PostgreSQL is absent a
//! test fails and names the package.
//!
//! Every server lives in a folder of its own under the temporary folder, together
//! with its log, and beside it a small shell watches: when the test's process ends,
//! in whatever way, the shell kills the server with all of its children and removes
//! the folder. So nothing remains after a SIGKILL of the tests, nor of a `static`
//! that is never dropped. Only when the shell is killed as well, the folder remains:
//! the server still ends, because it is bound to the shell.
//!
//! Writes are as durable as in earnest, and text sorts by a language (ICU, en-US), not
//! by bytes: who needs an order of bytes has to ask for it.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, its waits are bounded by the real clock, and it uses a part of what is here"
)]

#[path = "postgres/keeper.rs"]
mod keeper;
#[path = "postgres/node.rs"]
mod node;
#[path = "postgres/pair.rs"]
mod pair;
#[path = "postgres/tools.rs"]
mod tools;
#[path = "postgres/wait.rs"]
mod wait;

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

pub use keeper::{Folder, Keeper};
use node::Node;
pub use pair::Pair;
pub use tools::{PATIENCE, as_server, binaries, find, free_port, sql};
pub use wait::until;

/// One PostgreSQL server without a standby; dropping it kills it and removes it.
pub struct Cluster {
    node: Node,
}

// === impl Cluster ===

impl Cluster {
    /// Starts a server of its own, for a test that breaks it.
    pub fn start() -> Self {
        Self { node: Node::create() }
    }

    /// The server that all tests of the process share; the first who asks starts it.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Makes an empty database that nobody else has; answers its DSN.
    pub fn database(&self) -> String {
        let name = create_database(&self.node);
        self.node.dsn(&name)
    }

    /// Kills the server and all of its children at once, as `kill -9` does. Its data
    /// stay.
    pub fn kill(&mut self) {
        self.node.kill();
    }

    /// Starts it again after a kill, on the same port and the same data.
    pub fn restart(&mut self) {
        self.node.launch();
    }

    /// The folder that holds data, socket and log.
    pub fn folder(&self) -> &Path {
        self.node.folder()
    }

    /// The last lines of the server's log.
    pub fn log(&self) -> String {
        self.node.log()
    }
}

/// Makes a database with a name that no other test of the machine uses.
fn create_database(node: &Node) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("test_{}_{count}", std::process::id());
    node.ask(&format!("CREATE DATABASE {name}"));
    name
}
