//! What has to be there before the port opens: settings, store, engine, policy
//! and tokens, in this order.

use std::io::Write as _;
use std::sync::Arc;

use super::tls::Certificates;
use super::{DEV_TOKENS, RunError, workloads};
use crate::config::Config;
use crate::domain::flood::{Allowance, FloodLimits, Rate};
use crate::domain::time::Span;
use crate::domain::transcript::TranscriptLimits;
use crate::engine::clock::{Clock, SystemClock, SystemIds};
use crate::engine::facts::Providers;
use crate::engine::identity::{Identities, Workloads};
use crate::engine::limits::Limits;
use crate::engine::outbox::Channels;
use crate::engine::policies::Started;
use crate::engine::{Engine, Parts};
use crate::facts;
use crate::identity;
use crate::notices;
use crate::store::Store;

/// The policy of a store that has none: whatever is proposed, a person is asked.
const FIRST_POLICY: &str = "version: 1\nrules: []\n";

/// What a start needs and an operator may have set wrong.
pub(super) struct Settings {
    pub(super) config: Config,
    pub(super) tls: Option<Arc<Certificates>>,
    pub(super) policy: Option<String>,
    pub(super) outside: Outside,
}

/// Whom the operator lets the engine ask, tell, and believe.
pub(super) struct Outside {
    facts: Providers,
    channels: Channels,
    identities: Option<Box<dyn Identities>>,
    workloads: Option<Box<dyn Workloads>>,
}

/// Reads everything that can be wrong before anything is opened.
pub(super) async fn settings(config: Config) -> Result<Settings, RunError> {
    config.validate()?;
    let tls = Certificates::read(&config.tls)?;
    let policy = match &config.policy_file {
        None => None,
        Some(path) => {
            let unreadable = |cause| RunError::PolicyFile { path: path.clone(), cause };
            Some(tokio::fs::read_to_string(path).await.map_err(unreadable)?)
        }
    };
    let outside = Outside {
        facts: facts::register(&config.facts)?,
        channels: notices::register(&config.notices, |name| std::env::var(name).ok())?,
        identities: identity::register(&config.identity)?,
        workloads: workloads::register(&config, tls.as_ref()),
    };
    Ok(Settings { config, tls, policy, outside })
}

pub(super) fn build_engine(config: &Config, store: &Arc<dyn Store>, outside: Outside) -> Engine {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let Outside { facts, channels, identities, workloads } = outside;
    Engine::new(Parts {
        store: Arc::clone(store),
        ids: Arc::new(SystemIds::new(Arc::clone(&clock))),
        clock,
        limits: Limits {
            open_per_agent: config.limits.open_per_agent,
            open_per_tenant: config.limits.open_per_tenant,
            rejected_for: Span::from_secs(i64::from(config.floods.rejected_hours) * 3_600),
            floods: flood_limits(config),
            fleet_stop_needs_two: config.overrides.fleet_stop_second_person,
            transcripts: TranscriptLimits::default(),
        },
        backup_dir: config.backup_dir(),
        second_person: config.policy.second_person,
        facts,
        channels,
        identities,
        workloads,
    })
}

fn flood_limits(config: &Config) -> FloodLimits {
    let it = &config.floods;
    let allowance = |per_minute, burst, open| Allowance { rate: Rate { per_minute, burst }, open };
    FloodLimits {
        agent: allowance(it.agent_per_minute, it.agent_burst, config.limits.open_per_agent),
        owner: allowance(it.owner_per_minute, it.owner_burst, it.owner_open),
        rule: allowance(it.rule_per_minute, it.rule_burst, it.rule_open),
        begins_above: it.begins_above,
        ends_below: it.ends_below,
        window: Span::from_secs(i64::from(it.window_minutes) * 60),
    }
}

/// The policy of the file, else the stored one, else one that asks a person.
pub(super) async fn put_in_force(
    engine: &Engine,
    document: Option<String>,
) -> Result<(), RunError> {
    let stored = engine.restore_policy().await?;
    let Started { in_force, pending } = match (document, stored) {
        (Some(document), _) => engine.start_with_policy(&document).await?,
        (None, Some(in_force)) => Started { in_force, pending: None },
        (None, None) => {
            tracing::warn!("no policy is set: every action is escalated to a person");
            engine.start_with_policy(FIRST_POLICY).await?
        }
    };
    if let Some(former) = stored.filter(|former| *former != in_force) {
        tracing::warn!(%former, "the policy of the file replaces the one that was in force");
    }
    if let Some(activation) = pending {
        tracing::warn!(%activation, "the policy of the file waits for a second person");
    }
    tracing::info!(revision = %in_force, "the policy is in force");
    Ok(())
}

/// Makes the tokens of `dev`, or the first admin token of an empty store.
pub(super) async fn first_tokens(
    engine: &Engine,
    is_dev: bool,
) -> Result<Option<String>, RunError> {
    if is_dev {
        for (secret, principal, role) in DEV_TOKENS {
            engine.ensure_dev_token(secret, principal, &[role]).await?;
        }
        return Ok(None);
    }
    for (secret, _, _) in DEV_TOKENS {
        if engine.authenticate(secret).await.is_ok() {
            return Err(RunError::DevTokens);
        }
    }
    Ok(engine.bootstrap_admin().await?.map(|made| made.secret))
}

/// Prints the first token where only whoever started the server sees it: not
/// into the log.
pub(super) fn show_first_token(secret: &str) {
    let line = "-".repeat(72);
    let text = format!(
        "{line}\nFirst start: the admin token. It is shown this once and stored nowhere.\n\
         POINTSMAN_TOKEN={secret}\n{line}\n"
    );
    // Without a standard output nobody can read it; a new token needs new data.
    if let Err(error) = std::io::stdout().write_all(text.as_bytes()) {
        tracing::error!(%error, "the first admin token could not be shown");
    }
}
