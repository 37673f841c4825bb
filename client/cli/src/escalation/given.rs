//! What an answer carries beside itself: a reason, the evidence looked at, a typed value.
//! What it wants the server says; at a terminal it is asked for, one after the other.

use clap::Args;
use pointsman_api::v1;
use pointsman_client::{Given, Reviewer, Shown, Verdict};
use v1::ErrorReason as Reason;

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::escape::{inline, shown as safe};
use crate::output::{time, write_error};
use crate::prompt::ask;

/// Where these answers are given.
const SURFACE: &str = "cli";
/// The most things that one answer is asked for.
const MOST_ASKED: usize = 4;

/// What is given beside an answer.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct GivenArguments {
    /// A code for the reason, such as wrong_amount
    #[arg(long, value_name = "CODE")]
    pub(crate) reason: Option<String>,
    /// Why; the agent sees it
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// Evidence of the briefing that you have looked at, by its id; once for each
    #[arg(long, value_name = "ID")]
    pub(crate) evidence: Vec<String>,
    /// The value that a critical question wants typed; the briefing says which
    #[arg(long, value_name = "VALUE")]
    pub(crate) confirm: Option<String>,
}

impl From<GivenArguments> for Given {
    fn from(arguments: GivenArguments) -> Self {
        Self {
            note: arguments.note.unwrap_or_default(),
            reason_code: arguments.reason.unwrap_or_default(),
            evidence_viewed: arguments.evidence,
            confirmation: arguments.confirm.unwrap_or_default(),
            surface: SURFACE.to_owned(),
            show_time: Some(time::local_now()),
            decide_time: None,
        }
    }
}

/// Gives the answer. At a terminal the server is asked first whether it would take it,
/// and the person for what is missing; a script is told by the refusal.
pub(super) async fn answer(
    context: &Context,
    reviewer: &Reviewer,
    shown: &Shown,
    verdict: Verdict,
    mut given: Given,
) -> Result<v1::Escalation, Failure> {
    if context.may_ask() {
        for _ in 0..MOST_ASKED {
            match reviewer.preview(&shown.escalation, verdict.clone(), given.clone()).await {
                Ok(_) => break,
                Err(refusal) => complete(&mut given, &shown.escalation, refusal).await?,
            }
        }
    }
    given.decide_time = Some(time::local_now());
    Ok(reviewer.resolve(&shown.escalation, verdict, given).await?)
}

/// Asks the person for what a refusal says is missing.
async fn complete(
    given: &mut Given,
    escalation: &v1::Escalation,
    refusal: pointsman_client::Error,
) -> Result<(), Failure> {
    match refusal.reason() {
        Some(Reason::ReasonRequired) => given.note = ask("Why? ").await?,
        Some(Reason::EvidenceRequired) => {
            let missing = refusal.metadata("missing").unwrap_or_default().to_owned();
            for id in missing.split(',') {
                look_at(escalation, id).await?;
                given.evidence_viewed.push(id.to_owned());
            }
        }
        Some(Reason::ConfirmationRequired) => {
            let meta = |key| refusal.metadata(key).map(inline).unwrap_or_default();
            let question = format!("Type the {}, {}: ", meta("key"), meta("value"));
            given.confirmation = ask(&question).await?;
        }
        _ => return Err(refusal.into()),
    }
    Ok(())
}

/// Has the person say that one piece of evidence was looked at.
async fn look_at(escalation: &v1::Escalation, id: &str) -> Result<(), Failure> {
    let evidence = escalation.briefing.iter().flat_map(|brief| &brief.evidence);
    if let Some(it) = evidence.into_iter().find(|it| it.evidence_id == id) {
        write_error(&format!("{}  {}\n", safe(&it.label), inline(&it.link)));
    }
    let said = ask(&format!("Have you looked at {}? Type yes: ", inline(id))).await?;
    if said.eq_ignore_ascii_case("yes") {
        return Ok(());
    }
    Err(Failure::new(Exit::Failure, "not looked at, nothing was sent"))
}
