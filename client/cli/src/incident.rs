//! `pointsman incident`: what went wrong, and who sees to it.

use clap::{Args, Subcommand, ValueEnum};
use pointsman_api::v1;
use pointsman_api::v1::Judgement;
use pointsman_api::v1::incident::State;
use pointsman_client::Reviews;

use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::output::escape::{block, inline};
use crate::output::reflect::{node_of, short_name};
use crate::output::table::{Field, Tone, table};
use crate::output::{Output, time};

const PAGE: i32 = 500;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum IncidentVerb {
    /// List incidents, the newest first
    #[command(after_help = "Example: pointsman incident list --state open")]
    List(ListArguments),
    /// Show one incident
    #[command(after_help = "Example: pointsman incident get inc_01kb3…")]
    Get(IncidentArguments),
    /// Say that an action was a mistake
    #[command(
        after_help = "Example: pointsman incident raise act_01kb3… wrong-action --severity 3 --reason 'not their account'"
    )]
    Raise(RaiseArguments),
    /// Say that you see to an incident
    #[command(after_help = "Example: pointsman incident ack inc_01kb3…")]
    Ack(IncidentArguments),
    /// Say what was done about an incident
    #[command(
        after_help = "Example: pointsman incident close inc_01kb3… --resolution 'a rule asks now'"
    )]
    Close(CloseArguments),
}

/// Which incidents.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Only those in this state
    #[arg(long, value_enum, value_name = "STATE")]
    state: Option<StateName>,
    /// Only about actions of this agent
    #[arg(long, value_name = "NAME", default_value_t, hide_default_value = true)]
    agent: String,
    /// Only about what this rule decided
    #[arg(long, value_name = "RULE", default_value_t, hide_default_value = true)]
    rule: String,
    /// How many at most
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
}

/// Which incident.
#[derive(Debug, Args)]
pub(crate) struct IncidentArguments {
    /// The incident's id
    #[arg(value_name = "INC_ID")]
    id: String,
}

/// What was wrong.
#[derive(Debug, Args)]
pub(crate) struct RaiseArguments {
    /// The action's id
    #[arg(value_name = "ACT_ID")]
    action: String,
    /// What is wrong with it
    #[arg(value_enum, value_name = "JUDGEMENT")]
    judgement: MistakeName,
    /// How grave it is: 1 small, 2 serious, 3 grave
    #[arg(long, value_name = "1-3", value_parser = clap::value_parser!(u32).range(1..=3))]
    severity: u32,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// What was done.
#[derive(Debug, Args)]
pub(crate) struct CloseArguments {
    /// The incident's id
    #[arg(value_name = "INC_ID")]
    id: String,
    /// What was done about it
    #[arg(long, value_name = "TEXT")]
    resolution: String,
}

/// States by their words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateName {
    /// Nobody sees to it yet
    Open,
    /// Somebody sees to it
    Acknowledged,
    /// Over
    Closed,
}

/// Mistakes by their words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MistakeName {
    /// A person should have been asked
    ShouldHaveEscalated,
    /// It was wrong
    WrongAction,
}

impl From<StateName> for State {
    fn from(name: StateName) -> Self {
        match name {
            StateName::Open => Self::Open,
            StateName::Acknowledged => Self::Acknowledged,
            StateName::Closed => Self::Closed,
        }
    }
}

impl From<MistakeName> for Judgement {
    fn from(name: MistakeName) -> Self {
        match name {
            MistakeName::ShouldHaveEscalated => Self::ShouldHaveEscalated,
            MistakeName::WrongAction => Self::WrongAction,
        }
    }
}

