//! Examples of where people said something else.

use bytes::Bytes;
use pointsman_api::v1;
use pointsman_api::v1::feedback_example::Kind;
use serde_json::Value;

use super::actions::{digest, effect};
use super::reviews::judgement;
use super::{text_of, time};
use crate::domain::feedback::FeedbackKind;
use crate::engine::feedback::FeedbackExample;

/// An example for the wire.
pub(in crate::rpc) fn example(example: FeedbackExample) -> v1::FeedbackExample {
    let (new_arguments, patch) = match &example.modified {
        Some((arguments, patch)) => (json(arguments), json(patch)),
        None => (Bytes::new(), Bytes::new()),
    };
    v1::FeedbackExample {
        kind: kind(example.kind).into(),
        action_id: example.action.to_string(),
        run_id: example.run.to_string(),
        escalation_id: text_of(example.escalation),
        source_id: example.source,
        agent: example.agent,
        tool: example.tool,
        target: example.target,
        arguments: json(&example.arguments),
        reasoning: example.reasoning,
        goal: example.goal,
        new_arguments,
        patch,
        response: example.response,
        instruction: example.instruction,
        reason_code: example.reason_code,
        note: example.note,
        judgement: example.judged.map(|(it, _)| judgement(it).into()).unwrap_or_default(),
        severity: example.judged.map(|(_, severity)| severity).unwrap_or_default(),
        decided: effect(example.decided).into(),
        expected: effect(example.expected).into(),
        context_digest: digest(&example.context),
        policy_revision_id: example.policy_revision.to_string(),
        rule_id: text_of(example.rule),
        propose_time: Some(time(example.propose_time)),
        answer_time: Some(time(example.answer_time)),
    }
}

fn json(value: &Value) -> Bytes {
    value.to_string().into()
}

const fn kind(kind: FeedbackKind) -> Kind {
    match kind {
        FeedbackKind::Rejected => Kind::Rejected,
        FeedbackKind::Modified => Kind::Modified,
        FeedbackKind::Responded => Kind::Responded,
        FeedbackKind::Instructed => Kind::Instructed,
        FeedbackKind::Reverted => Kind::Reverted,
        FeedbackKind::Found => Kind::Found,
    }
}
