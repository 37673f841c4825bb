//! Giving drills to those who practise, and telling them at once how they did.

use uuid::Uuid;

use super::read::DrillView;
use super::{not_found, subjects};
use crate::domain::digest::FieldHasher;
use crate::domain::directory::Directory;
use crate::domain::drill::{Drill, DrillChoice, DrillGiven, QUIET_BEFORE};
use crate::domain::error::Error;
use crate::domain::event::EventKind;
use crate::domain::ids::DrillId;
use crate::domain::policy::glob;
use crate::domain::principal::Principal;
use crate::domain::queue::Settings;
use crate::domain::time::Timestamp;
use crate::engine::operation::{Answer, Operation, Tx, result_at};
use crate::engine::{Engine, authorize, closing, read_error, reviews};
use crate::store::keys::{self, Timer, TimerKind};
use crate::store::{Direction, MAX_SCAN};

/// The most drills that are looked through for one.
const MAX_LOOKED_AT: usize = 1_000;
/// The most timers that are looked through for one that is near.
const MAX_TIMERS: usize = 10_000;

/// Why nobody is given one now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotNow {
    /// The settings do not name the caller.
    NotOffered,
    /// The caller was given one shortly before; not before then.
    Resting(Timestamp),
    /// A real question is near the end of its time.
    Busy,
    /// The caller knows all that there are.
    NoneLeft,
}

/// A drill, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offered {
    /// The drill: what is wrong with it is not for the caller yet.
    Drill(Box<DrillView>),
    /// None.
    NotNow(NotNow),
}

/// Says what to do about a drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerDrill {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The drill.
    pub drill: DrillId,
    /// What the caller would do.
    pub choice: DrillChoice,
}

/// What is told at once of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// The drill, with what is wrong with it.
    pub view: DrillView,
    /// What the caller said.
    pub choice: DrillChoice,
}

pub(super) struct Taking;

impl Operation for Taking {
    type Output = Result<Drill, NotNow>;
    const METHOD: &'static str = "TakeDrill";

    fn fingerprint(&self, _: &mut FieldHasher) {}

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Self::Output, Vec<Uuid>), Error> {
        let offered = self.offered(tx).await?;
        let results = match &offered {
            Ok(drill) => closing::result(drill.id.as_bytes()),
            Err(_) => Vec::new(),
        };
        Ok((offered, results))
    }

    async fn replay(
        &self,
        engine: &Engine,
        tenant: &str,
        results: &[Uuid],
    ) -> Result<Self::Output, Error> {
        match results.first() {
            Some(id) => engine.existing_drill(tenant, DrillId::new(*id)).await.map(Ok),
            None => Ok(Err(NotNow::NoneLeft)),
        }
    }
}

impl Taking {
    pub(super) async fn offered(&self, tx: &mut Tx<'_>) -> Result<Result<Drill, NotNow>, Error> {
        let queue = tx.queue().await?;
        let people = tx.people().await?;
        let person = people.person_of(tx.by.name());
        if !is_offered(&queue.settings, tx.by.name(), person) {
            return Ok(Err(NotNow::NotOffered));
        }
        let mut practice = tx.practice(person).await?;
        if let Some(open) = practice.open {
            return tx.engine.existing_drill(tx.tenant(), open).await.map(Ok);
        }
        if let Some(until) = practice.rests_until(tx.now) {
            return Ok(Err(NotNow::Resting(until)));
        }
        if is_busy(tx).await? {
            return Ok(Err(NotNow::Busy));
        }
        let Some(drill) = next(tx, &people, person).await? else {
            return Ok(Err(NotNow::NoneLeft));
        };
        let mut draw = [0; 4];
        tx.engine.0.ids.fill(&mut draw);
        practice.give(drill.id, u32::from_be_bytes(draw), tx.now);
        let given = DrillGiven { give_time: tx.now, choice: None, answer_time: None };
        tx.put(keys::practice(tx.tenant(), person), &practice)?;
        tx.put(keys::drill_given(tx.tenant(), person, drill.id), &given)?;
        tx.event(EventKind::DrillGiven, subjects(&drill));
        Ok(Ok(drill))
    }
}

/// Whether the settings name somebody among those who practise.
pub(super) fn is_offered(settings: &Settings, name: &str, person: &str) -> bool {
    settings.drills.people.iter().any(|it| glob(it, name) || glob(it, person))
}

