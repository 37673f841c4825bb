//! The card about an agent that asks too much: one for each flood, with counts that
//! rise while it lasts. Whoever answers it lets the agent go on or pauses it.

use uuid::Uuid;

use crate::domain::briefing;
use crate::domain::digest::{Digest, FieldHasher};
use crate::domain::error::{Error, Resource};
use crate::domain::escalation::{
    Escalation, EscalationState, Opening, Question, Repeats, ResolutionKind, ResumeMode,
    SeverityTier,
};
use crate::domain::event::EventKind;
use crate::domain::flood::{FLOOD_RULE, Flood, Refused};
use crate::domain::ids::{EscalationId, WaitId};
use crate::domain::money::Stake;
use crate::domain::policy::{Ask, OnExpiry};
use crate::domain::principal::Role;
use crate::domain::run::Run;
use crate::engine::operation::{Operation, Tx};
use crate::engine::{Engine, closing, views};
use crate::store::keys;

const FLOOD_TAG: &str = "pointsman.flood.v1";

/// Says how much of an agent was refused.
pub(super) struct Tell {
    pub(super) agent: String,
    pub(super) refused: Refused,
}

impl Operation for Tell {
    type Output = ();
    const METHOD: &'static str = "flood";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.agent.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<((), Vec<Uuid>), Error> {
        let limits = tx.engine.0.limits.floods;
        let key = keys::flood(tx.tenant(), &self.agent);
        let former = tx.get::<Flood>(key.clone()).await?;
        let card = open_card(tx, former.as_ref()).await?;
        let goes_on = |flood: &Flood| card.is_some() || !flood.is_over(tx.now, &limits);
        let new = || Flood::new(&self.agent, &self.refused);
        let mut flood = former.filter(goes_on).unwrap_or_else(new);
        flood.add(&self.refused, &limits);
        match card {
            Some(card) => update(tx, card, &mut flood)?,
            None if flood.is_let_go => {}
            None if flood.has_begun(tx.now, &limits) => open(tx, &mut flood).await?,
            None => {}
        }
        tx.put(key, &flood)?;
        Ok(((), Vec::new()))
    }

    async fn replay(&self, _: &Engine, _: &str, _: &[Uuid]) -> Result<(), Error> {
        Ok(())
    }
}

/// The card of a flood, if there is one that nobody has answered.
async fn open_card(tx: &mut Tx<'_>, flood: Option<&Flood>) -> Result<Option<Escalation>, Error> {
    let Some(id) = flood.and_then(|flood| flood.escalation) else { return Ok(None) };
    let found = tx.get::<Escalation>(keys::escalation(tx.tenant(), id)).await?;
    Ok(found.filter(|card| card.state == EscalationState::Open))
}

/// What an answer is bound to.
fn digest(tx: &Tx<'_>, flood: &Flood) -> Digest {
    let mut hasher = FieldHasher::new(FLOOD_TAG);
    hasher.field(tx.tenant().as_bytes()).field(flood.agent.as_bytes());
    hasher.field(&flood.begin_time.as_micros().to_be_bytes());
    hasher.finish()
}

async fn open(tx: &mut Tx<'_>, flood: &mut Flood) -> Result<(), Error> {
    let found = tx.get::<Run>(keys::run(tx.tenant(), flood.run)).await?;
    let run = found.ok_or_else(|| views::missing(Resource::Run, &flood.run))?;
    let revision = tx.policy().await?;
    let ask = Ask {
        severity: SeverityTier::High,
        required_role: Some(Role::Supervisor),
        quorum: 1,
        on_expiry: OnExpiry::Cancel,
        ..revision.policy.ask_of(FLOOD_RULE)
    };
    flood.told = flood.counts.total;
    let opening = Opening {
        id: EscalationId::new(tx.next_id()),
        wait: WaitId::new(tx.next_id()),
        question: Question::AgentFlood,
        run: &run,
        action: None,
        digest: digest(tx, flood),
        ask: &ask,
        stake: Stake::Unpriced,
        rule: Some(FLOOD_RULE.to_owned()),
        policy_revision: revision.id,
        briefing: tx.payload(&briefing::for_flood(flood), None)?,
        checkpoint: None,
        resume_mode: ResumeMode::Detached,
    };
    let mut card = opening.at(tx.now);
    card.repeats = counted(flood);
    flood.escalation = Some(card.id);
    closing::open(tx, &mut card).await
}

/// Says the present counts. The words are written anew when they have doubled: not a
/// payload for every second of a long flood.
fn update(tx: &mut Tx<'_>, mut card: Escalation, flood: &mut Flood) -> Result<(), Error> {
    if flood.outgrew_its_card() {
        flood.told = flood.counts.total;
        card.briefing = tx.payload(&briefing::for_flood(flood), None)?;
    }
    card.repeats = counted(flood);
    card.update_time = tx.now;
    tx.put(keys::escalation(tx.tenant(), card.id), &card)?;
    let subjects = closing::subjects(&card);
    tx.event_about(EventKind::EscalationRepeated, subjects, None, &[card.briefing]);
    Ok(())
}

const fn counted(flood: &Flood) -> Repeats {
    Repeats { count: flood.counts.total, last_time: Some(flood.last_time) }
}

/// Takes a person's answer: yes lets the agent go on, with twice its rate until the
/// flood is over; no pauses it.
pub(in crate::engine) async fn answer(
    tx: &mut Tx<'_>,
    card: &Escalation,
    kind: ResolutionKind,
) -> Result<(), Error> {
    if kind != ResolutionKind::Approved {
        return tx.pause(&card.agent, Some(card.id), &[]).await.map(|_| ());
    }
    let key = keys::flood(tx.tenant(), &card.agent);
    let Some(mut flood) = tx.get::<Flood>(key.clone()).await? else { return Ok(()) };
    flood.is_let_go = true;
    tx.put(key, &flood)
}
