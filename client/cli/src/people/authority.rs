//! `pointsman authority`: up to where somebody may answer.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use pointsman_api::v1;
use pointsman_api::v1::authority::Holder;
use pointsman_api::v1::grant_authority_request::Holder as Granted;
use pointsman_client::Admin;
use prost_types::Timestamp;

use super::{PAGE, money, nobody, point, shown};
use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::output::escape::inline;
use crate::output::reflect::{node_of, short_name};
use crate::output::table::{Field, Tone, table};
use crate::output::time;
use crate::span::parse_span;
use crate::token::RoleName;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum AuthorityVerb {
    /// List authority: who holds it, up to where, and by whose word
    #[command(after_help = "Example: pointsman authority list")]
    List,
    /// Grant authority to a principal, or to everybody of a role
    #[command(
        after_help = "Example: pointsman authority grant --role reviewer --max-amount '5000 USD' \
                      --reason 'board, 3 May'"
    )]
    Grant(GrantArguments),
    /// Revoke an authority; what was approved by it and has not run does not run
    #[command(after_help = "Example: pointsman authority revoke auth_01kb3…")]
    Revoke(RevokeArguments),
    /// Take authority over everything for a short time, in an emergency; it is recorded
    #[command(after_help = "Example: pointsman authority break-glass --reason 'desk is empty'")]
    BreakGlass(BreakGlassArguments),
}

/// Who is to hold what.
#[derive(Debug, Args)]
pub(crate) struct GrantArguments {
    /// The principal that is to hold it
    #[arg(value_name = "PRINCIPAL", conflicts_with = "role")]
    principal: Option<String>,
    /// Everybody of this role instead
    #[arg(long, value_enum, value_name = "ROLE")]
    role: Option<RoleName>,
    /// Only in lanes that match; may be repeated [default: every lane]
    #[arg(long, value_name = "PATTERN")]
    lane: Vec<String>,
    /// Only tools that match; may be repeated [default: every tool]
    #[arg(long, value_name = "PATTERN")]
    tool: Vec<String>,
    /// Only up to this tier [default: every tier]
    #[arg(long, value_enum, value_name = "TIER")]
    max_tier: Option<Tier>,
    /// Only up to this amount, in this currency [default: any amount]
    #[arg(long, value_parser = money, value_name = "AMOUNT")]
    max_amount: Option<v1::Money>,
    /// Only where this holds, in CEL over the call: `args.to.endsWith("@example.org")`
    #[arg(long, value_name = "CEL", default_value = "", hide_default_value = true)]
    when: String,
    /// From then on [default: now]
    #[arg(long, value_parser = point, value_name = "TIME")]
    start: Option<Timestamp>,
    /// Until then [default: until it is revoked]
    #[arg(long, value_parser = point, value_name = "TIME")]
    end: Option<Timestamp>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Which authority.
#[derive(Debug, Args)]
pub(crate) struct RevokeArguments {
    /// The authority's id
    #[arg(value_name = "AUTH_ID")]
    id: String,
}

/// Why, and for how long.
#[derive(Debug, Args)]
pub(crate) struct BreakGlassArguments {
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// For how long, at most 1h [default: 15m]
    #[arg(long, value_parser = parse_span, value_name = "SPAN")]
    ttl: Option<Duration>,
}

/// Tiers by their words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tier {
    /// Cheap and reversible
    Low,
    /// Costs something to undo
    Medium,
    /// Hard to undo or expensive
    High,
    /// Cannot be undone and hurts
    Critical,
}

impl From<Tier> for v1::SeverityTier {
    fn from(tier: Tier) -> Self {
        match tier {
            Tier::Low => Self::Low,
            Tier::Medium => Self::Medium,
            Tier::High => Self::High,
            Tier::Critical => Self::Critical,
        }
    }
}

/// Does what a verb says.
pub(crate) async fn dispatch(context: &Context, verb: AuthorityVerb) -> Result<Exit, Failure> {
    let capacity = match verb {
        AuthorityVerb::BreakGlass(_) => Capacity::Reviewer,
        _ => Capacity::Admin,
    };
    let admin = Admin::new(context.connect(capacity).await?);
    let (authority, what) = match verb {
        AuthorityVerb::List => return list(context, &admin).await,
        AuthorityVerb::Grant(arguments) => (grant(&admin, arguments).await?, "granted"),
        AuthorityVerb::Revoke(arguments) => {
            (admin.revoke_authority(arguments.id).await?, "revoked")
        }
        AuthorityVerb::BreakGlass(arguments) => {
            (admin.break_glass(arguments.reason, arguments.ttl).await?, "taken, and recorded")
        }
    };
    context.output.one(&node_of("Authority", &authority), || {
        let id = inline(&authority.authority_id);
        format!("{id} of {} is {what}: {}.", holder(&authority), reach(&authority))
    });
    Ok(Exit::Ok)
}