/// Whether a real question of the tenant is near its due time or its end. What cannot be
/// looked through counts as near.
async fn is_busy(tx: &Tx<'_>) -> Result<bool, Error> {
    let until = tx.now.plus(QUIET_BEFORE);
    let mut range = keys::timers();
    let mut looked_at = 0;
    while looked_at < MAX_TIMERS {
        let store = &tx.engine.0.store;
        let found = store.scan(range.clone(), Direction::Ascending, MAX_SCAN).await;
        let found = found.map_err(read_error)?;
        for timer in found.rows.iter().filter_map(|(key, _)| Timer::from_key(key)) {
            if timer.time >= until {
                return Ok(false);
            }
            let is_end = matches!(timer.kind, TimerKind::Due | TimerKind::Expire);
            if is_end && timer.tenant == tx.tenant() {
                return Ok(true);
            }
        }
        looked_at += found.rows.len();
        match found.rows.last() {
            Some((last, _)) if found.has_more => range.start = keys::after(last),
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// The oldest drill that a person was not given, did not make, and does not know the case
/// of from answering it.
async fn next(tx: &Tx<'_>, people: &Directory, person: &str) -> Result<Option<Drill>, Error> {
    let (engine, tenant) = (tx.engine, tx.tenant());
    let mut range = keys::drills(tenant);
    let mut looked_at = 0;
    while looked_at < MAX_LOOKED_AT {
        let found = engine.0.store.scan(range.clone(), Direction::Ascending, MAX_SCAN).await;
        let found = found.map_err(read_error)?;
        for (_, row) in &found.rows {
            let drill = crate::store::records::decode::<Drill>(&row.value).map_err(read_error)?;
            let given = keys::drill_given(tenant, person, drill.id);
            if drill.person == person || engine.read::<DrillGiven>(&given).await?.is_some() {
                continue;
            }
            let question = engine.existing_escalation(tenant, drill.source).await?;
            if !reviews::has_answered(people, &question, person) {
                return Ok(Some(drill));
            }
        }
        looked_at += found.rows.len();
        match found.rows.last() {
            Some((last, _)) if found.has_more => range.start = keys::after(last),
            _ => break,
        }
    }
    Ok(None)
}

impl Operation for AnswerDrill {
    type Output = Drill;
    const METHOD: &'static str = "AnswerDrill";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.drill.as_bytes()).field(&[u8::from(self.choice == DrillChoice::Reject)]);
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Drill, Vec<Uuid>), Error> {
        let people = tx.people().await?;
        let person = people.person_of(tx.by.name());
        let found = tx.get::<Drill>(keys::drill(tx.tenant(), self.drill)).await?;
        let drill = found.ok_or_else(|| not_found(self.drill))?;
        let mut practice = tx.practice(person).await?;
        if practice.open != Some(drill.id) {
            return Err(Error::DrillNotHeld { drill: drill.id.to_string() });
        }
        practice.answer(drill.is_planted, self.choice);
        let key = keys::drill_given(tx.tenant(), person, drill.id);
        let given = tx.get::<DrillGiven>(key.clone()).await?;
        let give_time = given.map_or(tx.now, |given| given.give_time);
        let (choice, answer_time) = (Some(self.choice), Some(tx.now));
        tx.put(key, &DrillGiven { give_time, choice, answer_time })?;
        tx.put(keys::practice(tx.tenant(), person), &practice)?;
        tx.event(EventKind::DrillAnswered, subjects(&drill));
        let results = closing::result(drill.id.as_bytes());
        Ok((drill, results))
    }

    async fn replay(
        &self,
        engine: &Engine,
        tenant: &str,
        results: &[Uuid],
    ) -> Result<Drill, Error> {
        engine.existing_drill(tenant, DrillId::new(result_at(results, 0)?)).await
    }
}

impl Engine {
    /// Gives the calling reviewer a drill, or the one that the caller has; or says why
    /// there is none now.
    pub async fn take_drill(
        &self,
        caller: &Principal,
        request_id: &str,
    ) -> Result<Answer<Offered>, Error> {
        let by = authorize::reviewer(caller)?;
        let answer = self.transact(&by, request_id, &Taking).await?;
        let offered = match answer.value.clone() {
            Ok(drill) => Offered::Drill(Box::new(self.drill_view(drill).await?)),
            Err(why) => Offered::NotNow(why),
        };
        Ok(answer.map(|_| offered))
    }

    /// Takes what the calling reviewer says of the drill that the caller has, and tells
    /// at once what was right. Nothing runs.
    pub async fn answer_drill(
        &self,
        caller: &Principal,
        command: AnswerDrill,
    ) -> Result<Answer<Feedback>, Error> {
        let by = authorize::reviewer(caller)?;
        let answer = self.transact(&by, &command.request_id, &command).await?;
        let view = self.drill_view(answer.value.clone()).await?;
        let choice = command.choice;
        Ok(answer.map(|_| Feedback { view, choice }))
    }
}
