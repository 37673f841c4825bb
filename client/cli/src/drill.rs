//! `pointsman drill`: practising on past cases, some with a planted defect.

use std::fmt::Write as _;

use clap::{Args, Subcommand, ValueEnum};
use pointsman_api::v1;
use pointsman_client::{Drills, Planted};

use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::output::escape::{block, inline};
use crate::output::reflect::{node_of, short_name};
use crate::output::table::{Field, table};
use crate::output::{Output, diff, time};

const PAGE: i32 = 500;

const AFTER_CREATE: &str = "\
Without --place nothing is planted: the question must have been approved.

Example: pointsman drill create esc_01kb3… --place /amount --value 6000 --defect 'ten times the invoice'";

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum DrillVerb {
    /// Make a drill of a question that people have answered
    #[command(after_help = AFTER_CREATE)]
    Create(CreateArguments),
    /// List drills with what is wrong with them, the newest first
    #[command(after_help = "Example: pointsman drill list")]
    List(ListArguments),
    /// Take a drill, and show it
    #[command(after_help = "Example: pointsman drill next")]
    Next,
    /// Say what you would do about the drill that you have, and learn what was right
    #[command(after_help = "Example: pointsman drill answer drl_01kb3… reject")]
    Answer(AnswerArguments),
    /// Count what came of drills
    #[command(after_help = "Example: pointsman drill stats")]
    Stats,
}

/// What to make a drill of.
#[derive(Debug, Args)]
pub(crate) struct CreateArguments {
    /// The question's id
    #[arg(value_name = "ESC_ID")]
    escalation: String,
    /// Where to plant a defect: @target, or a JSON pointer into the arguments
    #[arg(long, value_name = "PLACE", requires = "value", requires = "defect")]
    place: Option<String>,
    /// What to plant: JSON
    #[arg(long, value_name = "JSON", requires = "place")]
    value: Option<String>,
    /// What is wrong with it; shown with the answer
    #[arg(long, value_name = "TEXT", requires = "place")]
    defect: Option<String>,
}

/// Which drills.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// How many at most
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
}

/// What you would do.
#[derive(Debug, Args)]
pub(crate) struct AnswerArguments {
    /// The drill's id
    #[arg(value_name = "DRL_ID")]
    id: String,
    /// What you would do
    #[arg(value_enum, value_name = "CHOICE")]
    choice: ChoiceName,
}

/// Choices by their words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChoiceName {
    /// It is right
    Approve,
    /// Something is wrong with it
    Reject,
}

impl From<ChoiceName> for v1::DrillChoice {
    fn from(name: ChoiceName) -> Self {
        match name {
            ChoiceName::Approve => Self::Approve,
            ChoiceName::Reject => Self::Reject,
        }
    }
}

/// Does what a verb says.
pub(crate) async fn dispatch(context: &Context, verb: DrillVerb) -> Result<Exit, Failure> {
    let drills = Drills::new(context.connect(Capacity::Reviewer).await?);
    match verb {
        DrillVerb::Create(create) => {
            let planted = create.place.map(|place| Planted {
                place,
                value: create.value.unwrap_or_default(),
                defect: create.defect.unwrap_or_default(),
            });
            let made = drills.create(create.escalation, planted).await?;
            context.output.one(&node_of("Drill", &made), || shown(&made));
        }
        DrillVerb::List(list) => return self::list(context, &drills, list.limit).await,
        DrillVerb::Next => return next(context, &drills).await,
        DrillVerb::Answer(answer) => {
            let answered = drills.answer(answer.id, answer.choice.into()).await?;
            let node = node_of("AnswerDrillResponse", &answered);
            context.output.one(&node, || feedback(&answered));
        }
        DrillVerb::Stats => {
            let seen = drills.stats().await?;
            let node = node_of("GetDrillStatsResponse", &seen);
            context.output.one(&node, || stats(&context.output, &seen));
        }
    }
    Ok(Exit::Ok)
}

