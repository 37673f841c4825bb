//! Asks the server to do something, and tells what came of it.

use pointsman_api::v1::ErrorReason;
use pointsman_api::v1::r#override::{AtEnd, Kind, State};
use pointsman_api::v1::override_scope::Scope;
use pointsman_api::v1::{Redirect, escalation};
use pointsman_client::{Connection, Error, Given, Intent, Overrides, Reviewer, Verdict};
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;

use super::dialog::{Act, Answer, VerdictName, Wanted};
use super::model::{Heard, Request};
use crate::exit::Failure;
use crate::output::reflect::short_name;
use crate::output::time;

/// Where these answers are given.
const SURFACE: &str = "top";
/// How many requests are under way at once; more are refused.
const MAX_UNDER_WAY: usize = 8;

/// What is under way. Dropping it ends everything.
pub(super) struct Work {
    connection: Connection,
    heard: Sender<Heard>,
    under_way: JoinSet<()>,
}

// === impl Work ===

impl Work {
    /// Nothing is under way yet.
    pub(super) fn new(connection: Connection, heard: Sender<Heard>) -> Self {
        Self { connection, heard, under_way: JoinSet::new() }
    }

    /// Starts what is asked for; what comes of it is heard like everything else.
    pub(super) fn start(&mut self, request: Request) {
        while self.under_way.try_join_next().is_some() {}
        if self.under_way.len() >= MAX_UNDER_WAY {
            // A full channel has pictures to show first; the next key tries again.
            let _ = self.heard.try_send(Heard::Failed("too much is under way".to_owned()));
            return;
        }
        let (connection, heard) = (self.connection.clone(), self.heard.clone());
        self.under_way.spawn(async move {
            let said = done(connection, request).await.unwrap_or_else(Heard::Failed);
            // Nobody listens any more: the screen has been left.
            let _ = heard.send(said).await;
        });
    }
}

async fn done(connection: Connection, request: Request) -> Result<Heard, String> {
    let said = |error: Error| Failure::from(error).what().to_owned();
    let reviewer = Reviewer::new(connection.clone());
    Ok(match request {
        Request::Open(id) => {
            Heard::Opened(Box::new(reviewer.get(id).await.map_err(said)?.escalation))
        }
        Request::Claim(id) => {
            let claimed = reviewer.claim(&id, None).await.map_err(said)?;
            Heard::Question(Box::new(claimed))
        }
        Request::Release { id, epoch } => {
            let free = reviewer.release(&id, epoch).await.map_err(said)?;
            Heard::Question(Box::new(free))
        }
        Request::Answer(answer) => return answered(&reviewer, *answer).await,
        Request::Act(act) => {
            let run = act.run.clone();
            let asked = Overrides::new(connection).request(intent(act)).await.map_err(said)?;
            let state = short_name(asked.state().as_str_name(), "STATE_").replace('_', " ");
            let more = match asked.state() {
                State::Pending => {
                    format!(": somebody else confirms, pointsman run confirm {}", asked.override_id)
                }
                _ => String::new(),
            };
            Heard::Did(format!("{run} {state}{more}"))
        }
        Request::Quit | Request::Follow { .. } | Request::Unfollow => Heard::Alive,
    })
}

/// Asks first whether the server would take the answer, so that what is missing is asked
/// for; then gives it.
async fn answered(reviewer: &Reviewer, answer: Answer) -> Result<Heard, String> {
    let (verdict, note) = match answer.verdict {
        VerdictName::Approve => (Verdict::Approve, answer.words),
        VerdictName::Reject => (Verdict::Reject(String::new()), answer.words),
        VerdictName::Instruct => (Verdict::Instruct(answer.words), String::new()),
    };
    let given = Given {
        note,
        evidence_viewed: answer.evidence,
        confirmation: answer.confirmation,
        surface: SURFACE.to_owned(),
        decide_time: Some(time::local_now()),
        ..Given::default()
    };
    let question = answer.question.as_ref();
    if let Err(refusal) = reviewer.preview(question, verdict.clone(), given.clone()).await {
        return match wanted(question, &refusal) {
            Some(wanted) => Ok(Heard::Wants(wanted)),
            None => Err(Failure::from(refusal).what().to_owned()),
        };
    }
    let resolved = reviewer.resolve(question, verdict, given).await;
    let resolved = resolved.map_err(|error| Failure::from(error).what().to_owned())?;
    let id = &resolved.escalation_id;
    Ok(Heard::Did(match resolved.state() {
        escalation::State::Open => {
            format!("{id}: your answer is kept, {} of {}", resolved.votes.len(), resolved.quorum)
        }
        _ => format!("{id}: your answer is recorded"),
    }))
}

/// What a refusal says is missing; none: it is another refusal.
fn wanted(question: &pointsman_api::v1::Escalation, refusal: &Error) -> Option<Wanted> {
    let meta = |key| refusal.metadata(key).unwrap_or_default().to_owned();
    match refusal.reason()? {
        ErrorReason::ReasonRequired => Some(Wanted::Reason),
        ErrorReason::EvidenceRequired => {
            let id = meta("missing").split(',').next().unwrap_or_default().to_owned();
            let evidence = question.briefing.iter().flat_map(|brief| &brief.evidence);
            let found = evidence.into_iter().find(|it| it.evidence_id == id);
            let label = found.map(|it| it.label.clone()).unwrap_or_default();
            Some(Wanted::Evidence { id, label })
        }
        ErrorReason::ConfirmationRequired => {
            Some(Wanted::Confirmation { key: meta("key"), value: meta("value") })
        }
        _ => None,
    }
}

fn intent(act: Act) -> Intent {
    let redirect = (act.kind == Kind::Redirect)
        .then(|| Redirect { instruction: act.instruction, ..Redirect::default() });
    let at_end = match act.kind {
        Kind::PauseAfterStep | Kind::PauseNow => AtEnd::Stay,
        _ => AtEnd::Unspecified,
    };
    Intent {
        kind: act.kind,
        scope: Some(Scope::RunId(act.run)),
        reason: act.reason,
        at_end,
        redirect,
        ..Intent::default()
    }
}
