//! `pointsman auth can-i`: what somebody may do, before anything is tried.

use clap::Args;
use pointsman_api::v1;
use pointsman_api::v1::check_access_request::What;
use pointsman_client::{Admin, Connection, Reviewer, Runs};

use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::id;
use crate::output::Output;
use crate::output::escape::inline;
use crate::output::reflect::{node_of, short_name};
use crate::output::table::{Field, Tone, table};
use crate::people::{Tier, money};

/// What a verb is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    /// A question, or one like it.
    Question,
    /// A run.
    Run,
    /// Nothing that is named here.
    Nothing,
}

/// The verbs, the rpcs behind them, and what each is about.
const VERBS: &[(&str, &str, About)] = &[
    ("approve", "EscalationService/ResolveEscalation", About::Question),
    ("reject", "EscalationService/ResolveEscalation", About::Question),
    ("modify", "EscalationService/ResolveEscalation", About::Question),
    ("respond", "EscalationService/ResolveEscalation", About::Question),
    ("instruct", "EscalationService/ResolveEscalation", About::Question),
    ("claim", "EscalationService/ClaimEscalation", About::Question),
    ("assign", "EscalationService/AssignEscalation", About::Nothing),
    ("take-over", "EscalationService/TakeOverEscalation", About::Nothing),
    ("revert", "EscalationService/RevertResolution", About::Nothing),
    ("ask", "EscalationService/AskAgent", About::Nothing),
    ("comment", "EscalationService/AddComment", About::Nothing),
    ("pause", "OverrideService/RequestOverride", About::Run),
    ("resume", "OverrideService/RequestOverride", About::Run),
    ("redirect", "OverrideService/RequestOverride", About::Run),
    ("stop", "OverrideService/RequestOverride", About::Run),
    ("kill", "OverrideService/RequestOverride", About::Run),
    ("roll-back", "CheckpointService/RollBackRun", About::Run),
    ("propose", "ActionService/ProposeAction", About::Nothing),
    ("review", "ReviewService/ClaimNextReview", About::Nothing),
    ("drill", "DrillService/TakeDrill", About::Nothing),
    ("put-policy", "PolicyService/PutPolicy", About::Nothing),
    ("activate-policy", "PolicyService/ActivatePolicy", About::Nothing),
    ("grant-authority", "AdminService/GrantAuthority", About::Nothing),
    ("assign-role", "AdminService/AssignRole", About::Nothing),
    ("create-token", "AdminService/CreateToken", About::Nothing),
    ("break-glass", "AdminService/BreakGlass", About::Nothing),
    ("export-feedback", "InsightService/ExportFeedback", About::Nothing),
];

/// What is asked, and about whom.
#[derive(Debug, Args)]
pub(crate) struct CanIArguments {
    /// What: approve, reject, claim, pause, stop, propose, …, or an rpc as Service/Method
    #[arg(value_name = "VERB", required_unless_present = "list")]
    verb: Option<String>,
    /// Which question, or which run
    #[arg(value_name = "ID", conflicts_with_all = ["lane", "list"])]
    id: Option<String>,
    /// A question of this lane that there need not be
    #[arg(long, value_name = "LANE", requires = "verb")]
    lane: Option<String>,
    /// … about this tool
    #[arg(long, value_name = "TOOL", requires = "lane")]
    tool: Option<String>,
    /// … of this tier [default: the gravest]
    #[arg(long, value_enum, value_name = "TIER", requires = "lane")]
    tier: Option<Tier>,
    /// … with so much at stake: '7000 EUR'
    #[arg(long, value_parser = money, value_name = "AMOUNT", requires = "lane")]
    amount: Option<v1::Money>,
    /// Ask about somebody else, as an admin
    #[arg(long = "as", value_name = "PRINCIPAL")]
    who: Option<String>,
    /// Show every rpc, whether it is open to you, and which role it needs
    #[arg(long, conflicts_with = "verb")]
    list: bool,
}

/// Asks, and says yes or no.
pub(super) async fn can_i(context: &Context, asked: CanIArguments) -> Result<Exit, Failure> {
    let capacity = match asked.who {
        Some(_) => Capacity::Admin,
        None => Capacity::Reviewer,
    };
    let connection = context.connect(capacity).await?;
    let what = what(context, &connection, &asked).await?;
    let is_list = what.is_none();
    let request = v1::CheckAccessRequest { principal: asked.who.unwrap_or_default(), what };
    let checked = Admin::new(connection.clone()).check_access(request).await?;
    if is_list {
        let nodes = checked.methods.iter().map(|it| node_of("MethodAccess", it)).collect();
        context.output.many(nodes, || methods_table(&context.output, &checked.methods));
        return Ok(Exit::Ok);
    }
    context.output.one(&node_of("CheckAccessResponse", &checked), || words(&checked));
    Ok(if checked.allowed { Exit::Ok } else { Exit::NotPermitted })
}

