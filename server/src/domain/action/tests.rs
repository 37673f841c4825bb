//! The life of an action, and what its digest covers.

use uuid::Uuid;

use super::*;

#[test]
fn the_life_cycle_is_this_table() {
    let mut table = String::new();
    for state in ActionState::ALL {
        for event in ActionEvent::ALL {
            if let Some(next) = state.after(event) {
                table += &format!("{:17} {event:?} -> {}\n", state.name(), next.name());
            }
        }
    }
    insta::assert_snapshot!(table, @r"
    escalated         Approved -> granted
    escalated         Refused -> refused
    escalated         Cancelled -> cancelled
    granted           Cancelled -> cancelled
    granted           Redeemed -> redeemed
    redeemed          Executed -> executed
    redeemed          Failed -> failed
    redeemed          OutcomeOverdue -> execution_unknown
    execution_unknown Approved -> granted
    execution_unknown Executed -> executed
    execution_unknown Failed -> failed
    ");
}

fn input<'a>(on_behalf_of: Option<&'a str>) -> DigestInput<'a> {
    let mut ids = [0; 32];
    for (place, byte) in ids.iter_mut().enumerate() {
        *byte = u8::try_from(place).unwrap();
    }
    let (run, revision) = ids.split_at(16);
    DigestInput {
        tenant: "default",
        agent: "claims",
        on_behalf_of,
        run: RunId::from_bytes(run.try_into().unwrap()),
        tool: "refund",
        tool_schema_version: "2",
        target: "acct-7",
        arguments: br#"{"amount":600}"#,
        preconditions: b"",
        policy_revision: PolicyRevisionId::from_bytes(revision.try_into().unwrap()),
    }
}

#[test]
fn the_digest_is_the_documented_one() {
    // Computed from the documentation with another language's SHA-256.
    let with = input(Some("anna")).digest().to_string();
    assert_eq!(with, "3d7b7dca57a3a70f9583e64e6e8236781fb81490c32b7a3de19edab30c537057");
    let without = input(None).digest().to_string();
    assert_eq!(without, "ff711efd830f8a3390c3b01469b86a821e695f805679d7052352bb446d8a248b");
}

#[test]
fn every_field_changes_the_digest() {
    let base = input(Some("anna"));
    let changed = [
        DigestInput { tenant: "other", ..base },
        DigestInput { agent: "claims2", ..base },
        DigestInput { on_behalf_of: None, ..base },
        DigestInput { on_behalf_of: Some(""), ..base },
        DigestInput { run: RunId::new(Uuid::nil()), ..base },
        DigestInput { tool: "refund2", ..base },
        DigestInput { tool_schema_version: "", ..base },
        DigestInput { target: "acct-", ..base },
        DigestInput { arguments: br#"{"amount": 600}"#, ..base },
        DigestInput { preconditions: b"\0", ..base },
        DigestInput { policy_revision: PolicyRevisionId::new(Uuid::nil()), ..base },
        // Bytes that move from one field to the next make another digest.
        DigestInput { tool: "refund2", tool_schema_version: "", ..base },
    ];
    let mut digests: Vec<_> = changed.iter().map(DigestInput::digest).collect();
    digests.push(base.digest());
    let count = digests.len();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), count);
}
