//! What was asked before about the same: how people answered then.

use futures::future::try_join_all;

use super::operation::Tx;
use super::{Engine, read_error};
use crate::domain::digest::{Digest, FieldHasher};
use crate::domain::error::Error;
use crate::domain::escalation::{Escalation, EscalationState, ResolutionKind};
use crate::domain::ids::{ActionId, EscalationId};
use crate::domain::render;
use crate::domain::time::Timestamp;
use crate::store::{Direction, KeyRange, keys};

const CASE_TAG: &str = "pointsman.case.v1";
/// The most cases that are shown.
const MOST_CASES: usize = 5;
/// The most actions that are shown as following one correction.
const MOST_FOLLOWING: usize = 16;
/// The newest questions that are looked through for them.
const LOOKED_AT: usize = 25;

/// A question of before that has its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastCase {
    /// The escalation.
    pub escalation: EscalationId,
    /// The agent that asked.
    pub agent: String,
    /// How it ended: `approved`, `rejected`, … or `expired`.
    pub end: &'static str,
    /// Who answered; empty: nobody.
    pub reviewer: String,
    /// A code for the reason; empty: none.
    pub reason_code: String,
    /// When.
    pub time: Timestamp,
    /// The correction in words that the action follows, in safe text; none: it does not
    /// follow this case.
    pub words: Option<String>,
}

fn on_target(escalation: &Escalation, target: &str) -> Digest {
    let mut hasher = FieldHasher::new(CASE_TAG);
    hasher.field(b"target").field(escalation.tool.as_bytes()).field(target.as_bytes());
    hasher.finish()
}

fn by_rule(escalation: &Escalation) -> Option<Digest> {
    let rule = escalation.rule.as_ref()?;
    let mut hasher = FieldHasher::new(CASE_TAG);
    hasher.field(b"rule").field(escalation.tool.as_bytes()).field(rule.as_bytes());
    Some(hasher.finish())
}

/// Notes a question about an action, so that later ones on the same find it.
pub(super) fn remember(tx: &mut Tx<'_>, escalation: &Escalation, target: &str) {
    if !target.is_empty() {
        let case = on_target(escalation, target);
        tx.mark(keys::asked_on(tx.tenant(), &case, escalation.id));
    }
}

/// Notes a question that ends: only then can a later one learn from it, and however many
/// wait, they do not hide those that have their end.
pub(super) fn remember_end(tx: &mut Tx<'_>, escalation: &Escalation) {
    if is_case(escalation.state)
        && let Some(case) = by_rule(escalation)
    {
        tx.mark(keys::asked_by(tx.tenant(), &case, escalation.id));
    }
}

/// Whether a question in this state has an end to learn from: a person's answer, or that
/// nobody gave one.
const fn is_case(state: EscalationState) -> bool {
    matches!(state, EscalationState::Resolved | EscalationState::Expired)
}

impl Engine {
    /// The question whose correction the action follows, and the last answers on the
    /// same tool and target.
    pub(super) async fn past_on_target(
        &self,
        tenant: &str,
        escalation: &Escalation,
        target: &str,
    ) -> Result<Vec<PastCase>, Error> {
        let mut cases: Vec<_> = self.corrected(tenant, escalation).await?.into_iter().collect();
        if !target.is_empty() {
            let range = keys::all_asked_on(tenant, &on_target(escalation, target));
            let past = self.past(tenant, range, escalation.id).await?;
            cases.extend(past.into_iter().filter(|it| Some(it.escalation) != escalation.follows));
        }
        Ok(cases)
    }

    /// The question whose correction the action follows.
    async fn corrected(
        &self,
        tenant: &str,
        escalation: &Escalation,
    ) -> Result<Option<PastCase>, Error> {
        let Some(id) = escalation.follows else { return Ok(None) };
        let corrected = self.existing_escalation(tenant, id).await?;
        let content = self.resolution_content(&corrected).await?.unwrap_or_default();
        let words = Some(render::line(&content.instruction));
        Ok(ended(corrected).map(|case| PastCase { words, ..case }))
    }

    /// The actions that were proposed as following a correction, the first few.
    pub(super) async fn followed_by(
        &self,
        tenant: &str,
        escalation: &Escalation,
    ) -> Result<Vec<ActionId>, Error> {
        let kind = escalation.resolution.as_ref().map(|it| it.kind);
        if kind != Some(ResolutionKind::Instructed) {
            return Ok(Vec::new());
        }
        let range = keys::all_followed(tenant, escalation.id);
        let found = self.0.store.scan(range, Direction::Ascending, MOST_FOLLOWING).await;
        let found = found.map_err(read_error)?;
        Ok(found.rows.iter().filter_map(|(key, _)| keys::listed_action(key)).collect())
    }

    /// The last answers to the same rule on the same tool.
    pub(super) async fn past_by_rule(
        &self,
        tenant: &str,
        escalation: &Escalation,
    ) -> Result<Vec<PastCase>, Error> {
        let Some(case) = by_rule(escalation) else { return Ok(Vec::new()) };
        self.past(tenant, keys::all_asked_by(tenant, &case), escalation.id).await
    }

    async fn past(
        &self,
        tenant: &str,
        range: KeyRange,
        but: EscalationId,
    ) -> Result<Vec<PastCase>, Error> {
        let found = self.0.store.scan(range, Direction::Descending, LOOKED_AT).await;
        let found = found.map_err(read_error)?;
        let ids = found.rows.iter().filter_map(|(key, _)| keys::listed_escalation(key));
        let ids: Vec<_> = ids.filter(|id| *id != but).collect();
        let mut cases = Vec::new();
        // Mostly the newest few are enough.
        for some in ids.chunks(MOST_CASES) {
            let reads = some.iter().map(|id| self.existing_escalation(tenant, *id));
            cases.extend(try_join_all(reads).await?.into_iter().filter_map(ended));
            if cases.len() >= MOST_CASES {
                break;
            }
        }
        cases.truncate(MOST_CASES);
        Ok(cases)
    }
}

/// How a question ended; none: it is open, or its run ended before.
fn ended(escalation: Escalation) -> Option<PastCase> {
    let resolution = escalation.resolution;
    let end = match (escalation.state, &resolution) {
        (EscalationState::Resolved, Some(resolution)) => resolution.kind.name(),
        (EscalationState::Expired, _) => escalation.state.name(),
        _ => return None,
    };
    Some(PastCase {
        escalation: escalation.id,
        agent: escalation.agent,
        end,
        time: escalation.close_time.unwrap_or(escalation.update_time),
        words: None,
        reason_code: resolution.as_ref().and_then(|it| it.reason_code.clone()).unwrap_or_default(),
        reviewer: resolution.map(|it| it.reviewer).unwrap_or_default(),
    })
}
