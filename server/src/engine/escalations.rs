//! Listing escalations; claiming, renewing and releasing them.

use std::collections::VecDeque;

use bytes::Bytes;
use futures::future::try_join_all;
use uuid::Uuid;

use super::list::{Listed, Page};
use super::operation::{Answer, Operation, Tx};
use super::views::{Depth, EscalationView};
use super::{Engine, authorize, closing, limits, read_error, validate};
use crate::domain::digest::FieldHasher;
use crate::domain::error::{Error, Resource};
use crate::domain::escalation::{
    CLAIM_LEASE_DEFAULT, CLAIM_LEASE_MAX, CLAIM_LEASE_MIN, Escalation, EscalationState, Hands,
    SeverityTier,
};
use crate::domain::event::EventKind;
use crate::domain::ids::{EscalationId, RunId};
use crate::domain::principal::Principal;
use crate::domain::time::{Span, Timestamp};
use crate::store::{Direction, ReadError, keys};

/// Which escalations to list or watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only in this lane; empty: every lane.
    pub lane: String,
    /// Only at least this grave.
    pub min_severity: Option<SeverityTier>,
    /// Only of this agent; empty: every agent.
    pub agent: String,
    /// Only of this run.
    pub run: Option<RunId>,
}

impl Filter {
    /// Refuses names that no escalation can have.
    pub(super) fn check(&self) -> Result<(), Error> {
        validate::length("filter.lane", self.lane.as_bytes(), limits::MAX_LANE_BYTES)?;
        validate::length("filter.agent", self.agent.as_bytes(), limits::MAX_PRINCIPAL_BYTES)
    }

    /// Whether the filter shows the escalation.
    pub fn shows(&self, escalation: &Escalation) -> bool {
        (self.lane.is_empty() || self.lane == escalation.lane)
            && self.min_severity.is_none_or(|least| escalation.severity >= least)
            && (self.agent.is_empty() || self.agent == escalation.agent)
            && self.run.is_none_or(|run| run == escalation.run)
    }
}

/// A page of escalations.
#[derive(Clone, Debug, PartialEq)]
pub struct EscalationPage {
    /// The escalations and the token of the next page.
    pub listed: Listed<EscalationView>,
    /// How many escalations of the tenant are open.
    pub open_count: u64,
}

/// What a reviewer does with a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimStep {
    /// Takes it, for a time.
    Claim(Option<Span>),
    /// Prolongs it from now on.
    Renew {
        /// The epoch of the claim.
        epoch: u64,
        /// For how long.
        lease: Option<Span>,
    },
    /// Gives it back.
    Release {
        /// The epoch of the claim.
        epoch: u64,
    },
    /// Gives it back, and puts the question aside.
    Snooze {
        /// The epoch of the claim.
        epoch: u64,
        /// Until then.
        until: Timestamp,
    },
}

struct Claiming {
    escalation: EscalationId,
    step: ClaimStep,
    lease: Span,
}

impl Operation for Claiming {
    type Output = Escalation;
    const METHOD: &'static str = "ClaimEscalation";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        let (step, epoch) = match self.step {
            ClaimStep::Claim(_) => (0, 0),
            ClaimStep::Renew { epoch, .. } => (1, epoch),
            ClaimStep::Release { epoch } => (2, epoch),
            ClaimStep::Snooze { epoch, .. } => (3, epoch),
        };
        let until = match self.step {
            ClaimStep::Snooze { until, .. } => Some(until.as_micros().to_be_bytes()),
            _ => None,
        };
        hasher
            .field(self.escalation.as_bytes())
            .field(&[step])
            .field(&epoch.to_be_bytes())
            .field(&self.lease.as_micros().to_be_bytes());
        if let Some(until) = until {
            hasher.field(&until);
        }
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Escalation, Vec<Uuid>), Error> {
        let mut escalation = get(tx, self.escalation).await?;
        let caller = tx.by.name().to_owned();
        if matches!(self.step, ClaimStep::Claim(_)) {
            tx.require_four_eyes(&escalation).await?;
        }
        escalation.require_open()?;
        if matches!(self.step, ClaimStep::Claim(_)) {
            tx.admit(&escalation).await?;
            tx.require_no_vote(&escalation).await?;
        }
        let before = closing::timer(tx.tenant(), &escalation);
        let kind = match self.step {
            ClaimStep::Claim(_) => {
                if let Some(claim) = escalation.live_claim(tx.now).filter(|it| it.holder != caller)
                {
                    return Err(escalation.claimed_by(claim));
                }
                let stands_in_for = tx.require_routed(&escalation).await?;
                let (holder, stands_in_for) = (caller.as_str(), stands_in_for.as_deref());
                let lease = self.lease;
                let hands = Hands { holder, assigner: None, stands_in_for, note: None, lease };
                escalation.hold(hands, tx.now);
                EventKind::EscalationClaimed
            }
            ClaimStep::Renew { epoch, .. } => {
                escalation.require_claim(&caller, epoch, tx.now)?;
                escalation.prolong(self.lease, tx.now);
                EventKind::EscalationRenewed
            }
            ClaimStep::Release { epoch } => {
                escalation.require_claim(&caller, epoch, tx.now)?;
                escalation.give_back(tx.now);
                EventKind::EscalationReleased
            }
            ClaimStep::Snooze { epoch, until } => {
                escalation.require_claim(&caller, epoch, tx.now)?;
                if until <= tx.now || until >= escalation.expire_time {
                    return Err(Error::field(
                        "until_time",
                        "want a time before the question expires",
                    ));
                }
                escalation.put_aside(until, tx.now);
                EventKind::EscalationSnoozed
            }
        };
        closing::touch(&mut escalation, tx.now);
        tx.put(keys::escalation(tx.tenant(), escalation.id), &escalation)?;
        closing::rearm(tx, &before, &escalation);
        tx.event(kind, closing::subjects(&escalation));
        Ok((escalation, Vec::new()))
    }

    async fn replay(&self, engine: &Engine, tenant: &str, _: &[Uuid]) -> Result<Escalation, Error> {
        engine.existing_escalation(tenant, self.escalation).await
    }
}

