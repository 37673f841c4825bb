//! `pointsman principal`: what is known of people and agents.

use clap::{Args, Subcommand};
use pointsman_api::v1;
use pointsman_client::Admin;
use prost_types::Timestamp;

use super::{PAGE, point, shown};
use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::output::escape::inline;
use crate::output::reflect::{node_of, short_name};
use crate::output::table::{Field, Tone, table};
use crate::output::time;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum PrincipalVerb {
    /// List everybody: roles, owner, and whether they can be asked
    #[command(after_help = "Example: pointsman principal list")]
    List,
    /// Change what is known of a principal
    #[command(after_help = "Example: pointsman principal set claims-v2 --owner dora")]
    Set(SetArguments),
    /// Say whether somebody can be asked: yourself, or as a supervisor anybody
    #[command(
        after_help = "Example: pointsman principal duty --absent-until 2026-12-27T08:00:00Z \
                      --delegate bob"
    )]
    Duty(DutyArguments),
}

/// What is to change.
#[derive(Debug, Args)]
pub(crate) struct SetArguments {
    /// The principal
    #[arg(value_name = "PRINCIPAL")]
    principal: String,
    /// Which person it is, where one has several names; empty: the name itself
    #[arg(long, value_name = "NAME")]
    person: Option<String>,
    /// Whose agent it is; empty: nobody's
    #[arg(long, value_name = "PRINCIPAL")]
    owner: Option<String>,
    /// How much it may hold at once; 0: no limit
    #[arg(long, value_name = "N")]
    capacity: Option<u32>,
    /// What it knows, in the place of what was known; may be repeated
    #[arg(long, value_name = "NAME")]
    skill: Vec<String>,
}

/// Who can be asked when.
#[derive(Debug, Args)]
pub(crate) struct DutyArguments {
    /// Who [default: yourself]
    #[arg(value_name = "PRINCIPAL")]
    principal: Option<String>,
    /// Off duty, until it is said otherwise
    #[arg(long)]
    off: bool,
    /// Out of office from then on [default: now, with --absent-until]
    #[arg(long, value_parser = point, value_name = "TIME")]
    absent_from: Option<Timestamp>,
    /// Out of office until then
    #[arg(long, value_parser = point, value_name = "TIME")]
    absent_until: Option<Timestamp>,
    /// Who is asked meanwhile
    #[arg(long, value_name = "PRINCIPAL")]
    delegate: Option<String>,
}

/// Does what a verb says.
pub(crate) async fn dispatch(context: &Context, verb: PrincipalVerb) -> Result<Exit, Failure> {
    let capacity = match verb {
        PrincipalVerb::Duty(_) => Capacity::Reviewer,
        _ => Capacity::Admin,
    };
    let admin = Admin::new(context.connect(capacity).await?);
    let principal = match verb {
        PrincipalVerb::List => return list(context, &admin).await,
        PrincipalVerb::Set(it) => {
            let skills = Some(it.skill).filter(|names| !names.is_empty());
            let request = v1::UpdatePrincipalRequest {
                request_id: String::new(),
                principal: it.principal,
                etag: String::new(),
                person: it.person,
                owner: it.owner,
                capacity: it.capacity,
                skills: skills.map(|names| v1::Skills { names }),
            };
            admin.update_principal(request).await?
        }
        PrincipalVerb::Duty(it) => {
            let request = v1::SetAvailabilityRequest {
                request_id: String::new(),
                principal: it.principal.unwrap_or_default(),
                off_duty: it.off,
                absent_from: it.absent_from,
                absent_until: it.absent_until,
                delegate: it.delegate.unwrap_or_default(),
            };
            admin.set_availability(request).await?
        }
    };
    context.output.one(&node_of("Principal", &principal), || {
        let (words, _) = duty(&context.output, &principal);
        format!("{}: {words}.", inline(&principal.principal))
    });
    Ok(Exit::Ok)
}

async fn list(context: &Context, admin: &Admin) -> Result<Exit, Failure> {
    let mut request = v1::ListPrincipalsRequest { page_size: PAGE, page_token: String::new() };
    let mut found = Vec::new();
    loop {
        let page = admin.list_principals(request.clone()).await?;
        found.extend(page.principals);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let nodes = found.iter().map(|it| node_of("Principal", it)).collect();
    context.output.many(nodes, || principals_table(&context.output, &found));
    Ok(Exit::Ok)
}

/// Whether somebody can be asked, in words.
fn duty(output: &Output, principal: &v1::Principal) -> (String, Tone) {
    let availability = principal.availability.clone().unwrap_or_default();
    on_duty(output, &availability, time::local_now().seconds)
}

/// Whether somebody of this availability can be asked at `now`, in words.
pub(crate) fn on_duty(
    output: &Output,
    availability: &v1::Availability,
    now: i64,
) -> (String, Tone) {
    let is_absent = availability.absent_from.is_some_and(|at| at.seconds <= now)
        && availability.absent_until.is_none_or(|at| now < at.seconds);
    let delegate = match availability.delegate.as_str() {
        "" => String::new(),
        name => format!(", ask {}", inline(name)),
    };
    match (availability.off_duty, is_absent) {
        (true, _) => (format!("off duty{delegate}"), Tone::Faint),
        (false, true) => {
            let until = shown(output, availability.absent_until);
            (format!("out of office until {until}{delegate}"), Tone::Faint)
        }
        (false, false) => ("on duty".to_owned(), Tone::Good),
    }
}

fn principals_table(output: &Output, principals: &[v1::Principal]) -> String {
    let or_dash = |text: &str| if text.is_empty() { "–".to_owned() } else { text.to_owned() };
    let rows = principals.iter().map(|it| {
        let roles: Vec<String> = it
            .roles
            .iter()
            .map(|assigned| short_name(assigned.role().as_str_name(), "ROLE_"))
            .collect();
        let (words, tone) = duty(output, it);
        [
            Field::new(&it.principal),
            Field::new(&or_dash(&it.person)),
            Field::new(&or_dash(&it.owner)),
            Field::new(&or_dash(&roles.join(", "))),
            Field::toned(&words, tone),
            Field::new(&or_dash(&it.skills.join(", "))),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let titles = ["PRINCIPAL", "PERSON", "OWNER", "ASSIGNED ROLES", "DUTY", "SKILLS"];
    if rows.is_empty() { String::new() } else { table(output, titles, rows) }
}
