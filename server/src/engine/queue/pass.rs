//! Passing a question on: its holder hands it over, a supervisor gives it to somebody,
//! or takes it over.
//!
//! Each is an act of its own, with its own permission and event: who claims for
//! themselves can do none of them by it.

use uuid::Uuid;

use crate::domain::digest::FieldHasher;
use crate::domain::directory::Answerer;
use crate::domain::error::Error;
use crate::domain::escalation::{
    CLAIM_LEASE_DEFAULT, CLAIM_LEASE_MAX, CLAIM_LEASE_MIN, Escalation, Hands,
};
use crate::domain::event::EventKind;
use crate::domain::ids::EscalationId;
use crate::domain::payload::PayloadRef;
use crate::domain::principal::{Principal, Role};
use crate::domain::time::Span;
use crate::engine::operation::{Answer, Operation, Tx};
use crate::engine::people::admit;
use crate::engine::views::{Depth, EscalationView};
use crate::engine::{Engine, authorize, closing, escalations, validate};
use crate::store::keys;

/// How a question is passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// Its holder gives it to somebody else.
    HandOff {
        /// The epoch of the caller's claim.
        epoch: u64,
        /// To whom.
        to: String,
    },
    /// A supervisor gives one that nobody holds to somebody.
    Assign {
        /// To whom.
        to: String,
    },
    /// A supervisor takes it from whoever holds it.
    TakeOver,
}

/// Passes a question on.
#[derive(Clone, Debug)]
pub struct PassOn {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The question.
    pub escalation: EscalationId,
    /// How.
    pub how: How,
    /// What the next holder should know, or why it is taken over.
    pub note: String,
    /// How long the next holder has; none: as for any claim.
    pub lease: Option<Span>,
}

struct Passing<'a> {
    command: &'a PassOn,
    lease: Span,
}

impl Operation for Passing<'_> {
    type Output = Escalation;
    const METHOD: &'static str = "PassEscalation";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        let PassOn { escalation, how, note, .. } = self.command;
        hasher
            .field(escalation.as_bytes())
            .field(note.as_bytes())
            .field(&self.lease.as_micros().to_be_bytes());
        match how {
            How::HandOff { epoch, to } => {
                hasher.field(&[0]).field(&epoch.to_be_bytes()).field(to.as_bytes())
            }
            How::Assign { to } => hasher.field(&[1]).field(to.as_bytes()),
            How::TakeOver => hasher.field(&[2]),
        };
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Escalation, Vec<Uuid>), Error> {
        let mut escalation = escalations::get(tx, self.command.escalation).await?;
        let caller = tx.by.name().to_owned();
        let (next, kind) = match &self.command.how {
            How::HandOff { epoch, to } => {
                escalation.require_open()?;
                escalation.require_claim(&caller, *epoch, tx.now)?;
                (self.receiver(tx, &escalation, to).await?, EventKind::EscalationHandedOff)
            }
            How::Assign { to } => {
                escalation.require_open()?;
                if let Some(claim) = escalation.live_claim(tx.now).filter(|it| it.holder != *to) {
                    return Err(escalation.claimed_by(claim));
                }
                (self.receiver(tx, &escalation, to).await?, EventKind::EscalationAssigned)
            }
            How::TakeOver => {
                tx.require_four_eyes(&escalation).await?;
                escalation.require_open()?;
                tx.admit(&escalation).await?;
                tx.require_no_vote(&escalation).await?;
                let next = Next { holder: caller.clone(), stands_in_for: None };
                (next, EventKind::EscalationTakenOver)
            }
        };
        let note = self.note(tx)?;
        let before = closing::timer(tx.tenant(), &escalation);
        let hands = Hands {
            holder: &next.holder,
            assigner: Some(caller.as_str()).filter(|caller| *caller != next.holder),
            stands_in_for: next.stands_in_for.as_deref(),
            note,
            lease: self.lease,
        };
        escalation.hold(hands, tx.now);
        closing::touch(&mut escalation, tx.now);
        tx.put(keys::escalation(tx.tenant(), escalation.id), &escalation)?;
        closing::rearm(tx, &before, &escalation);
        tx.event_about(kind, closing::subjects(&escalation), None, note.as_slice());
        Ok((escalation, Vec::new()))
    }

    async fn replay(&self, engine: &Engine, tenant: &str, _: &[Uuid]) -> Result<Escalation, Error> {
        engine.existing_escalation(tenant, self.command.escalation).await
    }
}

