//! `pointsman role`: roles that principals have for a time.

use clap::{Args, Subcommand};
use pointsman_api::v1;
use pointsman_client::Admin;
use prost_types::Timestamp;

use super::point;
use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::output::escape::inline;
use crate::output::reflect::{node_of, short_name};
use crate::token::RoleName;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum RoleVerb {
    /// Assign a role to a principal, whichever credential speaks for it
    #[command(
        after_help = "Example: pointsman role assign dora supervisor --end 2026-12-31T00:00:00Z"
    )]
    Assign(AssignArguments),
    /// Take an assigned role back; roles of tokens end with their tokens
    #[command(after_help = "Example: pointsman role unassign dora supervisor")]
    Unassign(UnassignArguments),
}

/// Who gets which role.
#[derive(Debug, Args)]
pub(crate) struct AssignArguments {
    /// The principal
    #[arg(value_name = "PRINCIPAL")]
    principal: String,
    /// The role
    #[arg(value_enum, value_name = "ROLE")]
    role: RoleName,
    /// From then on [default: now]
    #[arg(long, value_parser = point, value_name = "TIME")]
    start: Option<Timestamp>,
    /// Until then [default: until it is taken back]
    #[arg(long, value_parser = point, value_name = "TIME")]
    end: Option<Timestamp>,
}

/// Who loses which role.
#[derive(Debug, Args)]
pub(crate) struct UnassignArguments {
    /// The principal
    #[arg(value_name = "PRINCIPAL")]
    principal: String,
    /// The role
    #[arg(value_enum, value_name = "ROLE")]
    role: RoleName,
}

/// Does what a verb says.
pub(crate) async fn dispatch(context: &Context, verb: RoleVerb) -> Result<Exit, Failure> {
    let admin = Admin::new(context.connect(Capacity::Admin).await?);
    let (principal, role, what) = match verb {
        RoleVerb::Assign(it) => {
            let role = v1::Role::from(it.role);
            (admin.assign_role(it.principal, role, (it.start, it.end)).await?, role, "assigned to")
        }
        RoleVerb::Unassign(it) => {
            let role = v1::Role::from(it.role);
            (admin.unassign_role(it.principal, role).await?, role, "taken back from")
        }
    };
    context.output.one(&node_of("Principal", &principal), || {
        let role = short_name(role.as_str_name(), "ROLE_");
        format!("The role {role} is {what} {}.", inline(&principal.principal))
    });
    Ok(Exit::Ok)
}