async fn list(context: &Context, drills: &Drills, limit: usize) -> Result<Exit, Failure> {
    let page_size = i32::try_from(limit).unwrap_or(PAGE).clamp(1, PAGE);
    let mut request = v1::ListDrillsRequest { page_size, page_token: String::new() };
    let mut found = Vec::new();
    while found.len() < limit {
        let page = drills.list(request.clone()).await?;
        found.extend(page.drills);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    found.truncate(limit);
    let nodes = found.iter().map(|drill| node_of("Drill", drill)).collect();
    context.output.many(nodes, || drills_table(&context.output, &found));
    Ok(Exit::Ok)
}

async fn next(context: &Context, drills: &Drills) -> Result<Exit, Failure> {
    let taken = drills.take().await?;
    let Some(card) = taken.card else {
        let why = match v1::DrillNotNow::try_from(taken.not_now).unwrap_or_default() {
            v1::DrillNotNow::NotOffered => {
                "the settings of the queue do not name you in `drills.people`".to_owned()
            }
            v1::DrillNotNow::Resting => {
                let until = taken.rest_until_time.as_ref();
                let until = until.map(|at| time::clock(at, Some(&time::local_now())));
                format!("you have had one shortly; again from {}", until.unwrap_or_default())
            }
            v1::DrillNotNow::Busy => {
                "a real question is near its end; see to it: pointsman inbox".to_owned()
            }
            _ => "there is none that you do not know".to_owned(),
        };
        return Err(Failure::new(Exit::NotFound, format!("no drill now: {why}")));
    };
    show(context, &card);
    Ok(Exit::Ok)
}

/// Shows a drill, and how to answer it.
pub(crate) fn show(context: &Context, card: &v1::DrillCard) {
    context.output.one(&node_of("DrillCard", card), || self::card(card));
    let id = inline(&card.drill_id);
    context.output.say(format!("Say what you would do: pointsman drill answer {id} CHOICE"));
}

fn card(card: &v1::DrillCard) -> String {
    let mut out = format!("{}  drill: nothing runs\n\n", inline(&card.drill_id));
    let severity = short_name(card.severity().as_str_name(), "SEVERITY_TIER_");
    for (label, text) in [
        ("Tool", &card.tool),
        ("Target", &card.target),
        ("Agent", &card.agent),
        ("Goal", &card.goal),
        ("Severity", &severity),
        ("Rule", &card.rule_id),
        ("Why", &card.why),
    ] {
        if !text.is_empty() {
            let _ = writeln!(out, "{label:<12} {}", inline(text));
        }
    }
    let _ = writeln!(out, "\n{}", block(&diff::laid_out(&card.arguments)));
    if !card.reasoning.is_empty() {
        let _ = writeln!(out, "\nThe agent says, unverified:\n{}", block(&card.reasoning));
    }
    out
}

fn defect(drill: &v1::Drill) -> String {
    let Some(defect) = &drill.defect else { return "nothing was planted".to_owned() };
    let text = |bytes: &[u8]| inline(&String::from_utf8_lossy(bytes));
    let (was, planted) = (text(&defect.was), text(&defect.planted));
    let (place, words) = (inline(&defect.place), inline(&defect.defect));
    format!("{place} was {was}, planted {planted}: {words}")
}

fn shown(drill: &v1::Drill) -> String {
    let card = drill.card.clone().unwrap_or_default();
    format!("{}\nDefect       {}\n", self::card(&card), defect(drill))
}

fn feedback(answered: &v1::AnswerDrillResponse) -> String {
    let verdict = if answered.right { "Right" } else { "Not right" };
    let drill = answered.drill.clone().unwrap_or_default();
    format!("{verdict}: {}.\n", defect(&drill))
}

fn drills_table(output: &Output, drills: &[v1::Drill]) -> String {
    if drills.is_empty() {
        return String::new();
    }
    let rows = drills.iter().map(|drill| {
        let card = drill.card.clone().unwrap_or_default();
        [
            Field::new(&card.drill_id),
            Field::new(&card.tool),
            Field::new(&defect(drill)),
            Field::new(&drill.creator),
            Field::new(&drill.escalation_id),
        ]
    });
    table(output, ["ID", "TOOL", "DEFECT", "MADE BY", "CASE"], rows.collect())
}

fn stats(output: &Output, seen: &v1::GetDrillStatsResponse) -> String {
    let row = |who: &str, it: &v1::DrillFigures| {
        [
            Field::new(who),
            Field::new(&it.given.to_string()),
            Field::new(&format!("{} of {}", it.caught, it.planted)),
            Field::new(&format!("{} of {}", it.false_alarms, it.clean)),
        ]
    };
    let mut rows = vec![row("you", &seen.own.unwrap_or_default())];
    rows.extend(seen.team.iter().map(|team| row("all", team)));
    let people = seen.people.iter();
    rows.extend(people.map(|it| row(&it.person, &it.figures.unwrap_or_default())));
    let mut out = table(output, ["WHO", "GIVEN", "CAUGHT", "FALSE ALARMS"], rows);
    if seen.private_people_count > 0 {
        let count = seen.private_people_count;
        let _ = writeln!(out, "{count} more have figures that are theirs alone.");
    }
    out
}
