//! What a policy says, and why.

use bytes::Bytes;
use pointsman_api::v1;
use pointsman_api::v1::policy_finding::Gravity as WireGravity;
use pointsman_api::v1::rule_trace::{Demand, Kind, Outcome as WireOutcome};
use pointsman_api::v1::seen_value;

use super::actions::{decision, effect};
use super::escalations::severity;
use super::text_of;
use crate::domain::policy::{Ask, Effect, Finding, Gravity, Outcome, RuleKind, RuleTrace, Seen};
use crate::domain::time::Span;
use crate::engine::policies::{Checked, Evaluated, Explained};

/// What a policy would say.
pub(in crate::rpc) fn evaluated(evaluated: Evaluated) -> v1::EvaluateActionResponse {
    let Evaluated { verdict, revision, rules } = evaluated;
    v1::EvaluateActionResponse {
        hard: verdict.is_hard,
        sampled_for_review: verdict.is_sampled,
        rules: rules.into_iter().map(trace).collect(),
        decision: Some(v1::Decision {
            effect: effect(verdict.effect).into(),
            rule_id: verdict.rule.unwrap_or_default(),
            reason: verdict.reason,
            policy_revision_id: text_of(revision),
            matched_rule_ids: verdict.matched,
            failed_rule_ids: verdict.failed.into_iter().map(|(rule, _)| rule).collect(),
            sampled_for_review: verdict.is_sampled,
        }),
        question: verdict.ask.map(question),
    }
}

/// Why a policy says what it says of a past action.
pub(in crate::rpc) fn explained(explained: Explained) -> v1::ExplainDecisionResponse {
    let differs = explained.differs();
    let Explained { recorded, recorded_reason, said } = explained;
    let said = evaluated(said);
    v1::ExplainDecisionResponse {
        recorded: Some(decision(recorded, recorded_reason)),
        decision: said.decision,
        question: said.question,
        hard: said.hard,
        sampled_for_review: said.sampled_for_review,
        rules: said.rules,
        differs,
    }
}

/// What a test showed.
pub(in crate::rpc) fn checked(checked: Checked) -> v1::TestPolicyResponse {
    let failed_count = u32::try_from(checked.failed_count()).unwrap_or(u32::MAX);
    let results = checked.results.into_iter().map(|result| v1::PolicyTestResult {
        name: result.name,
        problem: result.problem.unwrap_or_default(),
    });
    v1::TestPolicyResponse {
        results: results.collect(),
        failed_count,
        findings: checked.findings.into_iter().map(finding).collect(),
    }
}

/// What a look over a policy found.
pub(in crate::rpc) fn finding(finding: Finding) -> v1::PolicyFinding {
    let gravity = match finding.gravity {
        Gravity::Notice => WireGravity::Notice,
        Gravity::Warning => WireGravity::Warning,
    };
    v1::PolicyFinding { gravity: gravity.into(), place: finding.place, problem: finding.problem }
}

fn question(ask: Ask) -> v1::HypotheticalQuestion {
    v1::HypotheticalQuestion {
        severity: severity(ask.severity).into(),
        lane: ask.lane,
        due: duration(ask.due),
        expire: duration(ask.expire),
        headline: ask.headline,
        required_role: ask.required_role.map(|role| role.name().to_owned()).unwrap_or_default(),
        quorum: ask.quorum,
    }
}

/// A span for the wire: those of a policy are in range.
fn duration(span: Span) -> Option<prost_types::Duration> {
    span.to_duration().try_into().ok()
}

fn trace(trace: RuleTrace) -> v1::RuleTrace {
    let (outcome, problem) = match trace.outcome {
        Outcome::DoesNotApply => (WireOutcome::DoesNotApply, String::new()),
        Outcome::Applies => (WireOutcome::Applies, String::new()),
        Outcome::Relaxed => (WireOutcome::Relaxed, String::new()),
        Outcome::Fails(error) => (WireOutcome::Fails, error.to_string()),
    };
    v1::RuleTrace {
        rule_id: trace.id,
        kind: kind(trace.kind).into(),
        demand: demand(trace.effect).into(),
        outcome: outcome.into(),
        condition: trace.condition.unwrap_or_default(),
        problem,
        values: trace.values.into_iter().map(seen).collect(),
    }
}

fn seen((name, seen): (String, Seen)) -> v1::SeenValue {
    let seen = match seen {
        Seen::Value(value) => seen_value::Seen::Value(Bytes::from(value.to_string())),
        Seen::Nothing(problem) => seen_value::Seen::Problem(problem),
    };
    v1::SeenValue { name, seen: Some(seen) }
}

const fn kind(kind: RuleKind) -> Kind {
    match kind {
        RuleKind::Constraint => Kind::Constraint,
        RuleKind::ConstraintSet => Kind::ConstraintSet,
        RuleKind::Rule => Kind::Rule,
        RuleKind::Trigger => Kind::Trigger,
        RuleKind::Gate => Kind::Gate,
    }
}

const fn demand(effect: Effect) -> Demand {
    match effect {
        Effect::Allow => Demand::Allow,
        Effect::Sample => Demand::Sample,
        Effect::Escalate => Demand::Escalate,
        Effect::RequireApproval => Demand::RequireApproval,
        Effect::Deny => Demand::Deny,
    }
}
