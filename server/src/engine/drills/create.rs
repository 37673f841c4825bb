//! Making a drill of a past case.

use serde_json::Value;
use uuid::Uuid;

use super::read::DrillView;
use super::subjects;
use crate::domain::action::ActionContent;
use crate::domain::digest::FieldHasher;
use crate::domain::drill::{Defect, Drill, DrillContent, plant};
use crate::domain::error::{Error, Resource};
use crate::domain::escalation::{Escalation, Question, ResolutionKind};
use crate::domain::event::EventKind;
use crate::domain::ids::{DrillId, EscalationId};
use crate::domain::principal::Principal;
use crate::domain::secrets::refuse_secrets;
use crate::engine::operation::{Answer, Operation, Tx, result_at};
use crate::engine::{Engine, authorize, closing, limits, validate};
use crate::store::keys;

/// Makes a drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateDrill {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The question that it is made of.
    pub source: EscalationId,
    /// What to plant; none: nothing, the case was right.
    pub plant: Option<Plant>,
}

/// What to plant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plant {
    /// Where: `@target`, or a JSON pointer into the arguments.
    pub place: String,
    /// What: JSON.
    pub value: Vec<u8>,
    /// What is wrong with it, in words.
    pub words: String,
}

impl Operation for CreateDrill {
    type Output = Drill;
    const METHOD: &'static str = "CreateDrill";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.source.as_bytes());
        if let Some(Plant { place, value, words }) = &self.plant {
            hasher.field(place.as_bytes()).field(value).field(words.as_bytes());
        }
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Drill, Vec<Uuid>), Error> {
        let question = self.source(tx).await?;
        let content = self.content(tx, &question).await?;
        let people = tx.people().await?;
        let drill = Drill {
            id: DrillId::new(tx.next_id()),
            source: question.id,
            agent: question.agent,
            tool: question.tool,
            lane: question.lane,
            severity: question.severity,
            rule: question.rule,
            is_planted: content.defect.is_some(),
            content: tx.payload(&content, None)?,
            creator: tx.by.name().to_owned(),
            person: people.person_of(tx.by.name()).to_owned(),
            create_time: tx.now,
        };
        tx.put(keys::drill(tx.tenant(), drill.id), &drill)?;
        tx.event_about(EventKind::DrillCreated, subjects(&drill), None, &[drill.content]);
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

impl CreateDrill {
    /// The past case: a question about an action that people have answered; for a drill
    /// without a defect, that they have approved.
    async fn source(&self, tx: &mut Tx<'_>) -> Result<Escalation, Error> {
        let found = tx.get::<Escalation>(keys::escalation(tx.tenant(), self.source)).await?;
        let question = found.ok_or_else(|| Error::not_found(Resource::Escalation, self.source))?;
        let kind = question.resolution.as_ref().map(|it| it.kind);
        if question.question != Question::ApproveAction || kind.is_none() {
            let problem = "want a question about an action that people have answered";
            return Err(Error::field("escalation_id", problem));
        }
        if self.plant.is_none() && kind != Some(ResolutionKind::Approved) {
            let problem = "without a defect, want a question that was answered by approving";
            return Err(Error::field("escalation_id", problem));
        }
        Ok(question)
    }

    async fn content(&self, tx: &mut Tx<'_>, question: &Escalation) -> Result<DrillContent, Error> {
        let (engine, tenant) = (tx.engine, tx.tenant());
        let Some(action) = question.action else {
            return Err(Error::field("escalation_id", "want a question about an action"));
        };
        let action = engine.existing_action(tenant, action).await?;
        let run = engine.existing_run(tenant, action.run).await?;
        let goal = engine.goal_of(&run).await?.to_string();
        let ActionContent { mut target, arguments, reasoning, decision_reason: why, .. } =
            engine.payload(&action.content).await?;
        let defect = match &self.plant {
            Some(planted) => Some(planted.applied_to(&mut target, &arguments)?),
            None => None,
        };
        let (defect, arguments) = match defect {
            Some((defect, arguments)) => (Some(defect), arguments),
            None => (None, arguments.to_vec()),
        };
        Ok(DrillContent { target, arguments, reasoning, goal, why, defect })
    }
}

impl Plant {
    fn applied_to(
        &self,
        target: &mut String,
        arguments: &[u8],
    ) -> Result<(Defect, Vec<u8>), Error> {
        let value = serde_json::from_slice::<Value>(&self.value)
            .map_err(|error| Error::field("plant.value", format!("want JSON: {error}")))?;
        let mut changed = serde_json::from_slice::<Value>(arguments)
            .map_err(|error| Error::DataDamaged { cause: format!("arguments: {error}") })?;
        let was = plant(target, &mut changed, &self.place, &value).ok_or_else(|| {
            Error::field("plant.place", "want a place of the case at which something else stands")
        })?;
        let defect = Defect {
            place: self.place.clone(),
            was: was.to_string(),
            is: value.to_string(),
            words: self.words.clone(),
        };
        Ok((defect, changed.to_string().into_bytes()))
    }

    fn check(&self) -> Result<(), Error> {
        validate::length("plant.place", self.place.as_bytes(), limits::MAX_NOTE_BYTES)?;
        validate::length("plant.value", &self.value, limits::MAX_NOTE_BYTES)?;
        refuse_secrets("plant.value", &self.value)?;
        validate::words("plant.defect", &self.words)
    }
}

impl Engine {
    /// Makes a drill of a past case, for the calling supervisor.
    pub async fn create_drill(
        &self,
        caller: &Principal,
        command: CreateDrill,
    ) -> Result<Answer<DrillView>, Error> {
        let by = authorize::supervisor(caller)?;
        command.plant.as_ref().map_or(Ok(()), Plant::check)?;
        let answer = self.transact(&by, &command.request_id, &command).await?;
        let view = self.drill_view(answer.value.clone()).await?;
        Ok(answer.map(|_| view))
    }
}
