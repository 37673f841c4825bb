//! Feedback: where people said something else than what was proposed, page by page, as
//! far as the settings let it leave.
//!
//! What leaves is recorded before it leaves: a page is handed over once the event that
//! counts it is durable, and only if the settings still allow it then.

mod example;

pub use example::FeedbackExample;

use uuid::Uuid;

use super::list::{Page, Walk};
use super::operation::{Operation, Tx};
use super::{Authorized, Engine, authorize, limits, read_error, validate};
use crate::domain::digest::FieldHasher;
use crate::domain::error::Error;
use crate::domain::escalation::{Escalation, EscalationState};
use crate::domain::event::{EventKind, Subjects};
use crate::domain::feedback::{Redaction, Redactor};
use crate::domain::ids::EscalationId;
use crate::domain::incident::{Incident, IncidentKind};
use crate::domain::policy::glob;
use crate::domain::principal::Principal;
use crate::domain::queue::Feedback;
use crate::domain::review::{Review, ReviewState};
use crate::domain::time::Timestamp;
use crate::store::records::decode;
use crate::store::{Direction, KeyRange, keys};

/// The most examples of one page.
const PAGE_EXAMPLES: usize = 100;
/// What has to be said in the settings of the queue.
const SETTING: &str = "feedback.export";

/// Which examples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportFeedback {
    /// None whose answer was given before.
    pub since: Option<Timestamp>,
    /// None whose answer was given then or later.
    pub until: Option<Timestamp>,
    /// Only of this agent; empty: every agent.
    pub agent: String,
    /// Only of this tool; empty: every tool.
    pub tool: String,
    /// Only where this rule decided; empty: any.
    pub rule: String,
}

impl ExportFeedback {
    fn check(&self) -> Result<(), Error> {
        validate::length("agent", self.agent.as_bytes(), limits::MAX_PRINCIPAL_BYTES)?;
        validate::length("tool", self.tool.as_bytes(), limits::MAX_TOOL_BYTES)?;
        validate::length("rule_id", self.rule.as_bytes(), limits::MAX_TOOL_BYTES)
    }

    fn is_in_time(&self, time: Timestamp) -> bool {
        self.since.is_none_or(|since| time >= since) && !self.is_over(time)
    }

    fn is_over(&self, time: Timestamp) -> bool {
        self.until.is_some_and(|until| time >= until)
    }

    fn shows(&self, agent: &str, tool: &str, rule: Option<&String>) -> bool {
        (self.agent.is_empty() || self.agent == agent)
            && (self.tool.is_empty() || self.tool == tool)
            && (self.rule.is_empty() || rule == Some(&self.rule))
    }
}

/// Where the examples of one kind come from, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Answers,
    Reversals,
    Reviews,
    Incidents,
}

impl Source {
    const ALL: [Self; 4] = [Self::Answers, Self::Reversals, Self::Reviews, Self::Incidents];

    fn range(self, tenant: &str, since: Option<Timestamp>) -> KeyRange {
        match self {
            Self::Answers => {
                let mut range = keys::history(tenant, EscalationState::Resolved);
                if let Some(since) = since {
                    let (state, first) =
                        (EscalationState::Resolved, EscalationId::from_bytes([0; 16]));
                    range.start = keys::closed(tenant, state, since, first);
                }
                range
            }
            Self::Reversals => keys::reversals(tenant, since),
            Self::Reviews => keys::reviews(tenant),
            Self::Incidents => keys::incidents(tenant),
        }
    }
}

/// An export under way.
pub struct Export {
    engine: Engine,
    by: Authorized,
    command: ExportFeedback,
    settings: Feedback,
    salt: [u8; 32],
    walks: Vec<(Source, Walk)>,
}

/// Records that so many examples leave, if the settings are as they were read.
struct Leaving<'a> {
    count: u64,
    settings: &'a Feedback,
}

