//! `modify`: edit the arguments, show what changes, send the edited bytes.
//!
//! What is not edited keeps its digits: `--set` replaces values in the text and
//! leaves the rest of it alone.

use std::path::Path;

use clap::Args;
use pointsman_api::v1;
use pointsman_client::{Given, Reviewer, Shown, Verdict};

use super::given::{GivenArguments, answer};
use super::resolve::{Question, must_be_open, must_be_seen, show_resolved, text_or_file};
use super::{OneArguments, open};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::diff::{diff, laid_out};
use crate::output::escape::inline;
use crate::output::reflect::{node_of, short_name};
use crate::prompt::digits;

mod set;

/// What is edited.
#[derive(Debug, Args)]
pub(crate) struct ModifyArguments {
    #[command(flatten)]
    pub(crate) one: OneArguments,
    /// Set one value: amount=3900.00, lines.0.note="to the owner"; in the place of a
    /// text everything is text. +note=x adds what is not there
    #[arg(long, value_name = "PATH=VALUE", conflicts_with = "arguments")]
    pub(crate) set: Vec<String>,
    /// Put these arguments in the place of all others; @FILE reads them
    #[arg(long, value_name = "JSON|@FILE")]
    pub(crate) arguments: Option<String>,
    /// Edit in $VISUAL or $EDITOR
    #[arg(long)]
    pub(crate) edit: bool,
    /// Put this target in the place of the proposed one
    #[arg(long)]
    pub(crate) target: Option<String>,
    #[command(flatten)]
    pub(crate) given: GivenArguments,
    /// Show what the server says of the edit, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The digest of what you have seen, at least 8 digits; left out: asks for it
    #[arg(long, value_name = "HEX")]
    pub(crate) digest: Option<String>,
}

/// Lets an edited action run in the place of the proposed one.
pub(super) async fn modify(context: &Context, modify: ModifyArguments) -> Result<Exit, Failure> {
    let is_edited = modify.edit || !modify.set.is_empty() || modify.arguments.is_some();
    if !is_edited && modify.target.is_none() {
        return Err(Failure::usage("nothing is edited: --set, --arguments, --edit or --target"));
    }
    if modify.edit && !context.may_ask() {
        return Err(Failure::usage("--edit needs a terminal"));
    }
    let (reviewer, shown) = open(context, &modify.one).await?;
    must_be_open(&shown)?;
    let brief = shown.escalation.briefing.clone().unwrap_or_default();
    let edited = edited(&modify, &brief.arguments).await?;
    if edited == brief.arguments && modify.target.is_none() {
        return Err(Failure::usage("the edit changes nothing; to let it run as it is: approve"));
    }
    let change = changes(context, &brief, &edited, modify.target.as_deref());
    let verdict = Verdict::Modify { arguments: edited.into(), target: modify.target };
    let given = modify.given.into();
    if modify.dry_run {
        context.output.say(&change);
        return try_out(context, &reviewer, &shown, verdict, given).await;
    }
    let question = Question { text: "Let the edited action run", change: &change };
    must_be_seen(context, &shown, modify.digest.as_deref(), question).await?;
    let resolved = answer(context, &reviewer, &shown, verdict, given).await?;
    show_resolved(context, &resolved);
    Ok(Exit::Ok)
}

/// Shows what the server says of an edit; nothing is changed.
async fn try_out(
    context: &Context,
    reviewer: &Reviewer,
    shown: &Shown,
    verdict: Verdict,
    given: Given,
) -> Result<Exit, Failure> {
    let preview = reviewer.preview(&shown.escalation, verdict, given).await?;
    context.output.one(&node_of("ResolutionPreview", &preview), || {
        let decision = preview.decision.clone().unwrap_or_default();
        let effect = short_name(decision.effect().as_str_name(), "DECISION_EFFECT_");
        let severity = short_name(preview.severity().as_str_name(), "SEVERITY_TIER_");
        let (reason, digest) = (inline(&decision.reason), digits(&preview.action_digest));
        let people = match preview.quorum {
            0 | 1 => "your answer is enough".to_owned(),
            several => format!("{several} people must say exactly the same"),
        };
        format!(
            "The policy says {effect}: {reason} ({severity}).\nIt would run as {digest}; {people}. \
             Nothing was changed."
        )
    });
    Ok(Exit::Ok)
}

/// What the edit changes, for a person to read.
fn changes(context: &Context, brief: &v1::Briefing, edited: &[u8], target: Option<&str>) -> String {
    let mut text = String::from("Your edit\n");
    if let Some(target) = target {
        text += &format!("- target {}\n+ target {}\n", inline(&brief.target), inline(target));
    }
    text + &diff(&brief.arguments, edited, context.output.has_color)
}

async fn edited(modify: &ModifyArguments, before: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut edited = match &modify.arguments {
        Some(arguments) => text_or_file(arguments)?,
        None => before.to_vec(),
    };
    for assignment in &modify.set {
        edited = set::set(&edited, assignment)?;
    }
    if modify.edit {
        edited = in_editor(&edited).await?;
    }
    let is_object = matches!(serde_json::from_slice(&edited), Ok(serde_json::Value::Object(_)));
    if is_object {
        Ok(edited)
    } else {
        Err(Failure::usage("the edited arguments are not a JSON object"))
    }
}

/// Opens the laid-out arguments in the person's editor.
async fn in_editor(before: &[u8]) -> Result<Vec<u8>, Failure> {
    let named = |name| std::env::var(name).ok().filter(|editor| !editor.trim().is_empty());
    let editor = named("VISUAL").or_else(|| named("EDITOR")).unwrap_or_else(|| "vi".into());
    let failed = |what: String| Failure::new(Exit::Failure, what);
    // Readable by its owner only, and gone with this function: what people edit may
    // be confidential.
    let folder =
        tempfile::tempdir().map_err(|cause| failed(format!("cannot make a folder: {cause}")))?;
    let file = folder.path().join("arguments.json");
    let text = laid_out(before);
    std::fs::write(&file, format!("{text}\n"))
        .map_err(|cause| failed(format!("cannot write {}: {cause}", file.display())))?;
    run_editor(&editor, &file).await?;
    let after = std::fs::read(&file)
        .map_err(|cause| failed(format!("cannot read {}: {cause}", file.display())))?;
    let is_untouched = after.strip_suffix(b"\n").unwrap_or(&after) == text.as_bytes();
    Ok(if is_untouched { before.to_vec() } else { after.trim_ascii().to_vec() })
}

async fn run_editor(editor: &str, file: &Path) -> Result<(), Failure> {
    // An editor is a command with arguments, such as `code --wait`.
    let status = tokio::process::Command::new("sh")
        .arg("-c")
        .arg(format!("{editor} \"$1\""))
        .arg("sh")
        .arg(file)
        .status()
        .await;
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            Err(Failure::new(Exit::Failure, format!("{editor} ended with {status}, nothing sent")))
        }
        Err(cause) => Err(Failure::new(Exit::Failure, format!("cannot start {editor}: {cause}"))),
    }
}
