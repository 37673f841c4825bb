//! Questions to the agent before a person decides, and the agent's answers.

use bytes::Bytes;
use futures::future::try_join_all;
use uuid::Uuid;

use super::list::{Listed, Page};
use super::operation::{Answer, Operation, Tx, result_at};
use super::{Engine, authorize, closing, escalations, limits, read_error, validate};
use crate::domain::digest::FieldHasher;
use crate::domain::error::{AnswerError, Error, Resource};
use crate::domain::escalation::{AgentAnswer, AgentQuestion, Escalation, MAX_QUESTIONS};
use crate::domain::event::EventKind;
use crate::domain::ids::{EscalationId, QuestionId};
use crate::domain::principal::{Principal, Role};
use crate::store::{Direction, keys};

/// Asks the agent.
#[derive(Clone, Debug)]
pub struct AskAgent {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The escalation.
    pub escalation: EscalationId,
    /// The question.
    pub text: String,
}

/// Answers a reviewer.
#[derive(Clone, Debug)]
pub struct AnswerQuestion {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The escalation.
    pub escalation: EscalationId,
    /// The question.
    pub question: QuestionId,
    /// The answer.
    pub text: String,
}

/// A question with its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuestionView {
    /// The question.
    pub question: AgentQuestion,
    /// What is asked.
    pub text: String,
    /// What the agent says.
    pub answer: String,
}

impl QuestionView {
    /// About how many bytes it takes in a message.
    pub(super) fn size(&self) -> usize {
        self.text.len() + self.answer.len()
    }
}

struct Asking<'a>(&'a AskAgent);

impl Operation for Asking<'_> {
    type Output = AgentQuestion;
    const METHOD: &'static str = "AskAgent";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.0.escalation.as_bytes()).field(self.0.text.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(AgentQuestion, Vec<Uuid>), Error> {
        let mut escalation = escalations::get(tx, self.0.escalation).await?;
        tx.require_four_eyes(&escalation).await?;
        escalation.require_open_at(tx.now)?;
        let id = tx.next_id();
        let question = AgentQuestion {
            id: QuestionId::new(id),
            escalation: escalation.id,
            run: escalation.run,
            agent: escalation.agent.clone(),
            asker: tx.by.name().to_owned(),
            text: tx.bytes(Bytes::copy_from_slice(self.0.text.as_bytes()), None)?,
            ask_time: tx.now,
            answer: None,
        };
        escalation.ask(question.id, tx.now)?;
        let tenant = tx.tenant();
        tx.put(keys::escalation(tenant, escalation.id), &escalation)?;
        tx.put(keys::question(tenant, escalation.id, question.id), &question)?;
        tx.mark(keys::agent_question(tenant, &question.agent, escalation.id, question.id));
        let subjects = closing::subjects(&escalation);
        tx.event_about(EventKind::EscalationAsked, subjects, None, &[question.text]);
        Ok((question, vec![id]))
    }

    async fn replay(
        &self,
        engine: &Engine,
        tenant: &str,
        results: &[Uuid],
    ) -> Result<AgentQuestion, Error> {
        let id = QuestionId::new(result_at(results, 0)?);
        engine.existing_question(tenant, self.0.escalation, id).await
    }
}

struct Answering<'a>(&'a AnswerQuestion);

impl Operation for Answering<'_> {
    type Output = AgentQuestion;
    const METHOD: &'static str = "AnswerQuestion";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        let it = self.0;
        hasher
            .field(it.escalation.as_bytes())
            .field(it.question.as_bytes())
            .field(it.text.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(AgentQuestion, Vec<Uuid>), Error> {
        let (tenant, id) = (tx.tenant(), self.0.question);
        let key = keys::question(tenant, self.0.escalation, id);
        let found = tx.get::<AgentQuestion>(key.clone()).await?;
        let own = found.filter(|question| question.agent == tx.by.name());
        let mut question = own.ok_or_else(|| no_question(id))?;
        if let Some(answer) = &question.answer {
            return Err(Error::Answer(AnswerError::QuestionAnswered {
                question: id.to_string(),
                at: answer.time,
            }));
        }
        let mut escalation = escalations::get(tx, question.escalation).await?;
        escalation.require_open_at(tx.now)?;
        let text = tx.bytes(Bytes::copy_from_slice(self.0.text.as_bytes()), None)?;
        question.answer = Some(AgentAnswer { text, time: tx.now });
        escalation.answered(id);
        closing::touch(&mut escalation, tx.now);
        tx.put(key, &question)?;
        tx.put(keys::escalation(tenant, escalation.id), &escalation)?;
        tx.remove(keys::agent_question(tenant, &question.agent, escalation.id, id));
        let subjects = closing::subjects(&escalation);
        tx.event_about(EventKind::EscalationAnswered, subjects, None, &[text]);
        Ok((question, Vec::new()))
    }

    async fn replay(
        &self,
        engine: &Engine,
        tenant: &str,
        _: &[Uuid],
    ) -> Result<AgentQuestion, Error> {
        engine.existing_question(tenant, self.0.escalation, self.0.question).await
    }
}

