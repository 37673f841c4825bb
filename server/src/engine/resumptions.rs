//! Resumptions for pools of workers: claim with a lease, acknowledge.

use uuid::Uuid;

use super::feed::Topic;
use super::operation::{Answer, Operation, Tx};
use super::views::ResumptionView;
use super::{Engine, authorize, closing, limits, read_error, validate};
use crate::domain::action::{Action, ActionState, GRANT_LIFETIME, Grant};
use crate::domain::digest::FieldHasher;
use crate::domain::error::{Error, Resource};
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::{ActionId, EscalationId, GrantId, RunId};
use crate::domain::principal::Principal;
use crate::domain::resumption::{
    RESUMPTION_LEASE_DEFAULT, RESUMPTION_LEASE_MAX, RESUMPTION_LEASE_MIN, Resumption,
};
use crate::domain::time::{Span, Timestamp};
use crate::store::{Direction, keys};

/// How long a claim waits before it looks again at what is paused.
const HELD_LOOK: Span = Span::from_secs(1);

/// Claims resumptions.
#[derive(Clone, Debug, Default)]
pub struct ClaimResumptions {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// How many at most; 0 means 1.
    pub max_items: i32,
    /// How long to hold them.
    pub lease: Option<Span>,
    /// How long to wait for the first.
    pub wait: Option<Span>,
    /// Only of this run.
    pub run: Option<RunId>,
    /// Only of this escalation.
    pub escalation: Option<EscalationId>,
}

/// One try at claiming what is there.
struct Claiming<'a> {
    command: &'a ClaimResumptions,
    max_items: usize,
    lease: Span,
}

/// What a try found.
#[derive(Default)]
struct Claimed {
    resumptions: Vec<Resumption>,
    /// When the next lease of another holder lapses.
    next_lapse: Option<Timestamp>,
}

impl Operation for Claiming<'_> {
    type Output = Claimed;
    const METHOD: &'static str = "ClaimResumptions";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher
            .field(&self.max_items.to_be_bytes())
            .field(&self.lease.as_micros().to_be_bytes())
            .optional(self.command.run.as_ref().map(|id| id.as_bytes().as_slice()))
            .optional(self.command.escalation.as_ref().map(|id| id.as_bytes().as_slice()));
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Claimed, Vec<Uuid>), Error> {
        let mut claimed = Claimed::default();
        let mut walk = tx.engine.open_resumptions(tx.tenant(), tx.by.name());
        let mut bytes = 0;
        while claimed.resumptions.len() < self.max_items && bytes < limits::PAGE_BYTES {
            let Some(found) = walk.next(tx.engine).await? else { break };
            if !self.wants(&found) {
                continue;
            }
            if !found.is_claimable(tx.now) {
                let lapse = found.lease_expire_time;
                claimed.next_lapse = Some(claimed.next_lapse.map_or(lapse, |next| next.min(lapse)));
                continue;
            }
            let key = keys::resumption(tx.tenant(), found.escalation);
            let Some(resumption) = tx.get::<Resumption>(key).await? else { continue };
            if resumption.is_claimable(tx.now) && !tx.is_held(&resumption).await? {
                let (resumption, size) = self.lease(tx, resumption).await?;
                claimed.resumptions.push(resumption);
                bytes += size;
            }
        }
        let ids = claimed.resumptions.iter().map(|it| Uuid::from_bytes(*it.escalation.as_bytes()));
        let results = ids.collect();
        Ok((claimed, results))
    }

    async fn replay(
        &self,
        engine: &Engine,
        tenant: &str,
        results: &[Uuid],
    ) -> Result<Claimed, Error> {
        let mut claimed = Claimed::default();
        for id in results {
            let id = EscalationId::new(*id);
            let found = engine.read(&keys::resumption(tenant, id)).await?;
            claimed.resumptions.extend(found);
        }
        Ok(claimed)
    }
}

