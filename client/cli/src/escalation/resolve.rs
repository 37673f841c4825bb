//! Answers: approve, reject, respond. What is answered is what was shown.

use clap::{ArgGroup, Args};
use pointsman_api::v1;
use pointsman_api::v1::escalation::State;
use pointsman_client::{Shown, Verdict};

use super::given::{GivenArguments, answer};
use super::{OneArguments, open};
use crate::briefing::{briefing, resolution_line};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::escape::inline;
use crate::output::reflect::node_of;
use crate::output::{time, write_error};
use crate::prompt::{check_digest, confirm};

/// What is approved.
#[derive(Debug, Args)]
pub(crate) struct ApproveArguments {
    #[command(flatten)]
    pub(crate) one: OneArguments,
    /// The digest of what you have seen, at least 8 digits; left out: asks for it
    #[arg(long, value_name = "HEX")]
    pub(crate) digest: Option<String>,
    #[command(flatten)]
    pub(crate) given: GivenArguments,
}

/// What is rejected, and why.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("why").args(["reason", "note"]).required(true).multiple(true))]
pub(crate) struct RejectArguments {
    #[command(flatten)]
    pub(crate) one: OneArguments,
    #[command(flatten)]
    pub(crate) given: GivenArguments,
    /// The digest of what you have seen, at least 8 digits
    #[arg(long, value_name = "HEX")]
    pub(crate) digest: Option<String>,
}

/// What is answered in the tool's place.
#[derive(Debug, Args)]
pub(crate) struct RespondArguments {
    #[command(flatten)]
    pub(crate) one: OneArguments,
    /// The answer that the agent takes for the tool's; @FILE reads it, @- from
    /// standard input
    #[arg(long, value_name = "TEXT|@FILE")]
    pub(crate) with: String,
    #[command(flatten)]
    pub(crate) given: GivenArguments,
    /// The digest of what you have seen, at least 8 digits
    #[arg(long, value_name = "HEX")]
    pub(crate) digest: Option<String>,
}

/// What is corrected in words.
#[derive(Debug, Args)]
pub(crate) struct InstructArguments {
    #[command(flatten)]
    pub(crate) one: OneArguments,
    /// How the agent is to propose anew; @FILE reads it, @- from standard input
    #[arg(long, value_name = "TEXT|@FILE")]
    pub(crate) note: String,
    /// The digest of what you have seen, at least 8 digits
    #[arg(long, value_name = "HEX")]
    pub(crate) digest: Option<String>,
}

/// Approves: at a terminal after showing everything, in a script by digest.
pub(super) async fn approve(context: &Context, approve: ApproveArguments) -> Result<Exit, Failure> {
    let (reviewer, shown) = open(context, &approve.one).await?;
    must_be_open(&shown)?;
    let given = approve.given.into();
    let question = Question { text: "Approve as shown", change: "" };
    must_be_seen(context, &shown, approve.digest.as_deref(), question).await?;
    let resolved = answer(context, &reviewer, &shown, Verdict::Approve, given).await?;
    show_resolved(context, &resolved);
    Ok(Exit::Ok)
}

/// Rejects.
pub(super) async fn reject(context: &Context, reject: RejectArguments) -> Result<Exit, Failure> {
    let (reviewer, shown) = open(context, &reject.one).await?;
    must_be_open(&shown)?;
    if let Some(digest) = &reject.digest {
        check_digest(digest, &shown.escalation.action_digest)?;
    }
    let verdict = Verdict::Reject(String::new());
    let given = reject.given.into();
    let resolved = answer(context, &reviewer, &shown, verdict, given).await?;
    show_resolved(context, &resolved);
    Ok(Exit::Ok)
}

/// Answers in the tool's place.
pub(super) async fn respond(context: &Context, respond: RespondArguments) -> Result<Exit, Failure> {
    let response = text_or_file(&respond.with)?;
    let (reviewer, shown) = open(context, &respond.one).await?;
    must_be_open(&shown)?;
    if let Some(digest) = &respond.digest {
        check_digest(digest, &shown.escalation.action_digest)?;
    }
    let verdict = Verdict::Respond(response.into());
    let given = respond.given.into();
    let resolved = answer(context, &reviewer, &shown, verdict, given).await?;
    show_resolved(context, &resolved);
    Ok(Exit::Ok)
}

