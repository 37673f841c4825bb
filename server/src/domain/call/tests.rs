//! What the digest covers, and that the policy judges the same.

use uuid::Uuid;

use super::*;
use crate::domain::ids::RunId;
use crate::domain::run::RunState;
use crate::domain::time::Timestamp;

pub(super) const BASE: CallFields<'static> = CallFields {
    tool: "refund",
    tool_schema_version: "2",
    target: "acct-7",
    arguments: br#"{"amount":600}"#,
    preconditions: b"",
};

fn ids() -> (RunId, PolicyRevisionId) {
    let mut ids = [0; 32];
    for (place, byte) in ids.iter_mut().enumerate() {
        *byte = u8::try_from(place).unwrap();
    }
    let (run, revision) = ids.split_at(16);
    let revision = PolicyRevisionId::from_bytes(revision.try_into().unwrap());
    (RunId::from_bytes(run.try_into().unwrap()), revision)
}

pub(super) fn run(on_behalf_of: Option<&str>) -> Run {
    Run {
        id: ids().0,
        agent: "claims".to_owned(),
        on_behalf_of: on_behalf_of.map(str::to_owned),
        parent: None,
        hop_count: 2,
        ancestors: Vec::new(),
        lineage: Vec::new(),
        agent_stops: 0,
        fleet_stops: 0,
        constraint_sets: Vec::new(),
        state: RunState::Running,
        goal: None,
        create_time: Timestamp::from_micros(0),
        overdue_time: None,
        clock_start: None,
        unexpected_results: 0,
        branch: 0,
        finish_time: None,
        revision: 1,
    }
}

pub(super) fn call(fields: CallFields<'_>) -> ToolCall<'_> {
    ToolCall::read("arguments", fields).unwrap()
}

#[test]
fn the_digest_is_the_documented_one() {
    // Computed from the documentation with another language's SHA-256.
    let digest = |run| call(BASE).digest("default", &run, ids().1).to_string();
    let with = digest(run(Some("anna")));
    assert_eq!(with, "3d7b7dca57a3a70f9583e64e6e8236781fb81490c32b7a3de19edab30c537057");
    let without = digest(run(None));
    assert_eq!(without, "ff711efd830f8a3390c3b01469b86a821e695f805679d7052352bb446d8a248b");
}

#[test]
fn every_field_changes_the_digest() {
    let anna = run(Some("anna"));
    let changed = [
        BASE,
        CallFields { tool: "refund2", ..BASE },
        CallFields { tool_schema_version: "", ..BASE },
        CallFields { target: "acct-", ..BASE },
        CallFields { arguments: br#"{"amount": 600}"#, ..BASE },
        CallFields { preconditions: b"\0", ..BASE },
        // Bytes that move from one field to the next make another digest.
        CallFields { tool: "refund2", tool_schema_version: "", ..BASE },
    ];
    let mut digests: Vec<_> =
        changed.map(|fields| call(fields).digest("default", &anna, ids().1)).into();
    let others = [
        Run { agent: "claims2".to_owned(), ..anna.clone() },
        Run { on_behalf_of: None, ..anna.clone() },
        Run { on_behalf_of: Some(String::new()), ..anna.clone() },
        Run { id: RunId::new(Uuid::nil()), ..anna.clone() },
    ];
    digests.extend(others.map(|run| call(BASE).digest("default", &run, ids().1)));
    digests.push(call(BASE).digest("other", &anna, ids().1));
    let another = PolicyRevisionId::new(Uuid::nil());
    digests.push(call(BASE).digest("default", &anna, another));
    let count = digests.len();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), count);
}

#[test]
fn the_policy_judges_what_the_digest_covers() {
    let anna = run(Some("anna"));
    let call = call(BASE);
    let (sources, inputs) = (Sources::default(), Inputs::default());
    let situation = Situation {
        run: &anna,
        goal: "to help",
        confidence: Some(0.5),
        sources: &sources,
        inputs: &inputs,
    };
    let facts = call.facts(&situation);
    assert_eq!((facts.tool, facts.tool_schema_version, facts.target), ("refund", "2", "acct-7"));
    assert_eq!(serde_json::to_vec(facts.arguments).unwrap(), BASE.arguments);
    assert_eq!((facts.agent, facts.on_behalf_of), ("claims", Some("anna")));
    assert_eq!((facts.hop_count, facts.goal, facts.confidence), (2, "to help", Some(0.5)));
}

#[test]
fn stored_content_is_the_same_call() {
    let content = ActionContent {
        tool_schema_version: "2".to_owned(),
        target: "acct-7".to_owned(),
        arguments: bytes::Bytes::from_static(BASE.arguments),
        reasoning: "because".to_owned(),
        ..ActionContent::default()
    };
    let stored = call(CallFields::of("refund", &content));
    let (run, revision) = (run(None), ids().1);
    assert_eq!(stored.digest("t", &run, revision), call(BASE).digest("t", &run, revision));
}

#[test]
fn arguments_that_cannot_be_read_make_no_call() {
    let twice = CallFields { arguments: br#"{"a":1,"a":2}"#, ..BASE };
    let refused = ToolCall::read("modify.arguments", twice).err();
    let Some(Error::ArgumentsMalformed { field, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(field, "modify.arguments");
}