/// Who gets it.
struct Next {
    holder: String,
    stands_in_for: Option<String>,
}

impl Passing<'_> {
    /// The one it is given to, who must be able to answer it, as far as is known: it is
    /// asked again when they answer.
    async fn receiver(
        &self,
        tx: &mut Tx<'_>,
        question: &Escalation,
        to: &str,
    ) -> Result<Next, Error> {
        let known = tx.audience().await?;
        let refused = |why: String| Error::field("to", format!("`{to}` may not answer it: {why}"));
        let Some(entry) = known.people.entry(to) else {
            return Err(Error::field("to", format!("there is no principal `{to}`")));
        };
        let mut roles = entry.known_roles(tx.now);
        if roles.is_empty() {
            // Whose roles are said elsewhere.
            roles.push(Role::Reviewer);
        }
        let who = Answerer { name: to, roles: &roles };
        let subject = question.id.to_string();
        let people = known.people.as_ref();
        let parties = question.parties();
        let is_party = people.require_four_eyes(to, parties, &subject).is_err();
        if is_party {
            return Err(refused("it was asked by them or for them".to_owned()));
        }
        let has = |wanted: Role| roles.iter().any(|role| role.includes(wanted));
        for wanted in [Some(Role::Reviewer), question.required_role].into_iter().flatten() {
            if !has(wanted) {
                return Err(refused(format!("it needs the role {}", wanted.name())));
            }
        }
        let (matter, asked) = (question.matter(), tx.asked_about(question).await?);
        admit(people, who, &matter, asked.as_ref(), &subject, tx.now)
            .map_err(|it| refused(it.to_string()))?;
        if question.require_no_vote(people.person_of(to)).is_err() {
            return Err(refused("they have answered it".to_owned()));
        }
        let routed = known.at(tx.now).require_routed(question, who);
        let stands_in_for = match routed {
            Ok(stands_in_for) => stands_in_for.map(str::to_owned),
            Err(_) if has(Role::Supervisor) => None,
            Err(why) => return Err(refused(why.to_string())),
        };
        Ok(Next { holder: to.to_owned(), stands_in_for })
    }

    fn note(&self, tx: &mut Tx<'_>) -> Result<Option<PayloadRef>, Error> {
        let note = &self.command.note;
        if note.is_empty() {
            return Ok(None);
        }
        tx.bytes(note.clone().into(), None).map(Some)
    }
}

impl PassOn {
    fn check(&self) -> Result<Span, Error> {
        match &self.how {
            How::HandOff { to, .. } | How::Assign { to } => validate::principal("to", to)?,
            How::TakeOver => validate::required("reason", self.note.as_bytes())?,
        }
        let field = if self.how == How::TakeOver { "reason" } else { "note" };
        validate::note(field, &self.note)?;
        let bounds = CLAIM_LEASE_MIN..=CLAIM_LEASE_MAX;
        validate::span("lease", self.lease, CLAIM_LEASE_DEFAULT, bounds)
    }
}

impl Engine {
    /// Passes a question on to somebody else.
    pub async fn pass_on(
        &self,
        caller: &Principal,
        command: PassOn,
    ) -> Result<Answer<EscalationView>, Error> {
        let by = match command.how {
            How::HandOff { .. } => authorize::reviewer(caller)?,
            How::Assign { .. } | How::TakeOver => authorize::supervisor(caller)?,
        };
        let passing = Passing { command: &command, lease: command.check()? };
        let answer = self.transact(&by, &command.request_id, &passing).await?;
        let escalation = answer.value.clone();
        let view = self.escalation_view(&caller.tenant, escalation, Depth::Live).await?;
        Ok(answer.map(|_| view))
    }
}
