//! Checkpoints, branches and what they leave behind, as people see them.

use owo_colors::OwoColorize as _;
use pointsman_api::v1;
use pointsman_api::v1::state_change::Kind;

use crate::output::escape::{block, inline};
use crate::output::reflect::short_name;
use crate::output::table::{Field, Tone, table};
use crate::output::{Output, time};

const NONE: &str = "–";

fn or_none(text: &str) -> &str {
    if text.is_empty() { NONE } else { text }
}

fn when(output: &Output, at: Option<&prost_types::Timestamp>) -> String {
    if output.is_terminal {
        return time::since(at, &time::local_now());
    }
    at.and_then(time::rfc3339).unwrap_or_default()
}

/// The checkpoints of a run.
pub(super) fn checkpoints_table(output: &Output, found: &[v1::Checkpoint]) -> String {
    if found.is_empty() {
        return String::new();
    }
    let rows = found.iter().map(|one| {
        let question = one.question.clone().unwrap_or_default();
        let mark = if one.known_good.is_some() { "✓ good" } else { NONE };
        [
            // In full: of a checkpoint no unique beginning is taken.
            Field::new(&one.checkpoint_id),
            Field::new(&one.branch.to_string()),
            Field::new(&when(output, one.create_time.as_ref())),
            Field::new(&one.state_bytes.to_string()),
            Field::toned(mark, Tone::Good),
            Field::new(or_none(&question.escalation_id)),
        ]
    });
    table(output, ["ID", "BRANCH", "SAVED", "BYTES", "KNOWN", "ESCALATION"], rows.collect())
}

/// One checkpoint.
pub(super) fn checkpoint(found: &v1::Checkpoint) -> String {
    let mut page = format!("{}  branch {}\n", inline(&found.checkpoint_id), found.branch);
    let mut fact = |label: &str, value: &str| {
        if !value.is_empty() {
            page += &format!("{label:<11}{}\n", block(value).replace('\n', "\n           "));
        }
    };
    let envelope = found.envelope.clone().unwrap_or_default();
    let question = found.question.clone().unwrap_or_default();
    fact("Run", &found.run_id);
    fact("Agent", &found.agent);
    fact("Parent", &found.parent_checkpoint_id);
    fact("Action", &found.action_id);
    fact("State", &format!("{} bytes  {}", found.state_bytes, found.schema_version));
    fact("Framework", format!("{} {}", envelope.framework, envelope.framework_version).trim());
    fact("Planned", &envelope.planned_action);
    fact("Why", &envelope.reasoning);
    for call in &envelope.pending_calls {
        fact("Pending", &format!("{} {}", call.tool, call.tool_call_id));
    }
    for credential in &found.credentials {
        fact("Credential", &format!("{} at {}", credential.name, credential.reference));
    }
    fact("Question", &question.escalation_id);
    fact("Asked for", &question.reason);
    if let Some(said) = &question.resolution {
        let kind = short_name(said.kind().as_str_name(), "KIND_");
        fact("Answer", &format!("{kind} by {}", said.reviewer));
    }
    if let Some(good) = &found.known_good {
        fact("Good", &format!("says {} {}", good.by, good.note));
    }
    fact("Digest", &hex::encode(&found.digest));
    page
}

/// What differs.
pub(super) fn difference(diffed: &v1::DiffCheckpointsResponse, has_color: bool) -> String {
    let mut out = String::new();
    for change in &diffed.changes {
        out += &format!("{}\n", block(&change.path));
        let mut side = |sign: &str, value: &str| {
            let line = format!("{sign} {}", inline(value));
            let line = match sign {
                "-" if has_color => line.red().to_string(),
                "+" if has_color => line.green().to_string(),
                _ => line,
            };
            out += &format!("  {line}\n");
        };
        let hidden =
            |value: &str| if diffed.values_hidden { "…".to_owned() } else { value.into() };
        if change.kind() != Kind::Added {
            side("-", &hidden(&change.before));
        }
        if change.kind() != Kind::Removed {
            side("+", &hidden(&change.after));
        }
    }
    if diffed.truncated {
        out += "… and more\n";
    }
    if let Some(bytes) = &diffed.bytes {
        out += &format!(
            "state: {} bytes became {}, behind {} and before {} that are the same\n",
            bytes.bytes_before, bytes.bytes_after, bytes.same_before, bytes.same_after
        );
    }
    if out.is_empty() { "They hold the same.".to_owned() } else { out }
}

