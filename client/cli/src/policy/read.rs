//! The verbs that read: list, history, show, diff.

use clap::Args;
use pointsman_api::v1;
use pointsman_api::v1::policy_activation::State as ActivationState;
use pointsman_api::v1::policy_revision::State;
use pointsman_client::Policies;

use super::{connect, is_revision, read_document};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::escape::{block, inline};
use crate::output::node::Node;
use crate::output::reflect::{node_of, short_name};
use crate::output::table::{Field, Tone, table};
use crate::output::{Output, diff, time};

const PAGE: u32 = 500;

/// How many to list.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

/// What to show.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The revision's id; left out: the one in force
    #[arg(value_name = "POL_ID", default_value_t, hide_default_value = true)]
    id: String,
}

/// For whom.
#[derive(Debug, Args)]
pub(crate) struct GuidanceArguments {
    /// What binds this run is told as well
    #[arg(long, value_name = "RUN_ID", default_value_t, hide_default_value = true)]
    run: String,
}

/// What to compare.
#[derive(Debug, Args)]
pub(crate) struct DiffArguments {
    /// A file or a revision
    #[arg(value_name = "NEW")]
    new: String,
    /// What it is compared with, a file or a revision; left out: the one in force
    #[arg(value_name = "OLD", default_value_t, hide_default_value = true)]
    old: String,
}