impl Claiming<'_> {
    fn wants(&self, resumption: &Resumption) -> bool {
        self.command.run.is_none_or(|run| run == resumption.run)
            && self.command.escalation.is_none_or(|id| id == resumption.escalation)
    }

    /// Leases a resumption; also answers about how many bytes it takes to show.
    async fn lease(
        &self,
        tx: &mut Tx<'_>,
        mut resumption: Resumption,
    ) -> Result<(Resumption, usize), Error> {
        resumption.epoch += 1;
        resumption.lease_expire_time = tx.now.plus(self.lease);
        let size = match resumption.action {
            Some(action) => reissue(tx, action, resumption.epoch).await?,
            None => 0,
        };
        tx.put(keys::resumption(tx.tenant(), resumption.escalation), &resumption)?;
        let subjects = Subjects {
            run: Some(resumption.run),
            action: resumption.action,
            escalation: Some(resumption.escalation),
            checkpoint: resumption.checkpoint,
            ..Subjects::default()
        };
        tx.event(EventKind::ResumptionClaimed, subjects);
        Ok((resumption, size))
    }
}

/// Gives an approved action a new grant under the new epoch and withdraws the
/// former, as long as the approval itself is valid. Answers the size of its
/// content.
async fn reissue(tx: &mut Tx<'_>, id: ActionId, epoch: u64) -> Result<usize, Error> {
    let key = keys::action(tx.tenant(), id);
    let found = tx.get::<Action>(key.clone()).await?;
    let mut action = found.ok_or_else(|| super::views::missing(Resource::Action, &id))?;
    let size = action.content.size as usize;
    let Some(former) = action.grant.filter(|_| action.state == ActionState::Granted) else {
        return Ok(size);
    };
    if tx.now >= former.approval_valid_until {
        return Ok(size);
    }
    let expire_time = tx.now.plus(GRANT_LIFETIME).min(former.approval_valid_until);
    let grant = Grant { id: GrantId::new(tx.next_id()), expire_time, epoch, ..former };
    let subjects = closing::action_subjects(&action, Some(former.id));
    tx.event_about(EventKind::GrantRevoked, subjects, Some(action.digest), &[]);
    action.replace_grant(Some(grant));
    action.update_time = tx.now;
    tx.put(key, &action)?;
    Ok(size)
}

struct Acknowledging {
    escalation: EscalationId,
    epoch: u64,
}

impl Operation for Acknowledging {
    type Output = ();
    const METHOD: &'static str = "AcknowledgeResumption";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.escalation.as_bytes()).field(&self.epoch.to_be_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<((), Vec<Uuid>), Error> {
        let key = keys::resumption(tx.tenant(), self.escalation);
        let resumption = tx
            .get::<Resumption>(key)
            .await?
            .filter(|resumption| resumption.agent == tx.by.name())
            .ok_or_else(|| Error::not_found(Resource::Escalation, self.escalation))?;
        resumption.require_held(self.epoch)?;
        closing::finish_resumption(tx, resumption)?;
        Ok(((), Vec::new()))
    }

    async fn replay(&self, _: &Engine, _: &str, _: &[Uuid]) -> Result<(), Error> {
        Ok(())
    }
}

/// A walk over an agent's open resumptions, oldest first.
pub(super) struct OpenResumptions {
    tenant: String,
    range: crate::store::KeyRange,
    ids: std::collections::VecDeque<EscalationId>,
    is_exhausted: bool,
}

/// How many entries one read of the walk fetches.
const ENTRIES_PER_READ: usize = 256;

impl OpenResumptions {
    pub(super) async fn next(&mut self, engine: &Engine) -> Result<Option<Resumption>, Error> {
        loop {
            if self.ids.is_empty() && !self.is_exhausted {
                self.fetch(engine).await?;
            }
            let Some(id) = self.ids.pop_front() else { return Ok(None) };
            let found = engine.read::<Resumption>(&keys::resumption(&self.tenant, id)).await?;
            if let Some(resumption) = found.filter(|resumption| resumption.close_time.is_none()) {
                return Ok(Some(resumption));
            }
        }
    }

    async fn fetch(&mut self, engine: &Engine) -> Result<(), Error> {
        let (store, range) = (&engine.0.store, self.range.clone());
        let found =
            store.scan(range, Direction::Ascending, ENTRIES_PER_READ).await.map_err(read_error)?;
        self.is_exhausted = !found.has_more;
        if let Some((last, _)) = found.rows.last() {
            self.range.start = keys::after(last);
        }
        self.ids = found.rows.iter().filter_map(|(key, _)| keys::listed_escalation(key)).collect();
        Ok(())
    }
}