/// Corrects in words.
pub(super) async fn instruct(
    context: &Context,
    instruct: InstructArguments,
) -> Result<Exit, Failure> {
    let text = text_or_file(&instruct.note)?;
    let text = String::from_utf8(text)
        .map_err(|_| Failure::usage("the correction is not text in UTF-8"))?;
    let (reviewer, shown) = open(context, &instruct.one).await?;
    must_be_open(&shown)?;
    if let Some(digest) = &instruct.digest {
        check_digest(digest, &shown.escalation.action_digest)?;
    }
    let verdict = Verdict::Instruct(text);
    let given = GivenArguments::default().into();
    let resolved = answer(context, &reviewer, &shown, verdict, given).await?;
    show_resolved(context, &resolved);
    Ok(Exit::Ok)
}

/// Refuses to answer what is closed already, in the words that the server has.
pub(super) fn must_be_open(shown: &Shown) -> Result<(), Failure> {
    let exit = match shown.escalation.state() {
        State::Open => return Ok(()),
        State::Expired => Exit::Expired,
        State::Resolved | State::Cancelled | State::Unspecified => Exit::Conflict,
    };
    let now = shown.server_time.unwrap_or_else(time::local_now);
    let line = resolution_line(&shown.escalation, &now).unwrap_or_default();
    let first = line.lines().next().unwrap_or_default();
    let id = inline(&shown.escalation.escalation_id);
    let what = format!("{id} is closed: {}. Yours was not recorded", first.trim_end_matches('.'));
    Err(Failure::new(exit, what).next(format!("See: pointsman esc get {id}")))
}

/// What a person is asked before something may run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    pub(super) text: &'a str,
    /// What the person changed; empty: nothing.
    pub(super) change: &'a str,
}

/// Makes sure that whoever permits something has seen it: by the digest given, or
/// by showing everything and asking for the digest's digits.
pub(super) async fn must_be_seen(
    context: &Context,
    shown: &Shown,
    digest: Option<&str>,
    question: Question<'_>,
) -> Result<(), Failure> {
    let escalation = &shown.escalation;
    if let Some(digest) = digest {
        if !question.change.is_empty() {
            context.output.say(question.change);
        }
        return check_digest(digest, &escalation.action_digest);
    }
    if !context.may_ask() {
        let id = inline(&escalation.escalation_id);
        return Err(Failure::usage("without a terminal the digest of what was seen must be named")
            .next(format!("pointsman esc get {id}   then add: --digest HEX")));
    }
    let now = shown.server_time.unwrap_or_else(time::local_now);
    write_error(&briefing(escalation, &now, &context.output));
    if !question.change.is_empty() {
        write_error(question.change);
    }
    confirm(question.text, &escalation.action_digest).await
}

/// Says what was recorded.
pub(super) fn show_resolved(context: &Context, resolved: &v1::Escalation) {
    let node = node_of("Escalation", resolved);
    context.output.one(&node, || {
        let now = time::local_now();
        let line = resolution_line(resolved, &now).unwrap_or_else(|| still_wanted(resolved));
        format!("{}  {line}", inline(&resolved.escalation_id))
    });
}

/// What an answer came to that is not enough by itself.
fn still_wanted(escalation: &v1::Escalation) -> String {
    format!(
        "Your answer is kept, and nobody is shown it. Answered: {} of at least {}; nothing runs \
         until {} people say exactly the same.",
        escalation.votes.len(),
        escalation.quorum,
        escalation.quorum
    )
}

/// The text itself, or the content of a file behind `@`; `@-` is standard input.
pub(crate) fn text_or_file(text: &str) -> Result<Vec<u8>, Failure> {
    let Some(path) = text.strip_prefix('@') else {
        return Ok(text.as_bytes().to_vec());
    };
    let read = if path == "-" {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    read.map_err(|cause| Failure::usage(format!("cannot read {path}: {cause}")))
}
