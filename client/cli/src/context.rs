//! What a verb has to work with: the connection, the terminal, the time limits.

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::time::Duration;

use pointsman_client::{Connection, DEFAULT_ADDRESS};

use crate::args::Globals;
use crate::exit::{Exit, Failure};
use crate::output::{Output, Talk};

/// How long a verb waits for a connection and for each answer, unless told.
const CALL_LIMIT: Duration = Duration::from_secs(10);

/// What a verb has to work with.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) output: Output,
    globals: Globals,
}

/// In what capacity a verb calls; decides the ready-made token of a dev server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Capacity {
    /// Proposes and redeems.
    Agent,
    /// Reads the queue and answers.
    Reviewer,
    /// Assigns, and takes over what others hold.
    Supervisor,
    /// Manages.
    Admin,
}

// === impl Context ===

impl Context {
    /// Looks at the process's terminal.
    pub(crate) fn new(globals: Globals) -> Self {
        let talk = match (globals.quiet, globals.verbose) {
            (true, _) => Talk::Quiet,
            (false, true) => Talk::Verbose,
            (false, false) => Talk::Normal,
        };
        Self { output: Output::of_process(globals.output, talk), globals }
    }

    /// Connects to the server.
    pub(crate) async fn connect(&self, capacity: Capacity) -> Result<Connection, Failure> {
        self.connect_within(capacity, self.globals.timeout.unwrap_or(CALL_LIMIT)).await
    }

    /// Connects to the server for a verb whose `--timeout` is about people.
    pub(crate) async fn connect_to_wait(&self, capacity: Capacity) -> Result<Connection, Failure> {
        self.connect_within(capacity, CALL_LIMIT).await
    }

    async fn connect_within(
        &self,
        capacity: Capacity,
        limit: Duration,
    ) -> Result<Connection, Failure> {
        let globals = &self.globals;
        let mut builder = Connection::builder(self.address()).call_limit(limit);
        if let Some(token) = self.token(capacity) {
            builder = builder.token(token);
        }
        if let Some(file) = &globals.tls_ca {
            builder = builder.tls_ca(read(file)?);
        }
        if let (Some(chain), Some(key)) = (&globals.client_cert, &globals.client_key) {
            builder = builder.tls_identity(read(chain)?, read(key)?);
        }
        self.output.detail(format!("connecting to {}", self.address()));
        let connecting = tokio::time::timeout(limit, builder.connect()).await;
        connecting
            .map_err(|_| {
                let what = format!("{} did not answer within {limit:?}", self.address());
                Failure::new(Exit::Failure, what)
            })?
            .map_err(Failure::from)
    }

    /// The token given; on this machine also the one that every dev server knows, unless a
    /// certificate says who calls.
    fn token(&self, capacity: Capacity) -> Option<String> {
        let given = self.globals.token.clone().filter(|token| !token.is_empty());
        let is_certified = self.globals.client_cert.is_some();
        given.or_else(|| {
            (is_local(self.address()) && !is_certified)
                .then(|| crate::dev::dev_token(capacity).to_owned())
        })
    }

    /// Where the server is.
    fn address(&self) -> &str {
        self.globals.address.as_deref().unwrap_or(DEFAULT_ADDRESS)
    }

    /// Where the server is, if that was said.
    pub(crate) fn given_address(&self) -> Option<String> {
        self.globals.address.clone()
    }

    /// Whether a person sits there and may be asked.
    pub(crate) fn may_ask(&self) -> bool {
        !self.globals.no_input && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// How long to wait for a person; none: without end.
    pub(crate) fn patience(&self) -> Option<Duration> {
        self.globals.timeout
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |cause| Failure::usage(format!("cannot read {}: {cause}", file.display()));
    std::fs::read(file).map_err(unreadable)
}

/// Whether an address stays on this machine, so that a well-known token goes to
/// nobody else.
fn is_local(address: &str) -> bool {
    let behind_scheme = address.split_once("://").map_or(address, |(_, behind)| behind);
    let authority = behind_scheme.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(ipv6) => ipv6.split(']').next().unwrap_or_default(),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_well_known_token_stays_on_this_machine() {
        let local = ["http://127.0.0.1:7420", "localhost:1", "http://[::1]:7420", "127.3.2.1"];
        let remote = [
            "http://10.0.0.1:7420",
            "http://127.0.0.1.example:7420",
            "http://localhost.example",
            "http://localhost@example:1",
            "http://example/localhost",
        ];
        assert!(local.iter().all(|address| is_local(address)));
        assert_eq!(remote.iter().find(|address| is_local(address)), None);
    }
}