impl Operation for Leaving<'_> {
    type Output = ();
    const METHOD: &'static str = "ExportFeedback";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(&self.count.to_be_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<((), Vec<Uuid>), Error> {
        let now = tx.queue().await?;
        if now.settings.feedback != *self.settings {
            return Err(Error::FeedbackNotConsented { setting: SETTING });
        }
        let subjects = Subjects { count: Some(self.count), ..Subjects::default() };
        tx.event(EventKind::FeedbackExported, subjects);
        Ok(((), Vec::new()))
    }

    async fn replay(&self, _: &Engine, _: &str, _: &[Uuid]) -> Result<(), Error> {
        Ok(())
    }
}

impl Engine {
    /// Begins an export for the calling auditor or admin.
    pub async fn export_feedback(
        &self,
        caller: &Principal,
        command: ExportFeedback,
    ) -> Result<Export, Error> {
        let by = authorize::auditor(caller)?;
        command.check()?;
        let settings = self.queue_now(by.tenant()).await?.settings.feedback.clone();
        if !settings.is_exported {
            return Err(Error::FeedbackNotConsented { setting: SETTING });
        }
        let mut salt = [0; 32];
        self.0.ids.fill(&mut salt);
        let mut walks = Vec::new();
        // The last is taken first.
        for source in Source::ALL.into_iter().rev() {
            let range = source.range(by.tenant(), command.since);
            let page = Page::default();
            walks.push((source, self.walk(range, Direction::Ascending, &page, "feedback")?));
        }
        Ok(Export { engine: self.clone(), by, command, settings, salt, walks })
    }
}

impl Export {
    /// The next page; none: that was all. What it returns is recorded as having left.
    pub async fn next_page(&mut self) -> Result<Option<Vec<FeedbackExample>>, Error> {
        let (mut page, mut bytes) = (Vec::new(), 0);
        while page.len() < PAGE_EXAMPLES && bytes < limits::PAGE_BYTES {
            let Some((source, walk)) = self.walks.last_mut() else { break };
            let (source, row) = (*source, walk.next(&self.engine).await?);
            let Some((key, value)) = row else {
                self.walks.pop();
                continue;
            };
            let found = self.examples_of(source, &key, &value).await?;
            bytes += found.iter().map(FeedbackExample::size).sum::<usize>();
            page.extend(found);
        }
        if page.is_empty() {
            return Ok(None);
        }
        let leaving = Leaving { count: page.len() as u64, settings: &self.settings };
        self.engine.transact(&self.by, "", &leaving).await?;
        Ok(Some(page))
    }

    async fn examples_of(
        &self,
        source: Source,
        key: &[u8],
        value: &[u8],
    ) -> Result<Vec<FeedbackExample>, Error> {
        let (engine, tenant) = (&self.engine, self.by.tenant());
        match source {
            Source::Answers => {
                let Some(id) = keys::listed_escalation(key) else { return Ok(Vec::new()) };
                let question: Escalation = engine.existing_escalation(tenant, id).await?;
                self.of_answer(&question).await
            }
            Source::Reversals => {
                let Some(id) = keys::listed_action(key) else { return Ok(Vec::new()) };
                let action = engine.existing_action(tenant, id).await?;
                self.of_reversal(action).await
            }
            Source::Reviews => {
                let review: Review = decode(value).map_err(read_error)?;
                if review.state == ReviewState::Open {
                    Ok(Vec::new())
                } else {
                    self.of_review(&review).await
                }
            }
            Source::Incidents => {
                let incident: Incident = decode(value).map_err(read_error)?;
                // What a review found is exported with the review.
                if incident.kind == IncidentKind::Raised {
                    self.of_incident(&incident).await
                } else {
                    Ok(Vec::new())
                }
            }
        }
    }

    /// Whether the settings and the caller want what this agent did.
    fn is_wanted(&self, agent: &str, tool: &str, rule: Option<&String>, at: Timestamp) -> bool {
        let agents = &self.settings.agents;
        let is_allowed = agents.is_empty() || agents.iter().any(|name| glob(name, agent));
        is_allowed && self.command.is_in_time(at) && self.command.shows(agent, tool, rule)
    }

    fn redactor(&self) -> Redactor<'_> {
        let rules: &[Redaction] = &self.settings.redact;
        Redactor::new(rules, self.salt)
    }
}
