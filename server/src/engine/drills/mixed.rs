//! Drills among real questions: whoever practises and asks for the next question is given
//! one now and then, as rarely as the settings of the domain say, and never one in the way
//! of what is urgent.

use super::give::{Taking, is_offered};
use super::not_found;
use crate::domain::drill::{Drill, Practice};
use crate::domain::error::Error;
use crate::domain::ids::DrillId;
use crate::engine::operation::Tx;
use crate::engine::{Authorized, Engine};
use crate::store::keys;

/// Gives the caller a drill in the place of a question; `NotFound` if there is none for
/// it now.
pub(in crate::engine) async fn mix_in(tx: &mut Tx<'_>) -> Result<Drill, Error> {
    let nothing = || not_found(DrillId::from_bytes([0; 16]));
    let person = tx.people().await?.person_of(tx.by.name()).to_owned();
    if !tx.practice(&person).await?.is_due() {
        return Err(nothing());
    }
    Taking.offered(tx).await?.map_err(|_| nothing())
}

/// Notes that somebody who practises was given a real question.
pub(in crate::engine) async fn note_question(tx: &mut Tx<'_>) -> Result<(), Error> {
    let queue = tx.queue().await?;
    if queue.settings.drills.people.is_empty() {
        return Ok(());
    }
    let person = tx.people().await?.person_of(tx.by.name()).to_owned();
    if !is_offered(&queue.settings, tx.by.name(), &person) {
        return Ok(());
    }
    let mut practice = tx.practice(&person).await?;
    practice.note_question();
    tx.put(keys::practice(tx.tenant(), &person), &practice)
}

impl Engine {
    /// Whether the caller practises and has had enough real questions since.
    pub(in crate::engine) async fn is_drill_due(&self, by: &Authorized) -> Result<bool, Error> {
        let known = self.audience_at_hand(by.tenant()).await?;
        let person = known.people.person_of(by.name());
        if !is_offered(&known.in_force.settings, by.name(), person) {
            return Ok(false);
        }
        let practice = self.read::<Practice>(&keys::practice(by.tenant(), person)).await?;
        Ok(practice.is_some_and(|practice| practice.is_due()))
    }
}