fn no_question(id: QuestionId) -> Error {
    Error::not_found(Resource::Question, id)
}

impl Engine {
    /// Asks the agent something for the calling reviewer.
    pub async fn ask_agent(
        &self,
        caller: &Principal,
        command: AskAgent,
    ) -> Result<Answer<QuestionView>, Error> {
        let by = authorize::reviewer(caller)?;
        validate::words("text", &command.text)?;
        let answer = self.transact(&by, &command.request_id, &Asking(&command)).await?;
        self.answered_with(answer).await
    }

    /// Answers a reviewer's question for the calling agent.
    pub async fn answer_question(
        &self,
        caller: &Principal,
        command: AnswerQuestion,
    ) -> Result<Answer<QuestionView>, Error> {
        let by = authorize::agent(caller)?;
        validate::words("text", &command.text)?;
        let answer = self.transact(&by, &command.request_id, &Answering(&command)).await?;
        self.answered_with(answer).await
    }

    /// Lists the questions of one escalation, or what the calling agent has not
    /// answered.
    pub async fn list_questions(
        &self,
        caller: &Principal,
        page: Page,
        escalation: Option<EscalationId>,
    ) -> Result<Listed<QuestionView>, Error> {
        let tenant = &caller.tenant;
        let (range, tag) = match escalation {
            Some(id) => {
                let found = self.read::<Escalation>(&keys::escalation(tenant, id)).await?;
                let seen = found.filter(|it| authorize::may_see(caller, &it.agent));
                seen.ok_or_else(|| Error::not_found(Resource::Escalation, id))?;
                (keys::questions(tenant, id), "questions of one")
            }
            None if caller.has(Role::Agent) => {
                (keys::agent_questions(tenant, &caller.name), "questions")
            }
            None => return Err(Error::field("escalation_id", "required of all but agents")),
        };
        let mut walk = self.walk(range, Direction::Ascending, &page, tag)?;
        let (mut items, mut bytes) = (Vec::new(), 0);
        while items.len() < walk.size && bytes < limits::PAGE_BYTES {
            let Some((key, _)) = walk.next(self).await? else { break };
            walk.took(&key);
            if let Some(view) = self.listed_question(tenant, &key).await? {
                bytes += view.size();
                items.push(view);
            }
        }
        let next_page_token = walk.next_token(self).await?;
        Ok(Listed { items, next_page_token })
    }

    /// The question that a list entry names; none: it is gone by now.
    async fn listed_question(
        &self,
        tenant: &str,
        key: &[u8],
    ) -> Result<Option<QuestionView>, Error> {
        let Some((escalation, id)) = keys::listed_question(key) else { return Ok(None) };
        match self.read::<AgentQuestion>(&keys::question(tenant, escalation, id)).await? {
            Some(question) => self.question_view(question).await.map(Some),
            None => Ok(None),
        }
    }

    /// What the agent was asked about an escalation, the oldest first.
    pub(super) async fn questions_of(
        &self,
        tenant: &str,
        escalation: &Escalation,
    ) -> Result<Vec<QuestionView>, Error> {
        if escalation.conversation.asked == 0 {
            return Ok(Vec::new());
        }
        let range = keys::questions(tenant, escalation.id);
        let found = self.0.store.scan(range, Direction::Ascending, MAX_QUESTIONS).await;
        let found = found.map_err(read_error)?.rows;
        let views = found.iter().map(|(key, _)| self.listed_question(tenant, key));
        Ok(try_join_all(views).await?.into_iter().flatten().collect())
    }

    pub(super) async fn question_view(
        &self,
        question: AgentQuestion,
    ) -> Result<QuestionView, Error> {
        let text = self.text(Some(&question.text)).await?;
        let answer = self.text(question.answer.as_ref().map(|answer| &answer.text)).await?;
        Ok(QuestionView { question, text, answer })
    }

    async fn answered_with(
        &self,
        answer: Answer<AgentQuestion>,
    ) -> Result<Answer<QuestionView>, Error> {
        let view = self.question_view(answer.value.clone()).await?;
        Ok(answer.map(|_| view))
    }

    async fn existing_question(
        &self,
        tenant: &str,
        escalation: EscalationId,
        id: QuestionId,
    ) -> Result<AgentQuestion, Error> {
        let found = self.read(&keys::question(tenant, escalation, id)).await?;
        found.ok_or_else(|| super::views::missing(Resource::Question, &id))
    }
}