/// One branch, in a sentence.
pub(super) fn branch(made: &v1::Branch) -> String {
    let from = match made.checkpoint_id.as_str() {
        "" => String::new(),
        id => format!(" from {}", inline(id)),
    };
    format!(
        "{} goes on under branch {}{from}. Nothing of branch {} runs any more.",
        inline(&made.run_id),
        made.number,
        made.parent
    )
}

/// The branches of a run.
pub(super) fn branches_table(output: &Output, found: &[v1::Branch]) -> String {
    if found.is_empty() {
        return String::new();
    }
    let rows = found.iter().map(|one| {
        let told = if one.acknowledge_time.is_some() { "taken up" } else { "not yet" };
        [
            Field::new(&one.number.to_string()),
            Field::new(&one.parent.to_string()),
            Field::new(&short_name(one.cause().as_str_name(), "BRANCH_CAUSE_")),
            Field::new(&when(output, one.create_time.as_ref())),
            Field::new(&one.by),
            Field::new(told),
            Field::new(or_none(&one.checkpoint_id)),
            Field::new(or_none(if one.reason.is_empty() { &one.instruction } else { &one.reason })),
        ]
    });
    let headers = ["BRANCH", "LEFT", "CAUSE", "SINCE", "BY", "AGENT", "FROM", "REASON"];
    table(output, headers, rows.collect())
}

fn effects_table(output: &Output, effects: &[v1::Effect]) -> String {
    let rows = effects.iter().map(|one| {
        let undoing = short_name(one.undoing().as_str_name(), "UNDOING_");
        let (undoing, tone) = match one.undoing() {
            v1::Undoing::Unspecified => (NONE.to_owned(), Tone::Faint),
            v1::Undoing::Irreversible => (undoing, Tone::Alarm),
            v1::Undoing::Compensatable => (undoing, Tone::Warning),
            v1::Undoing::Reversible => (undoing, Tone::Plain),
        };
        let state = short_name(one.state().as_str_name(), "STATE_");
        [
            Field::new(&one.action_id),
            Field::new(&one.tool),
            Field::new(&one.target),
            Field::new(&state),
            Field::toned(&undoing, tone),
            Field::new(or_none(&one.compensation)),
        ]
    });
    table(output, ["ACTION", "TOOL", "TARGET", "STATE", "UNDOING", "BY"], rows.collect())
}

fn counted(counts: &v1::EffectCounts) -> String {
    let partial = if counts.partial { ", of the newest 1,024 actions" } else { "" };
    format!(
        "{} reversible, {} compensatable, {} irreversible ({} of them may not have run){partial}",
        counts.reversible, counts.compensatable, counts.irreversible, counts.unknown
    )
}

/// What going back leaves behind, and what was done.
pub(super) fn left_behind(output: &Output, done: &v1::RollBackRunResponse) -> String {
    let checkpoint = done.checkpoint.clone().unwrap_or_default();
    let mut page = match &done.branch {
        Some(made) => branch(made) + "\n",
        None => format!("Back to {}.\n", inline(&checkpoint.checkpoint_id)),
    };
    let counts = done.counts.unwrap_or_default();
    page += &format!("What ran after it and stays: {}\n", counted(&counts));
    if !done.effects.is_empty() {
        page += &effects_table(output, &done.effects);
        page.push('\n');
    }
    for asked in &done.compensations {
        let id = inline(&asked.action_id);
        page += &match asked.problem.as_str() {
            "" => format!("{id}: the agent is asked to undo it\n"),
            problem => format!("{id}: not asked for, {}\n", inline(problem)),
        };
    }
    page
}

/// Two paths side by side.
pub(super) fn compared(output: &Output, found: &v1::CompareBranchesResponse) -> String {
    let from = found.common_checkpoint.clone().unwrap_or_default().checkpoint_id;
    let mut page = format!("They part on branch {}", found.common_branch);
    page +=
        &if from.is_empty() { ".\n".to_owned() } else { format!(" after {}.\n", inline(&from)) };
    for path in found.left.iter().chain(&found.right) {
        let counts = path.effects.unwrap_or_default();
        page += &format!("\nBranch {}: {}\n", path.number, counted(&counts));
        if !path.steps.is_empty() {
            page += &effects_table(output, &path.steps);
            page.push('\n');
        }
        if path.truncated {
            page += "… and more\n";
        }
    }
    page
}
