//! What reviewers ask the agents that wait, before they decide.

use std::collections::{HashSet, VecDeque};

use super::{Awaiting, Scope};
use crate::domain::error::Error;
use crate::domain::escalation::AgentQuestion;
use crate::domain::ids::QuestionId;
use crate::engine::read_error;
use crate::store::{Direction, keys};

/// How many questions one read fetches.
const QUESTIONS_PER_READ: usize = 256;

/// The questions of one stream: each is sent once.
#[derive(Default)]
pub(super) struct Questions {
    pub(super) ready: VecDeque<AgentQuestion>,
    /// What was made ready; a stream ends after half an hour, and with it this.
    taken: HashSet<QuestionId>,
}

impl Questions {
    /// Makes a question ready, unless it is another's or was before.
    pub(super) fn take(&mut self, scope: Scope, question: &AgentQuestion) {
        let is_covered = match scope {
            Scope::Wait { escalation, .. } => question.escalation == escalation,
            Scope::Run(run) => question.run == run,
            Scope::Agent => true,
        };
        if is_covered && self.taken.insert(question.id) {
            self.ready.push_back(question.clone());
        }
    }
}

impl Awaiting {
    /// Reads what is asked and not answered.
    pub(super) async fn read_questions(&mut self) -> Result<(), Error> {
        let mut range = match self.scope {
            Scope::Wait { escalation, .. } => keys::questions(&self.tenant, escalation),
            Scope::Run(_) | Scope::Agent => keys::agent_questions(&self.tenant, &self.agent),
        };
        loop {
            let store = &self.engine.0.store;
            let found = store.scan(range.clone(), Direction::Ascending, QUESTIONS_PER_READ).await;
            let found = found.map_err(read_error)?;
            for (escalation, id) in found.rows.iter().filter_map(|it| keys::listed_question(&it.0))
            {
                let key = keys::question(&self.tenant, escalation, id);
                let question = self.engine.read::<AgentQuestion>(&key).await?;
                if let Some(question) = question.filter(|it| it.answer.is_none()) {
                    self.questions.take(self.scope, &question);
                }
            }
            match found.rows.last() {
                Some((last, _)) if found.has_more => range.start = keys::after(last),
                _ => return Ok(()),
            }
        }
    }
}
