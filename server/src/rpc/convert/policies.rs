//! Policy revisions, activations, and questions to a policy.

use pointsman_api::v1;
use pointsman_api::v1::evaluate_action_request::{Policy as WireSubject, Run as WireContext};
use pointsman_api::v1::explain_decision_request::Policy as Explained;
use pointsman_api::v1::policy_activation::{Kind, State as ActivationWireState};
use pointsman_api::v1::policy_revision::State;
use pointsman_api::v1::test_policy_request::Policy as Tested;

use super::actions::digest;
use super::runs::read_message;
use super::{id, text_of, time};
use crate::domain::activation::{ActivationKind, ActivationState};
use crate::domain::error::Error;
use crate::domain::shadow::Shadow;
use crate::domain::time::Timestamp;
use crate::engine::policies::{
    ActivationView, Context, Evaluate, Hypothesis, RevisionState, RevisionView, Subject,
};

/// A revision for the wire.
pub(in crate::rpc) fn revision(view: RevisionView) -> v1::PolicyRevision {
    let RevisionView { record, state, note } = view;
    v1::PolicyRevision {
        revision_id: record.id.to_string(),
        digest: digest(&record.digest),
        state: revision_state(state).into(),
        author: record.author,
        note,
        create_time: Some(time(record.create_time)),
        activate_time: record.activate_time.map(time),
        document_bytes: record.document.size,
        name: record.name,
    }
}

/// An activation for the wire, as it is at `now`.
pub(in crate::rpc) fn activation(view: ActivationView, now: Timestamp) -> v1::PolicyActivation {
    let ActivationView { activation, reason, figures: _ } = view;
    let state = match activation.state {
        ActivationState::Pending if activation.has_lapsed(now) => ActivationWireState::Expired,
        ActivationState::Pending => ActivationWireState::Pending,
        ActivationState::Effective => ActivationWireState::Effective,
        ActivationState::Withdrawn => ActivationWireState::Withdrawn,
        ActivationState::Superseded => ActivationWireState::Superseded,
    };
    let kind = match activation.kind {
        ActivationKind::Activate => Kind::Activate,
        ActivationKind::RollBack => Kind::RollBack,
    };
    v1::PolicyActivation {
        activation_id: activation.id.to_string(),
        kind: kind.into(),
        state: state.into(),
        revision_id: activation.revision.to_string(),
        replaced_revision_id: text_of(activation.replaced),
        requester: activation.requester,
        closer: activation.closer.unwrap_or_default(),
        reason,
        request_time: Some(time(activation.request_time)),
        expire_time: activation.expire_time.map(time),
        close_time: activation.close_time.map(time),
    }
}

/// Reads a question to a policy.
pub(in crate::rpc) fn read_evaluate(message: v1::EvaluateActionRequest) -> Result<Evaluate, Error> {
    let subject = match message.policy {
        None => Subject::InForce,
        Some(WireSubject::RevisionId(text)) => Subject::Revision(id("revision_id", &text)?),
        Some(WireSubject::Document(document)) => Subject::Document(document),
    };
    let context = match message.run {
        None => None,
        Some(WireContext::RunId(text)) => Some(Context::Run(id("run_id", &text)?)),
        Some(WireContext::Hypothesis(run)) => Some(Context::Hypothesis(read_hypothesis(run)?)),
    };
    Ok(Evaluate {
        subject,
        context,
        tool: message.tool,
        tool_schema_version: message.tool_schema_version,
        target: message.target,
        arguments: message.arguments,
        confidence: message.confidence,
        explain: message.explain,
    })
}

fn read_hypothesis(run: v1::HypotheticalRun) -> Result<Hypothesis, Error> {
    let told = run.messages.into_iter().enumerate();
    let messages = told.map(|(place, told)| read_message("hypothesis.messages", place, told));
    Ok(Hypothesis {
        agent: run.agent,
        on_behalf_of: run.on_behalf_of,
        hop_count: run.hop_count,
        goal: run.goal,
        constraint_sets: run.constraint_sets,
        messages: messages.collect::<Result<_, _>>()?,
    })
}

/// Reads which policy explains.
pub(in crate::rpc) fn read_explained(policy: Explained) -> Result<Subject, Error> {
    match policy {
        Explained::RevisionId(text) => id("revision_id", &text).map(Subject::Revision),
        Explained::Document(document) => Ok(Subject::Document(document)),
    }
}

/// Reads which policy is tested.
pub(in crate::rpc) fn read_tested(policy: Tested) -> Result<Subject, Error> {
    match policy {
        Tested::RevisionId(text) => id("revision_id", &text).map(Subject::Revision),
        Tested::Document(document) => Ok(Subject::Document(document)),
    }
}

/// A shadow for the wire.
pub(in crate::rpc) fn shadow(shadow: Shadow) -> v1::PolicyShadow {
    v1::PolicyShadow {
        revision_id: shadow.revision.to_string(),
        requester: shadow.requester,
        start_time: Some(time(shadow.start_time)),
    }
}

const fn revision_state(state: RevisionState) -> State {
    match state {
        RevisionState::Put => State::Put,
        RevisionState::Pending => State::Pending,
        RevisionState::InForce => State::InForce,
        RevisionState::Shadow => State::Shadow,
        RevisionState::Former => State::Former,
    }
}