/// The request's question; none: every rpc.
async fn what(
    context: &Context,
    connection: &Connection,
    asked: &CanIArguments,
) -> Result<Option<What>, Failure> {
    let Some(verb) = &asked.verb else { return Ok(None) };
    let known = VERBS.iter().find(|(word, _, _)| word == verb);
    let (method, about) = match known {
        Some((_, method, about)) => ((*method).to_owned(), *about),
        None if verb.contains('/') => (verb.clone(), About::Nothing),
        None => {
            let words: Vec<_> = VERBS.iter().map(|(word, _, _)| *word).collect();
            let what = format!("`{}` is none of: {}", inline(verb), words.join(", "));
            return Err(Failure::usage(what).next("Or name an rpc: RunService/StartRun"));
        }
    };
    let misplaced = |what: &str| Err(Failure::usage(format!("`{verb}` is asked without {what}")));
    Ok(Some(match (about, &asked.id, &asked.lane) {
        (About::Question, Some(id), _) => {
            let reviewer = Reviewer::new(connection.clone());
            What::EscalationId(id::escalation_id(&reviewer, id, context.may_ask()).await?)
        }
        (About::Question, None, Some(lane)) => {
            let tier = asked.tier.map(v1::SeverityTier::from);
            What::Matter(v1::AnswerableMatter {
                lane: lane.clone(),
                tool: asked.tool.clone().unwrap_or_default(),
                severity: tier.unwrap_or(v1::SeverityTier::Unspecified).into(),
                amount: asked.amount.clone(),
            })
        }
        (_, _, Some(_)) => return misplaced("--lane"),
        (About::Run, Some(run), None) => {
            // Whether it is there, and the caller's to see.
            Runs::new(connection.clone()).get(run).await?;
            What::Method(method)
        }
        (About::Nothing, Some(_), None) => return misplaced("an id"),
        (_, None, None) => What::Method(method),
    }))
}

fn words(checked: &v1::CheckAccessResponse) -> String {
    if checked.allowed {
        return match checked.authority_id.as_str() {
            "" => "yes".to_owned(),
            id => format!("yes, by {}", inline(id)),
        };
    }
    let reason = short_name(checked.reason().as_str_name(), "ERROR_REASON_");
    let explanation = inline(&checked.explanation);
    let depends = if checked.depends_on_call {
        "\nIt depends on what the call says: ask with the id of a question."
    } else {
        ""
    };
    format!("no ({reason}): {explanation}{depends}")
}

fn methods_table(output: &Output, methods: &[v1::MethodAccess]) -> String {
    let rows = methods.iter().map(|it| {
        let (word, tone) = if it.allowed { ("yes", Tone::Good) } else { ("no", Tone::Faint) };
        [Field::new(&it.method), Field::toned(word, tone), Field::new(&it.role_required)]
    });
    table(output, ["RPC", "MAY", "NEEDS"], rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use pointsman_api::FILE_DESCRIPTOR_SET;
    use prost::Message as _;

    #[test]
    fn every_verb_stands_for_an_rpc_that_there_is() {
        let files = prost_types::FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
        let mut rpcs = Vec::new();
        for service in files.file.iter().flat_map(|file| &file.service) {
            rpcs.extend(
                service.method.iter().map(|it| format!("{}/{}", service.name(), it.name())),
            );
        }
        let missing = VERBS.iter().find(|(_, method, _)| !rpcs.iter().any(|it| it == method));
        assert_eq!(missing, None);
    }

    #[test]
    fn a_no_says_why_and_whether_the_call_decides() {
        let no = v1::CheckAccessResponse {
            reason: v1::ErrorReason::AuthorityExceeded.into(),
            explanation: "yours reaches to 500\u{1b}".into(),
            depends_on_call: true,
            ..Default::default()
        };
        assert_eq!(
            words(&no),
            "no (authority exceeded): yours reaches to 500‹U+001B›\n\
             It depends on what the call says: ask with the id of a question."
        );
        let yes = v1::CheckAccessResponse { allowed: true, ..Default::default() };
        assert_eq!(words(&yes), "yes");
    }
}
