//! Whether an agent may ask people once more: open questions and rates, of the agent,
//! of its owner's agents, and of the rule that asks.
//!
//! The agent's own limit comes first: what it is refused takes nothing from the others.

use super::Proposal;
use crate::domain::directory::Directory;
use crate::domain::error::Error;
use crate::domain::flood::{DEFAULT_RULE, FLOOD_RULE, Flood, Rate, Scope};
use crate::domain::run::Run;
use crate::engine::operation::Tx;
use crate::store::keys;

/// A token that was taken, to be put back if nobody is asked.
pub(super) type Taken = (Scope, String, Rate);

impl Proposal<'_> {
    /// Refuses a question that would be one too many, and counts what is refused.
    pub(super) async fn admit(
        &self,
        tx: &mut Tx<'_>,
        run: &Run,
        rule: Option<&str>,
    ) -> Result<(), Error> {
        let rule = rule.unwrap_or(DEFAULT_RULE);
        let people = tx.people().await?;
        let owner = people.entry(&run.agent).and_then(|entry| entry.owner.as_deref());
        let refused = match require_room(tx, &people, (&run.agent, owner), rule) {
            Ok(()) if self.taken.get().is_some() => return Ok(()),
            Ok(()) => self.take(tx, run, owner, rule).await,
            Err(refusal) => Err(refusal),
        };
        let is_its_own = match &refused {
            Err(Error::TooManyOpen { scope, .. }) => *scope == "the agent",
            Err(Error::TooManyEscalations { scope, .. }) => *scope == Scope::Agent,
            _ => false,
        };
        if is_its_own {
            self.note_refused(tx, run, rule);
        }
        refused
    }

    fn note_refused(&self, tx: &Tx<'_>, run: &Run, rule: &str) {
        let what = [self.command.tool.as_str(), rule];
        tx.engine.0.floods.note_refused(&run.agent, run.id, what, tx.now);
    }

    /// Takes a token of each scope, or none.
    async fn take(
        &self,
        tx: &mut Tx<'_>,
        run: &Run,
        owner: Option<&str>,
        rule: &str,
    ) -> Result<(), Error> {
        let limits = tx.engine.0.limits.floods;
        let own = self.take_own(tx, run).await?;
        let mut taken: Vec<Taken> = vec![(own, run.agent.clone(), limits.agent.rate)];
        for (scope, whose) in [(Scope::Owner, owner), (Scope::Rule, Some(rule))] {
            let (rate, Some(whose)) = (limits.of(scope).rate, whose) else { continue };
            let token = tx.engine.0.floods.take((scope, whose), rate, tx.now);
            if let Err(retry_after) = token {
                tx.engine.give_back(&taken);
                let (whose, per_minute) = (whose.to_owned(), rate.per_minute);
                return Err(Error::TooManyEscalations { scope, whose, per_minute, retry_after });
            }
            taken.push((scope, whose.to_owned(), rate));
        }
        // An attempt that meets a conflict is tried again: one call takes once.
        let _ = self.taken.set(taken);
        Ok(())
    }

    /// Takes the agent's own token. One that a person lets go on may ask twice as much
    /// while its flood lasts, which what is beyond the usual prolongs.
    async fn take_own(&self, tx: &mut Tx<'_>, run: &Run) -> Result<Scope, Error> {
        let limits = tx.engine.0.limits.floods;
        let (rate, own) = (limits.agent.rate, (Scope::Agent, run.agent.as_str()));
        let Err(retry_after) = tx.engine.0.floods.take(own, rate, tx.now) else {
            return Ok(Scope::Agent);
        };
        let flood = tx.get::<Flood>(keys::flood(tx.tenant(), &run.agent)).await?;
        if flood.is_some_and(|flood| flood.is_doubled(tx.now, &limits)) {
            let extra = (Scope::Extra, run.agent.as_str());
            if tx.engine.0.floods.take(extra, rate, tx.now).is_ok() {
                self.note_refused(tx, run, FLOOD_RULE);
                return Ok(Scope::Extra);
            }
        }
        let (whose, per_minute) = (run.agent.clone(), rate.per_minute);
        Err(Error::TooManyEscalations { scope: Scope::Agent, whose, per_minute, retry_after })
    }
}

/// Refuses a question that would be one open too many.
fn require_room(
    tx: &Tx<'_>,
    people: &Directory,
    (agent, owner): (&str, Option<&str>),
    rule: &str,
) -> Result<(), Error> {
    let (limits, stats) = (&tx.engine.0.limits, tx.engine.stats());
    let (of_agent, of_tenant) = stats.open_counts(tx.tenant(), agent);
    let is_owned = |agent: &str| people.entry(agent).is_some_and(|it| it.owner.as_deref() == owner);
    let of_owner = owner.map_or(0, |_| stats.open_of(tx.tenant(), is_owned));
    let scopes = [
        ("the agent", of_agent, limits.open_per_agent),
        ("the owner", of_owner, limits.floods.owner.open),
        ("the rule", stats.open_by_rule(tx.tenant(), rule), limits.floods.rule.open),
        ("the tenant", of_tenant, limits.open_per_tenant),
    ];
    match scopes.into_iter().find(|(_, open, limit)| open >= limit) {
        Some((scope, _, limit)) => Err(Error::TooManyOpen { scope, limit }),
        None => Ok(()),
    }
}
