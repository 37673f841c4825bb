//! Drills: past cases on which people practise, kept apart from everything real. Nothing
//! of a drill stands in the queue, runs, or is counted among real answers.

mod create;
mod give;
mod mixed;
mod read;

pub use create::{CreateDrill, Plant};
pub use give::{AnswerDrill, Feedback, NotNow, Offered};
pub(super) use mixed::{mix_in, note_question};
pub use read::DrillView;

use super::operation::Tx;
use super::{Engine, views};
use crate::domain::drill::{Drill, Practice};
use crate::domain::error::{Error, Resource};
use crate::domain::event::Subjects;
use crate::domain::ids::DrillId;
use crate::store::keys;

/// What an event about a drill is about.
fn subjects(drill: &Drill) -> Subjects {
    Subjects { drill: Some(drill.id), ..Subjects::default() }
}

fn not_found(id: DrillId) -> Error {
    Error::not_found(Resource::Drill, id)
}

impl Tx<'_> {
    /// What a person has done so far.
    async fn practice(&mut self, person: &str) -> Result<Practice, Error> {
        let found = self.get::<Practice>(keys::practice(self.tenant(), person)).await?;
        Ok(found.unwrap_or_else(|| Practice::of(person)))
    }
}

impl Engine {
    /// A drill that another record names.
    pub(super) async fn existing_drill(&self, tenant: &str, id: DrillId) -> Result<Drill, Error> {
        let found = self.read(&keys::drill(tenant, id)).await?;
        found.ok_or_else(|| views::missing(Resource::Drill, &id))
    }
}
