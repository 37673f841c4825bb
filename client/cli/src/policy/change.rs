//! The verbs that change something: put, activate, confirm, withdraw, rollback.

use clap::Args;
use pointsman_api::v1;
use pointsman_api::v1::policy_activation::{Kind, State};
use pointsman_client::Policies;

use super::read::shown_diff;
use super::{OneActivation, connect, figures, read_document};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::escape::inline;
use crate::output::reflect::{node_of, short_name};
use crate::output::time;
use crate::prompt;

/// How many activations one call asks for.
const PAGE: i32 = 500;

/// What to keep.
#[derive(Debug, Args)]
pub(crate) struct PutArguments {
    /// The policy; `-` is standard input
    #[arg(value_name = "FILE")]
    file: String,
    /// What you say of it
    #[arg(long, default_value_t, hide_default_value = true, value_name = "TEXT")]
    note: String,
}

/// What to put in force.
#[derive(Debug, Args)]
pub(crate) struct ActivateArguments {
    /// The revision's id
    #[arg(value_name = "POL_ID")]
    id: String,
    /// Why
    #[arg(long, default_value_t, hide_default_value = true, value_name = "TEXT")]
    reason: String,
    /// Only in place of this revision; left out: of the one in force now
    #[arg(long, value_name = "POL_ID")]
    replacing: Option<String>,
}

/// What to go back from.
#[derive(Debug, Args)]
pub(crate) struct RollBackArguments {
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Only if this revision is in force; left out: whichever is now
    #[arg(long, value_name = "POL_ID")]
    replacing: Option<String>,
}

/// Keeps a document on the server.
pub(super) async fn put(context: &Context, put: PutArguments) -> Result<Exit, Failure> {
    let document = read_document(&put.file)?;
    let policies = connect(context).await?;
    let done = policies.put(document, put.note).await?;
    let id = inline(&done.revision.revision_id);
    context.output.one(&node_of("PolicyRevision", &done.revision), || id.clone());
    for finding in &done.findings {
        let gravity = short_name(finding.gravity().as_str_name(), "GRAVITY_");
        let (place, problem) = (inline(&finding.place), inline(&finding.problem));
        context.output.say(format!("{gravity}: {place}: {problem}"));
    }
    if !done.is_new {
        let author = inline(&done.revision.author);
        context.output.say(format!("The same document was put before, by {author}."));
    }
    context.output.say(format!("It is not in force by that: pointsman policy activate {id}"));
    Ok(Exit::Ok)
}

/// Puts a revision in force, after a person at the terminal has seen the change.
pub(super) async fn activate(
    context: &Context,
    activate: ActivateArguments,
) -> Result<Exit, Failure> {
    let policies = connect(context).await?;
    let current = match activate.replacing {
        Some(current) => current,
        None => policies.get("").await?.0.revision_id,
    };
    if context.may_ask() {
        let question = "Put it in force".to_owned();
        confirm_change(context, &policies, &current, &activate.id, question).await?;
    }
    let done = policies.activate(activate.id, current, activate.reason).await?;
    show_changed(context, &done.activation);
    say_figures(context, done.figures.as_ref());
    Ok(Exit::Ok)
}

/// Confirms what another admin asked for, after a person at the terminal has seen it.
pub(super) async fn confirm(context: &Context, one: OneActivation) -> Result<Exit, Failure> {
    let policies = connect(context).await?;
    if context.may_ask() {
        let asked = find(&policies, &one.id).await?;
        let (from, to) = (&asked.replaced_revision_id, &asked.revision_id);
        let question = format!("Put in force what {} asked for", inline(&asked.requester));
        confirm_change(context, &policies, from, to, question).await?;
    }
    let done = policies.confirm(one.id).await?;
    show_changed(context, &done.activation);
    say_figures(context, done.figures.as_ref());
    Ok(Exit::Ok)
}

/// Takes back what waits.
pub(super) async fn withdraw(context: &Context, one: OneActivation) -> Result<Exit, Failure> {
    let done = connect(context).await?.withdraw(one.id).await?;
    show_changed(context, &done);
    Ok(Exit::Ok)
}

/// Goes back to the former revision.
pub(super) async fn roll_back(context: &Context, back: RollBackArguments) -> Result<Exit, Failure> {
    let policies = connect(context).await?;
    let current = match back.replacing {
        Some(current) => current,
        None => policies.get("").await?.0.revision_id,
    };
    let done = policies.roll_back(current, back.reason).await?;
    show_changed(context, &done);
    Ok(Exit::Ok)
}

/// Shows what would change and asks for the digest of the new document.
async fn confirm_change(
    context: &Context,
    policies: &Policies,
    from: &str,
    to: &str,
    question: String,
) -> Result<(), Failure> {
    let (_, before) = policies.get(from).await?;
    let (revision, after) = policies.get(to).await?;
    context.output.say(shown_diff(context, &before, &after));
    prompt::confirm(&question, &revision.digest).await
}

/// Finds an activation in the history.
async fn find(policies: &Policies, id: &str) -> Result<v1::PolicyActivation, Failure> {
    let mut request =
        v1::ListPolicyActivationsRequest { page_size: PAGE, page_token: String::new() };
    loop {
        let page = policies.activations(request.clone()).await?;
        if let Some(found) = page.activations.into_iter().find(|it| it.activation_id == id) {
            return Ok(found);
        }
        if page.next_page_token.is_empty() {
            let what = format!("there is no policy activation {}", inline(id));
            return Err(Failure::new(Exit::NotFound, what));
        }
        request.page_token = page.next_page_token;
    }
}

/// How the policy does by its bounds, for whoever watches.
fn say_figures(context: &Context, figures: Option<&v1::PolicyFigures>) {
    for line in figures.into_iter().flat_map(figures::lines) {
        context.output.say(line);
    }
}

fn show_changed(context: &Context, done: &v1::PolicyActivation) {
    let node = node_of("PolicyActivation", done);
    let (id, revision) = (inline(&done.activation_id), inline(&done.revision_id));
    context.output.one(&node, || match (done.state(), done.kind()) {
        (State::Effective, Kind::RollBack) => format!("{revision} is in force again."),
        (State::Effective, _) => format!("{revision} is in force."),
        (State::Pending, _) => {
            let until =
                done.expire_time.as_ref().map(|at| time::clock(at, Some(&time::local_now())));
            format!("{id} waits for a second person until {}.", until.unwrap_or_default())
        }
        (State::Withdrawn, _) => format!("{id} is withdrawn."),
        _ => format!("{id} is over."),
    });
    if done.state() == State::Pending {
        context.output.say(format!("Another admin confirms it: pointsman policy confirm {id}"));
    }
}