async fn grant(admin: &Admin, arguments: GrantArguments) -> Result<v1::Authority, Failure> {
    let holder = match (arguments.principal, arguments.role) {
        (Some(principal), _) => Granted::Principal(principal),
        (None, Some(role)) => Granted::Role(v1::Role::from(role).into()),
        (None, None) => return Err(nobody()),
    };
    let tier = arguments.max_tier.map(v1::SeverityTier::from);
    let limit = v1::AuthorityLimit {
        lanes: arguments.lane,
        tools: arguments.tool,
        max_severity: tier.unwrap_or(v1::SeverityTier::Unspecified).into(),
        max_amount: arguments.max_amount,
        condition: arguments.when,
    };
    let times = (arguments.start, arguments.end);
    Ok(admin.grant_authority_for(holder, limit, arguments.reason, times).await?)
}

async fn list(context: &Context, admin: &Admin) -> Result<Exit, Failure> {
    let mut request = v1::ListAuthoritiesRequest { page_size: PAGE, page_token: String::new() };
    let mut found = Vec::new();
    loop {
        let page = admin.list_authorities(request.clone()).await?;
        found.extend(page.authorities);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let nodes = found.iter().map(|it| node_of("Authority", it)).collect();
    context.output.many(nodes, || authorities_table(&context.output, &found));
    Ok(Exit::Ok)
}

/// Who holds it.
fn holder(authority: &v1::Authority) -> String {
    match &authority.holder {
        Some(Holder::Principal(name)) => inline(name),
        Some(Holder::Role(role)) => {
            let role = v1::Role::try_from(*role).unwrap_or_default();
            format!("every {}", short_name(role.as_str_name(), "ROLE_"))
        }
        None => "nobody".to_owned(),
    }
}

/// Up to where, in words.
fn reach(authority: &v1::Authority) -> String {
    let Some(limit) = &authority.limit else { return "everything".to_owned() };
    let mut parts = Vec::new();
    if let Some(amount) = &limit.max_amount {
        let text = format!("up to {} {}", amount.units, inline(&amount.currency));
        parts.push(text.trim_end().to_owned());
    }
    if limit.max_severity() != v1::SeverityTier::Unspecified {
        let tier = short_name(limit.max_severity().as_str_name(), "SEVERITY_TIER_");
        parts.push(format!("up to tier {tier}"));
    }
    for (what, patterns) in [("tools", &limit.tools), ("lanes", &limit.lanes)] {
        if !patterns.is_empty() {
            parts.push(format!("{what} {}", inline(&patterns.join(", "))));
        }
    }
    if !limit.condition.is_empty() {
        parts.push(format!("where {}", inline(&limit.condition)));
    }
    if parts.is_empty() { "everything".to_owned() } else { parts.join("; ") }
}

fn authorities_table(output: &Output, authorities: &[v1::Authority]) -> String {
    let now = time::local_now().seconds;
    let rows = authorities.iter().map(|it| {
        let is_over = it.end_time.is_some_and(|at| at.seconds <= now);
        let is_to_come = it.start_time.is_some_and(|at| at.seconds > now);
        let (state, tone) = match (it.revoke_time.is_some(), is_over, is_to_come) {
            (true, _, _) => ("revoked", Tone::Faint),
            (false, true, _) => ("ended", Tone::Faint),
            (false, false, true) => ("to come", Tone::Faint),
            (false, false, false) if it.break_glass => ("emergency", Tone::Alarm),
            (false, false, false) => ("in force", Tone::Good),
        };
        [
            Field::new(&it.authority_id),
            Field::new(&holder(it)),
            Field::new(&reach(it)),
            Field::toned(state, tone),
            Field::new(&shown(output, it.end_time)),
            Field::new(&it.grantor),
            Field::new(&it.reason),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let titles = ["ID", "HOLDER", "REACHES", "STATE", "UNTIL", "BY", "WHY"];
    if rows.is_empty() { String::new() } else { table(output, titles, rows) }
}
