//! `pointsman queue settings`: checks settings, puts them in force, shows them.

use clap::{Args, Subcommand};
use pointsman_api::v1;
use pointsman_server::domain::queue::Settings;

use super::connect;
use crate::context::Context;
use crate::escalation::text_or_file;
use crate::exit::{Exit, Failure};
use crate::output::escape::{block, inline};
use crate::output::node::Node;
use crate::output::reflect::node_of;
use crate::output::table::{Field, Tone, table};
use crate::output::{Output, diff, time};

const PAGE: u32 = 500;
/// Settings to begin with.
const STARTER: &str = include_str!("../../../../policies/queue/desk.yaml");

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum SettingsVerb {
    /// Put settings in force, for every question that opens from then on
    #[command(after_help = "Example: pointsman queue settings put queue.yaml --reason 'new hours'")]
    Put(PutArguments),
    /// Print settings; left out: those in force
    #[command(alias = "get", after_help = "Example: pointsman queue settings show > queue.yaml")]
    Show(ShowArguments),
    /// List what was in force, newest first
    #[command(after_help = "Example: pointsman queue settings history --limit 5")]
    History(HistoryArguments),
    /// Check settings on this machine, without a server
    #[command(after_help = "Example: pointsman queue settings lint queue.yaml")]
    Lint(LintArguments),
    /// Print settings to begin with
    #[command(after_help = "Example: pointsman queue settings starter > queue.yaml")]
    Starter,
}

/// What to put.
#[derive(Debug, Args)]
pub(crate) struct PutArguments {
    /// The settings; `-` is standard input
    #[arg(value_name = "FILE")]
    file: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Only in place of these settings; left out: of those in force now
    #[arg(long, value_name = "QS_ID")]
    replacing: Option<String>,
}

/// What to show.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The settings' id; left out: those in force
    #[arg(value_name = "QS_ID", default_value_t, hide_default_value = true)]
    id: String,
}

/// How many to list.
#[derive(Debug, Args)]
pub(crate) struct HistoryArguments {
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

/// What to check.
#[derive(Debug, Args)]
pub(crate) struct LintArguments {
    /// The settings; `-` is standard input
    #[arg(value_name = "FILE")]
    file: String,
}

/// Does what a verb says.
pub(super) async fn dispatch(context: &Context, verb: SettingsVerb) -> Result<Exit, Failure> {
    match verb {
        SettingsVerb::Put(put) => self::put(context, put).await,
        SettingsVerb::Show(show) => self::show(context, show).await,
        SettingsVerb::History(history) => self::history(context, &history).await,
        SettingsVerb::Lint(lint) => self::lint(context, &lint),
        SettingsVerb::Starter => {
            let node = Node::map([("document", Node::text(STARTER))]);
            context.output.one(&node, || STARTER.to_owned());
            Ok(Exit::Ok)
        }
    }
}

/// Reads a document from a file; `-` is standard input.
fn read_document(file: &str) -> Result<String, Failure> {
    let bytes = text_or_file(&format!("@{file}"))?;
    String::from_utf8(bytes).map_err(|_| Failure::usage(format!("{file} is not text")))
}

async fn put(context: &Context, put: PutArguments) -> Result<Exit, Failure> {
    let document = read_document(&put.file)?;
    let queue = connect(context).await?;
    let (current, before) = match queue.settings("").await? {
        Some((settings, document)) => (settings.settings_id, document),
        None => (String::new(), String::new()),
    };
    let replacing = put.replacing.unwrap_or(current);
    let settings = queue.put(document.clone(), replacing, put.reason).await?;
    let id = inline(&settings.settings_id);
    context.output.one(&node_of("QueueSettings", &settings), || id.clone());
    context.output.say(diff::text_diff(&before, &document, context.output.has_color));
    context.output.say(format!("{id} is in force for every question that opens from now on."));
    Ok(Exit::Ok)
}

async fn show(context: &Context, show: ShowArguments) -> Result<Exit, Failure> {
    let Some((settings, document)) = connect(context).await?.settings(show.id).await? else {
        let what = "nobody has put settings of the queue";
        let next = "Begin with: pointsman queue settings starter > queue.yaml";
        return Err(Failure::new(Exit::NotFound, what).next(next));
    };
    let node = Node::map([
        ("settings", node_of("QueueSettings", &settings)),
        ("document", Node::text(&document)),
    ]);
    if context.output.is_for_people() {
        let word = if settings.in_force { "in force" } else { "former" };
        context.output.say(format!("{}, {word}", inline(&settings.settings_id)));
    }
    context.output.one(&node, || block(&document));
    Ok(Exit::Ok)
}

async fn history(context: &Context, history: &HistoryArguments) -> Result<Exit, Failure> {
    let queue = connect(context).await?;
    let limit = usize::try_from(history.limit).unwrap_or(usize::MAX);
    let mut request = v1::ListQueueSettingsRequest {
        page_size: i32::try_from(history.limit.min(PAGE)).unwrap_or_default(),
        page_token: String::new(),
    };
    let mut found = Vec::new();
    while found.len() < limit {
        let page = queue.history(request.clone()).await?;
        found.extend(page.settings);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    found.truncate(limit);
    let nodes = found.iter().map(|one| node_of("QueueSettings", one)).collect();
    context.output.many(nodes, || history_table(&context.output, &found));
    Ok(Exit::Ok)
}

fn history_table(output: &Output, found: &[v1::QueueSettings]) -> String {
    if found.is_empty() {
        return String::new();
    }
    let rows = found.iter().map(|settings| {
        let (word, tone) =
            if settings.in_force { ("in force", Tone::Good) } else { ("former", Tone::Faint) };
        let put = settings.create_time.as_ref();
        let put = match output.is_terminal {
            true => put.map(|at| time::clock(at, Some(&time::local_now()))),
            false => put.and_then(time::rfc3339),
        };
        [
            Field::new(&settings.settings_id),
            Field::new(&settings.name),
            Field::toned(word, tone),
            Field::new(&settings.author),
            Field::new(&put.unwrap_or_default()),
            Field::new(&settings.reason),
        ]
    });
    table(output, ["ID", "NAME", "STATE", "AUTHOR", "PUT", "WHY"], rows.collect())
}

/// Checks a document. What is found is the verb's data, also where it is refused.
fn lint(context: &Context, lint: &LintArguments) -> Result<Exit, Failure> {
    let document = read_document(&lint.file)?;
    let refused = Settings::parse(&document).err();
    let finding = refused.as_ref().map(|error| {
        Node::map([("place", Node::text(&error.place)), ("problem", Node::text(&error.problem))])
    });
    let node = Node::map([
        ("file", Node::text(&lint.file)),
        ("valid", Node::Bool(refused.is_none())),
        ("findings", Node::List(finding.into_iter().collect())),
    ]);
    context.output.one(&node, || match &refused {
        Some(error) => format!("{}: {}", inline(&error.place), inline(&error.problem)),
        None => String::new(),
    });
    context.output.say(match refused {
        None => "The server would take them.",
        Some(_) => "The server would refuse them.",
    });
    Ok(if refused.is_none() { Exit::Ok } else { Exit::Usage })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_starter_is_taken() {
        let settings = Settings::parse(STARTER).unwrap();
        let lanes: Vec<_> = settings.lanes().map(|(name, _)| name).collect();
        assert_eq!(lanes, ["critical", "default", "money"]);
    }
}