/// An escalation for a reviewer to act on.
pub(super) async fn get(tx: &mut Tx<'_>, id: EscalationId) -> Result<Escalation, Error> {
    let found = tx.get(keys::escalation(tx.tenant(), id)).await?;
    found.ok_or_else(|| Error::not_found(Resource::Escalation, id))
}

impl Engine {
    /// Claims an escalation for the calling reviewer, renews or releases it.
    pub async fn claim(
        &self,
        caller: &Principal,
        request_id: &str,
        escalation: EscalationId,
        step: ClaimStep,
    ) -> Result<Answer<EscalationView>, Error> {
        let by = authorize::reviewer(caller)?;
        let lease = match step {
            ClaimStep::Claim(lease) | ClaimStep::Renew { lease, .. } => lease,
            ClaimStep::Release { .. } | ClaimStep::Snooze { .. } => None,
        };
        let bounds = CLAIM_LEASE_MIN..=CLAIM_LEASE_MAX;
        let lease = validate::span("lease", lease, CLAIM_LEASE_DEFAULT, bounds)?;
        let operation = Claiming { escalation, step, lease };
        let answer = self.transact(&by, request_id, &operation).await?;
        let escalation = answer.value.clone();
        let view = self.escalation_view(&caller.tenant, escalation, Depth::Live).await?;
        Ok(answer.map(|_| view))
    }

    /// Lists escalations: open ones by urgency, closed ones newest first.
    pub async fn list_escalations(
        &self,
        caller: &Principal,
        page: Page,
        state: EscalationState,
        filter: &Filter,
        depth: Depth,
    ) -> Result<EscalationPage, Error> {
        authorize::overseer(caller)?;
        filter.check()?;
        let tenant = &caller.tenant;
        let (range, direction) = match state {
            EscalationState::Open => (keys::queue(tenant), Direction::Ascending),
            closed => (keys::history(tenant, closed), Direction::Descending),
        };
        let tag = format!("escalations {state:?} {filter:?}");
        let mut walk = self.walk(range, direction, &page, &tag)?;
        let mut items: Vec<EscalationView> = Vec::new();
        let mut bytes = 0;
        while items.len() < walk.size && bytes < limits::PAGE_BYTES {
            let keys = walk.few(self).await?;
            if keys.is_empty() {
                break;
            }
            let shown = self.looked_up(tenant, keys, |it| it.state == state && filter.shows(it));
            let mut shown = VecDeque::from(shown.await?);
            let room = (walk.size - items.len()).min(shown.len());
            let views = shown
                .iter()
                .take(room)
                .map(|(_, it)| self.escalation_view(tenant, it.clone(), depth));
            for view in try_join_all(views).await? {
                if bytes >= limits::PAGE_BYTES {
                    break;
                }
                let Some((key, _)) = shown.pop_front() else { break };
                bytes += view.size();
                items.push(view);
                walk.took(&key);
            }
            walk.put_back(shown.into_iter().map(|(key, _)| key));
        }
        let next_page_token = walk.next_token(self).await?;
        let (_, open_count) = self.0.stats.open_counts(tenant, "");
        Ok(EscalationPage { listed: Listed { items, next_page_token }, open_count })
    }

    /// The escalations of some list entries that are to be shown. One may have moved
    /// on since its place was read.
    async fn looked_up(
        &self,
        tenant: &str,
        keys: Vec<Bytes>,
        is_shown: impl Fn(&Escalation) -> bool,
    ) -> Result<Vec<(Bytes, Escalation)>, Error> {
        let reads = keys.iter().map(|key| async {
            let id = keys::listed_escalation(key)
                .ok_or_else(|| read_error(ReadError::Damaged { what: "the queue".to_owned() }))?;
            self.read::<Escalation>(&keys::escalation(tenant, id)).await
        });
        let found = try_join_all(reads).await?;
        let found = keys.into_iter().zip(found);
        Ok(found.filter_map(|(key, it)| Some((key, it.filter(&is_shown)?))).collect())
    }
}
