//! Which novelty profiles are in force.

use pointsman_api::v1;

use super::time;
use crate::engine::policies::{AgentProfile, ProfilesView};

/// A set for the wire.
pub(in crate::rpc) fn set(view: &ProfilesView) -> v1::ProfileSet {
    let record = &view.record;
    v1::ProfileSet {
        version: record.version,
        learn_time: Some(time(record.learn_time)),
        action_count: record.actions,
        agent_count: record.agents,
        policy_revision_id: record.policy.to_string(),
        learner: record.learner.clone(),
    }
}

/// The set in force, and whom it knows; none was learnt yet: an empty one.
pub(in crate::rpc) fn known(found: Option<ProfilesView>) -> v1::GetProfilesResponse {
    let profiles = found.as_ref().map(set).unwrap_or_default();
    let agents = found.map(|view| view.agents).unwrap_or_default();
    let agents = agents.into_iter().map(|AgentProfile { agent, calls, tools }| v1::AgentProfile {
        agent,
        call_count: calls,
        tool_count: tools,
    });
    v1::GetProfilesResponse { profiles: Some(profiles), agents: agents.collect() }
}
