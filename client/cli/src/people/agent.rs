//! `pointsman agent`: agents that are paused.

use clap::{Args, Subcommand};
use pointsman_client::Admin;

use super::PAGE;
use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::output::escape::inline;
use crate::output::reflect::node_of;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum AgentVerb {
    /// List the agents that are paused
    #[command(after_help = "Example: pointsman agent paused")]
    Paused,
    /// Pause an agent: what it proposes is refused
    #[command(after_help = "Example: pointsman agent pause claims-v2 --reason 'asks too much'")]
    Pause(PauseArguments),
    /// Let a paused agent in again
    #[command(after_help = "Example: pointsman agent resume claims-v2 --reason 'repaired'")]
    Resume(PauseArguments),
}

/// Which agent, and why.
#[derive(Debug, Args)]
pub(crate) struct PauseArguments {
    /// The agent
    #[arg(value_name = "AGENT")]
    agent: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Does what a verb says.
pub(crate) async fn dispatch(context: &Context, verb: AgentVerb) -> Result<Exit, Failure> {
    let admin = Admin::new(context.connect(Capacity::Reviewer).await?);
    let principal = match verb {
        AgentVerb::Paused => return paused(context, &admin).await,
        AgentVerb::Pause(it) => admin.pause_agent(it.agent, it.reason).await?,
        AgentVerb::Resume(it) => admin.resume_agent(it.agent, it.reason).await?,
    };
    context.output.one(&node_of("Principal", &principal), || {
        let word = if principal.pause.is_some() { "paused" } else { "not paused" };
        format!("{} is {word}.", inline(&principal.principal))
    });
    Ok(Exit::Ok)
}

async fn paused(context: &Context, admin: &Admin) -> Result<Exit, Failure> {
    let mut request =
        pointsman_api::v1::ListPrincipalsRequest { page_size: PAGE, ..Default::default() };
    let mut found = Vec::new();
    loop {
        let page = admin.list_principals(request.clone()).await?;
        found.extend(page.principals.into_iter().filter(|it| it.pause.is_some()));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let nodes = found.iter().map(|it| node_of("Principal", it)).collect();
    context.output.many(nodes, || {
        let by = |it: &pointsman_api::v1::Principal| it.pause.clone().unwrap_or_default().pauser;
        let line = |it: &pointsman_api::v1::Principal| {
            format!("{}, by {}", inline(&it.principal), inline(&by(it)))
        };
        found.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    Ok(Exit::Ok)
}
