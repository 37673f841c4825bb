//! What a verb has to work with: the connection, the terminal, the time limits.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use pointsman_client::{Connection, DEFAULT_ADDRESS};

use crate::args::Globals;
use crate::contexts::{self, Login};
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

/// Where to connect, and what to show there.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Where the server is.
    pub(crate) address: String,
    /// The bearer token.
    pub(crate) token: Option<String>,
    /// The certificate authority to trust, and no other.
    pub(crate) tls_ca: Option<PathBuf>,
    /// The certificate chain to show, and its key.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
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
        self.connect_as(&self.target(capacity)?, limit).await
    }

    /// Connects to a server that was not found by the usual way.
    pub(crate) async fn connect_to(&self, target: &Target) -> Result<Connection, Failure> {
        self.connect_as(target, self.globals.timeout.unwrap_or(CALL_LIMIT)).await
    }

    async fn connect_as(&self, target: &Target, limit: Duration) -> Result<Connection, Failure> {
        let address = &target.address;
        let mut builder = Connection::builder(address).call_limit(limit);
        if let Some(token) = &target.token {
            builder = builder.token(token);
        }
        if let Some(file) = &target.tls_ca {
            builder = builder.tls_ca(read(file)?);
        }
        if let Some((chain, key)) = &target.identity {
            builder = builder.tls_identity(read(chain)?, read(key)?);
        }
        self.output.detail(format!("connecting to {address}"));
        let connecting = tokio::time::timeout(limit, builder.connect()).await;
        connecting
            .map_err(|_| {
                let what = format!("{address} did not answer within {limit:?}");
                Failure::new(Exit::Failure, what)
            })?
            .map_err(Failure::from)
    }

    /// Where to connect, and what to show there: what was said on the command line and in
    /// the environment goes before what the context says.
    pub(crate) fn target(&self, capacity: Capacity) -> Result<Target, Failure> {
        let login = self.login()?;
        Ok(target_of(&self.globals, login.as_ref().map(|(_, login)| login), capacity))
    }

    /// The context that counts, by name; none: what was said is enough, or it is another
    /// server than the current context's.
    pub(crate) fn login(&self) -> Result<Option<(String, Login)>, Failure> {
        let globals = &self.globals;
        let place = contexts::Place::of_user();
        if let Some(name) = &globals.context {
            let contexts = place.map(|place| place.read()).transpose()?.unwrap_or_default();
            let login = contexts.get(name)?;
            return match &globals.address {
                Some(address) if *address != login.address => {
                    let what = format!("the context `{name}` is {}, not {address}", login.address);
                    Err(Failure::usage(what).next("Name one of the two."))
                }
                _ => Ok(Some((name.clone(), login.clone()))),
            };
        }
        if globals.address.is_some() && self.given_token().is_some() {
            return Ok(None);
        }
        let contexts = place.map(|place| place.read()).transpose()?.unwrap_or_default();
        let current = contexts.current().map(|(name, login)| (name.to_owned(), login.clone()));
        // A token never goes to another server than the one it was kept for.
        let is_meant =
            |login: &Login| globals.address.as_ref().is_none_or(|it| *it == login.address);
        Ok(current.filter(|(_, login)| is_meant(login)))
    }

    /// The token of the command line or the environment.
    pub(crate) fn given_token(&self) -> Option<&str> {
        self.globals.token.as_deref().filter(|token| !token.is_empty())
    }

    /// The context that was named.
    pub(crate) fn named_context(&self) -> Option<&str> {
        self.globals.context.as_deref()
    }

    /// What the command line and the environment say of a server, and nothing else.
    pub(crate) fn given(&self) -> &Globals {
        &self.globals
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

/// Puts what was said and what a context says together.
fn target_of(globals: &Globals, login: Option<&Login>, capacity: Capacity) -> Target {
    let address = globals.address.clone().or_else(|| login.map(|login| login.address.clone()));
    let address = address.unwrap_or_else(|| DEFAULT_ADDRESS.to_owned());
    let both = |chain: &Option<PathBuf>, key: &Option<PathBuf>| chain.clone().zip(key.clone());
    let identity = both(&globals.client_cert, &globals.client_key)
        .or_else(|| login.and_then(|login| both(&login.client_cert, &login.client_key)));
    let tls_ca = globals.tls_ca.clone().or_else(|| login.and_then(|login| login.tls_ca.clone()));
    let given = globals.token.clone().filter(|token| !token.is_empty());
    let kept = || login.and_then(|login| login.token.clone());
    // On this machine also the one that every dev server knows, unless a certificate or a
    // context says who calls.
    let well_known = || {
        let is_free = identity.is_none() && login.is_none() && is_local(&address);
        is_free.then(|| crate::dev::dev_token(capacity).to_owned())
    };
    let token = given.or_else(kept).or_else(well_known);
    Target { address, token, tls_ca, identity }
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

    fn globals(line: &str) -> Globals {
        use clap::Parser as _;
        let words = ["pointsman"].into_iter().chain(line.split_whitespace()).chain(["version"]);
        let mut globals = crate::args::Arguments::parse_from(words).globals;
        // Whatever the environment of the test says.
        let has = |name: &str| line.contains(name);
        globals.token = globals.token.filter(|_| has("--token"));
        globals.address = globals.address.filter(|_| has("--address"));
        globals
    }

    #[test]
    fn what_is_said_goes_before_what_a_context_says() {
        let login = Login {
            address: "https://prod".into(),
            token: Some("kept".into()),
            ..Login::default()
        };
        let heard = |line: &str, login| {
            let target = target_of(&globals(line), login, Capacity::Reviewer);
            (target.address, target.token.unwrap_or_default())
        };
        let pair = |address: &str, token: &str| (address.to_owned(), token.to_owned());
        assert_eq!(heard("", Some(&login)), pair("https://prod", "kept"));
        assert_eq!(heard("--token given", Some(&login)), pair("https://prod", "given"));
        assert_eq!(heard("", None), pair(DEFAULT_ADDRESS, "dev-reviewer"));
        assert_eq!(heard("--address http://10.0.0.1:1", None), pair("http://10.0.0.1:1", ""));
        let certified = Login { address: DEFAULT_ADDRESS.into(), ..Login::default() };
        assert_eq!(heard("", Some(&certified)), pair(DEFAULT_ADDRESS, ""));
    }

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