/// Does what a verb says.
pub(crate) async fn dispatch(context: &Context, verb: IncidentVerb) -> Result<Exit, Failure> {
    // Who raises one is a reviewer; who sees to it answers for the policy.
    let capacity = match verb {
        IncidentVerb::Raise(_) => Capacity::Reviewer,
        _ => Capacity::Admin,
    };
    let reviews = Reviews::new(context.connect(capacity).await?);
    let incident = match verb {
        IncidentVerb::List(list) => return self::list(context, &reviews, list).await,
        IncidentVerb::Get(get) => reviews.incident(get.id).await?,
        IncidentVerb::Raise(raise) => {
            let judgement = raise.judgement.into();
            reviews.raise_incident(raise.action, judgement, raise.severity, raise.reason).await?
        }
        IncidentVerb::Ack(ack) => reviews.acknowledge_incident(ack.id).await?,
        IncidentVerb::Close(close) => reviews.close_incident(close.id, close.resolution).await?,
    };
    context.output.one(&node_of("Incident", &incident), || shown(&incident));
    Ok(Exit::Ok)
}

async fn list(context: &Context, reviews: &Reviews, list: ListArguments) -> Result<Exit, Failure> {
    let mut request = v1::ListIncidentsRequest {
        page_size: i32::try_from(list.limit).unwrap_or(PAGE).clamp(1, PAGE),
        page_token: String::new(),
        state: list.state.map_or(State::Unspecified, State::from).into(),
        agent: list.agent,
        rule_id: list.rule,
    };
    let mut found = Vec::new();
    while found.len() < list.limit {
        let page = reviews.incidents(request.clone()).await?;
        found.extend(page.incidents);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    found.truncate(list.limit);
    let nodes = found.iter().map(|incident| node_of("Incident", incident)).collect();
    context.output.many(nodes, || incidents_table(&context.output, &found));
    Ok(Exit::Ok)
}

fn words(name: &str, prefix: &str) -> String {
    short_name(name, prefix).replace('_', " ")
}

fn state(incident: &v1::Incident) -> String {
    words(incident.state().as_str_name(), "STATE_")
}

/// What it is: the judgement, where there is one, else the kind.
fn what(incident: &v1::Incident) -> String {
    match incident.judgement() {
        Judgement::Unspecified => words(incident.kind().as_str_name(), "KIND_"),
        judgement => words(judgement.as_str_name(), "JUDGEMENT_"),
    }
}

fn shown(incident: &v1::Incident) -> String {
    let head = [
        ("Incident", format!("{}  {}", incident.incident_id, state(incident))),
        ("What", format!("{}, severity {}", what(incident), incident.severity)),
        ("Action", format!("{}  {} by {}", incident.action_id, incident.tool, incident.agent)),
        ("Decided by", format!("{} {}", incident.rule_id, incident.policy_revision_id)),
        ("Owners", incident.owners.join(", ")),
        ("Raised by", incident.raiser.clone()),
        ("Seen to by", incident.acknowledged_by.clone()),
        ("Closed by", incident.closed_by.clone()),
    ];
    let lines = head.iter().filter(|(_, text)| !text.trim().is_empty());
    let mut out: String =
        lines.map(|(label, text)| format!("{label:<11} {}\n", inline(text.trim()))).collect();
    for (label, text) in [("Why", &incident.reason), ("Done about it", &incident.resolution)] {
        if !text.is_empty() {
            out += &format!("\n{label}:\n{}\n", block(text));
        }
    }
    out
}

fn incidents_table(output: &Output, incidents: &[v1::Incident]) -> String {
    if incidents.is_empty() {
        return String::new();
    }
    let rows = incidents.iter().map(|incident| {
        let tone = match incident.state() {
            State::Open => Tone::Alarm,
            State::Acknowledged => Tone::Warning,
            State::Closed | State::Unspecified => Tone::Faint,
        };
        let opened = incident.create_time.as_ref();
        let opened = match output.is_terminal {
            true => opened.map(|at| time::clock(at, Some(&time::local_now()))),
            false => opened.and_then(time::rfc3339),
        };
        [
            Field::new(&incident.incident_id),
            Field::toned(&state(incident), tone),
            Field::new(&incident.severity.to_string()),
            Field::new(&what(incident)),
            Field::new(&incident.tool),
            Field::new(&incident.rule_id),
            Field::new(&opened.unwrap_or_default()),
            Field::new(&incident.action_id),
        ]
    });
    let heads = ["ID", "STATE", "SEVERITY", "WHAT", "TOOL", "RULE", "OPENED", "ACTION"];
    table(output, heads, rows.collect())
}
