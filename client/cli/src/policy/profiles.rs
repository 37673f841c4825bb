//! `pointsman policy learn` and `profiles`: what agents are known to do.

use clap::Args;
use pointsman_api::v1;

use super::connect;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::escape::inline;
use crate::output::reflect::node_of;
use crate::output::table::{Field, table};
use crate::output::time;

/// What to put other profiles in place of.
#[derive(Debug, Args)]
pub(crate) struct LearnArguments {
    /// Only in place of this version, 0 for none; left out: of the one in force now
    #[arg(long, value_name = "VERSION")]
    replacing: Option<u64>,
}

/// Has the profiles learnt anew.
pub(super) async fn learn(context: &Context, learn: LearnArguments) -> Result<Exit, Failure> {
    let policies = connect(context).await?;
    let current = match learn.replacing {
        Some(version) => version,
        None => policies.profiles().await?.profiles.unwrap_or_default().version,
    };
    let learnt = policies.learn_profiles(current).await?;
    context.output.one(&node_of("ProfileSet", &learnt), || headline(&learnt));
    Ok(Exit::Ok)
}

/// Says which profiles are in force, and of whom.
pub(super) async fn profiles(context: &Context) -> Result<Exit, Failure> {
    let known = connect(context).await?.profiles().await?;
    let node = node_of("GetProfilesResponse", &known);
    context.output.one(&node, || {
        let set = known.profiles.clone().unwrap_or_default();
        if set.version == 0 {
            return "No profiles were learnt yet: every call is new.".to_owned();
        }
        let head = ["AGENT", "CALLS", "TOOLS"];
        let rows = known.agents.iter().map(|it| {
            let (calls, tools) = (it.call_count.to_string(), it.tool_count.to_string());
            [Field::new(&it.agent), Field::new(&calls), Field::new(&tools)]
        });
        format!("{}\n{}", headline(&set), table(&context.output, head, rows.collect()))
    });
    Ok(Exit::Ok)
}

fn headline(set: &v1::ProfileSet) -> String {
    let v1::ProfileSet { version, action_count, agent_count, .. } = set;
    let at = set.learn_time.as_ref().map(|at| time::clock(at, Some(&time::local_now())));
    let (at, learner) = (at.unwrap_or_default(), inline(&set.learner));
    format!(
        "Version {version}, learnt {at} by {learner} from {action_count} actions of {agent_count} \
         agents."
    )
}