/// Lists revisions.
pub(super) async fn list(context: &Context, list: ListArguments) -> Result<Exit, Failure> {
    let policies = connect(context).await?;
    let limit = usize::try_from(list.limit).unwrap_or(usize::MAX);
    let mut request =
        v1::ListPoliciesRequest { page_size: page_size(list.limit), page_token: String::new() };
    let mut found = Vec::new();
    while found.len() < limit {
        let page = policies.list(request.clone()).await?;
        found.extend(page.revisions);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    found.truncate(limit);
    let nodes = found.iter().map(|one| node_of("PolicyRevision", one)).collect();
    context.output.many(nodes, || revisions_table(&context.output, &found));
    Ok(Exit::Ok)
}

/// Lists activations.
pub(super) async fn history(context: &Context, list: ListArguments) -> Result<Exit, Failure> {
    let policies = connect(context).await?;
    let limit = usize::try_from(list.limit).unwrap_or(usize::MAX);
    let mut request = v1::ListPolicyActivationsRequest {
        page_size: page_size(list.limit),
        page_token: String::new(),
    };
    let mut found = Vec::new();
    while found.len() < limit {
        let page = policies.activations(request.clone()).await?;
        found.extend(page.activations);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    found.truncate(limit);
    let nodes = found.iter().map(|one| node_of("PolicyActivation", one)).collect();
    context.output.many(nodes, || activations_table(&context.output, &found));
    Ok(Exit::Ok)
}

fn page_size(limit: u32) -> i32 {
    i32::try_from(limit.min(PAGE)).unwrap_or_default()
}

/// Prints a document.
pub(super) async fn show(context: &Context, show: ShowArguments) -> Result<Exit, Failure> {
    let (revision, document) = connect(context).await?.get(show.id).await?;
    let node = Node::map([
        ("revision", node_of("PolicyRevision", &revision)),
        ("document", Node::text(&document)),
    ]);
    if context.output.is_for_people() {
        let id = inline(&revision.revision_id);
        context.output.say(format!("{id}, {}", state_of(&revision).0));
    }
    context.output.one(&node, || block(&document));
    Ok(Exit::Ok)
}

/// Prints what a model is to be told.
pub(super) async fn guidance(
    context: &Context,
    guidance: GuidanceArguments,
) -> Result<Exit, Failure> {
    let told = connect(context).await?.guidance(guidance.run).await?;
    context.output.one(&node_of("GetGuidanceResponse", &told), || {
        let list = |words: &str, tools: &[String]| match tools {
            [] => String::new(),
            tools => format!("{words} {}\n", inline(&tools.join(", "))),
        };
        block(&told.text)
            + "\n"
            + &list("Forbidden:", &told.forbidden_tools)
            + &list("Waits for a person:", &told.approval_tools)
    });
    Ok(Exit::Ok)
}

/// Shows what one document changes of another.
pub(super) async fn diff(context: &Context, diff: DiffArguments) -> Result<Exit, Failure> {
    let is_on_server = |word: &str| word.is_empty() || is_revision(word);
    let policies = match is_on_server(&diff.new) || is_on_server(&diff.old) {
        true => Some(connect(context).await?),
        false => None,
    };
    let before = document_of(policies.as_ref(), &diff.old).await?;
    let after = document_of(policies.as_ref(), &diff.new).await?;
    let node = Node::map([
        ("old", Node::text(&diff.old)),
        ("new", Node::text(&diff.new)),
        ("changed", Node::Bool(before != after)),
        ("diff", Node::text(diff::text_diff(&before, &after, false))),
    ]);
    context.output.one(&node, || shown_diff(context, &before, &after));
    if before == after {
        context.output.say("They are the same.");
    }
    Ok(Exit::Ok)
}

/// What differs, as people see it.
pub(super) fn shown_diff(context: &Context, before: &str, after: &str) -> String {
    diff::text_diff(before, after, context.output.has_color)
}

async fn document_of(policies: Option<&Policies>, word: &str) -> Result<String, Failure> {
    match policies {
        Some(policies) if word.is_empty() || is_revision(word) => Ok(policies.get(word).await?.1),
        _ => read_document(word),
    }
}

fn state_of(revision: &v1::PolicyRevision) -> (String, Tone) {
    let tone = match revision.state() {
        State::InForce => Tone::Good,
        State::Pending | State::Shadow => Tone::Warning,
        State::Former => Tone::Faint,
        State::Put | State::Unspecified => Tone::Plain,
    };
    (short_name(revision.state().as_str_name(), "STATE_").replace('_', " "), tone)
}

fn shown_time(output: &Output, at: Option<prost_types::Timestamp>) -> String {
    match at {
        Some(at) if output.is_terminal => time::clock(&at, Some(&time::local_now())),
        Some(at) => time::rfc3339(&at).unwrap_or_default(),
        None => "–".into(),
    }
}

fn revisions_table(output: &Output, revisions: &[v1::PolicyRevision]) -> String {
    if revisions.is_empty() {
        return String::new();
    }
    let rows = revisions.iter().map(|revision| {
        let (state, tone) = state_of(revision);
        [
            Field::new(&revision.revision_id),
            Field::new(&revision.name),
            Field::toned(&state, tone),
            Field::new(&revision.author),
            Field::new(&shown_time(output, revision.create_time)),
            Field::new(&shown_time(output, revision.activate_time)),
            Field::new(&revision.note),
        ]
    });
    let headers = ["ID", "NAME", "STATE", "AUTHOR", "PUT", "IN FORCE", "NOTE"];
    table(output, headers, rows.collect())
}

fn activations_table(output: &Output, activations: &[v1::PolicyActivation]) -> String {
    if activations.is_empty() {
        return String::new();
    }
    let rows = activations.iter().map(|activation| {
        let tone = match activation.state() {
            ActivationState::Effective => Tone::Good,
            ActivationState::Pending => Tone::Warning,
            _ => Tone::Faint,
        };
        let kind = short_name(activation.kind().as_str_name(), "KIND_").replace('_', " ");
        let state = short_name(activation.state().as_str_name(), "STATE_");
        let (by, closer) = (&activation.requester, &activation.closer);
        let by = match closer.is_empty() || closer == by {
            true => by.clone(),
            false => format!("{by}, {closer}"),
        };
        [
            Field::new(&activation.activation_id),
            Field::new(&kind),
            Field::toned(&state, tone),
            Field::new(&activation.revision_id),
            Field::new(&by),
            Field::new(&shown_time(output, activation.close_time.or(activation.request_time))),
            Field::new(&activation.reason),
        ]
    });
    let headers = ["ID", "WHAT", "STATE", "REVISION", "BY", "WHEN", "REASON"];
    table(output, headers, rows.collect())
}