impl Engine {
    pub(super) fn open_resumptions(&self, tenant: &str, agent: &str) -> OpenResumptions {
        OpenResumptions {
            tenant: tenant.to_owned(),
            range: keys::resumes(tenant, agent),
            ids: std::collections::VecDeque::new(),
            is_exhausted: false,
        }
    }

    /// Claims resumptions of the calling agent that nobody holds, and waits for
    /// the first if there is none.
    pub async fn claim_resumptions(
        &self,
        caller: &Principal,
        command: ClaimResumptions,
    ) -> Result<Answer<Vec<ResumptionView>>, Error> {
        let by = authorize::agent(caller)?;
        let max_items = match usize::try_from(command.max_items) {
            Ok(0) => 1,
            Ok(count) => count.min(limits::MAX_CLAIMS),
            Err(_) => return Err(Error::field("max_items", "must not be negative")),
        };
        let bounds = RESUMPTION_LEASE_MIN..=RESUMPTION_LEASE_MAX;
        let lease = validate::span("lease", command.lease, RESUMPTION_LEASE_DEFAULT, bounds)?;
        let most = Span::from_secs(limits::MAX_CLAIM_WAIT_SECONDS);
        let wait = validate::span("wait", command.wait, Span::ZERO, Span::ZERO..=most)?;
        let give_up = self.now().plus(wait);
        let operation = Claiming { command: &command, max_items, lease };
        let topic = Topic::Agent(by.tenant().to_owned(), by.name().to_owned());
        let mut news = self.0.feed.listen(topic);
        loop {
            // What was offered up to here is read now: one look for all of it.
            news = news.resubscribe();
            let answer = self.try_claim(&by, &operation).await?;
            let is_over = answer.is_replayed || self.now() >= give_up;
            if !answer.value.resumptions.is_empty() || is_over {
                return self.shown(caller, answer).await;
            }
            let next = answer.value.next_lapse.map_or(give_up, |lapse| lapse.min(give_up));
            tokio::select! {
                // A lag is news as well: what is there is read again.
                _ = news.recv() => {}
                () = self.0.clock.sleep_until(next) => {}
            }
        }
    }

    /// Claims what is there. An empty claim is no commit and keeps no answer.
    async fn try_claim(
        &self,
        by: &super::Authorized,
        operation: &Claiming<'_>,
    ) -> Result<Answer<Claimed>, Error> {
        let now = self.now();
        let mut walk = self.open_resumptions(by.tenant(), by.name());
        let mut next_lapse: Option<Timestamp> = None;
        while let Some(found) = walk.next(self).await? {
            let is_wanted = operation.wants(&found);
            let is_held = is_wanted && self.is_held(by.tenant(), &found).await?;
            if is_wanted && found.is_claimable(now) && !is_held {
                return self.transact(by, &operation.command.request_id, operation).await;
            }
            if is_wanted {
                let again = now.plus(HELD_LOOK);
                let lapse = if is_held { again } else { found.lease_expire_time };
                next_lapse = Some(next_lapse.map_or(lapse, |next| next.min(lapse)));
            }
        }
        if let Some(answer) = self.kept(by, &operation.command.request_id, operation).await? {
            return Ok(answer);
        }
        let sequence = self.0.store.sequence(by.tenant()).await.map_err(read_error)?;
        let value = Claimed { resumptions: Vec::new(), next_lapse };
        Ok(Answer { value, sequence, time: now, is_replayed: false })
    }

    async fn shown(
        &self,
        caller: &Principal,
        answer: Answer<Claimed>,
    ) -> Result<Answer<Vec<ResumptionView>>, Error> {
        let mut views = Vec::with_capacity(answer.value.resumptions.len());
        for resumption in answer.value.resumptions.clone() {
            views.push(self.resumption_view(&caller.tenant, resumption, answer.time).await?);
        }
        Ok(answer.map(|_| views))
    }

    /// Takes a resumption up for good.
    pub async fn acknowledge_resumption(
        &self,
        caller: &Principal,
        request_id: &str,
        escalation: EscalationId,
        epoch: u64,
    ) -> Result<Answer<()>, Error> {
        let by = authorize::agent(caller)?;
        self.transact(&by, request_id, &Acknowledging { escalation, epoch }).await
    }
}
