//! Valid requests about people.

use std::time::Duration;

use pointsman_api::v1;
use prost::Message;

use super::requests::World;
use crate::harness::api::{ADMIN, SUPERVISOR, request_id};
use crate::harness::fixture::span;

const YEAR_2100: prost_types::Timestamp =
    prost_types::Timestamp { seconds: 4_102_444_800, nanos: 0 };

fn limit() -> v1::AuthorityLimit {
    v1::AuthorityLimit {
        lanes: vec!["money*".to_owned()],
        tools: vec!["refund".to_owned()],
        max_severity: v1::SeverityTier::High.into(),
        max_amount: Some(v1::Money { units: 5_000.0, currency: "USD".to_owned() }),
        condition: "args.amount > 1".to_owned(),
    }
}

fn pause(method: &str, request_id: String) -> Vec<u8> {
    let (agent, reason) = ("agent-2".to_owned(), "for a test".to_owned());
    match method {
        "PauseAgent" => v1::PauseAgentRequest { request_id, agent, reason }.encode_to_vec(),
        _ => v1::ResumeAgentRequest { request_id, agent, reason }.encode_to_vec(),
    }
}

impl World {
    pub(super) async fn people_request(&self, method: &str) -> (&'static str, Vec<u8>) {
        let request_id = request_id();
        let reviewer: i32 = v1::Role::Reviewer.into();
        let message = match method {
            "ListPrincipals" => {
                v1::ListPrincipalsRequest { page_size: 5, ..Default::default() }.encode_to_vec()
            }
            "ListAuthorities" => {
                v1::ListAuthoritiesRequest { page_size: 5, ..Default::default() }.encode_to_vec()
            }
            "UpdatePrincipal" => v1::UpdatePrincipalRequest {
                request_id,
                principal: "somebody".to_owned(),
                etag: String::new(),
                person: Some("somebody.else".to_owned()),
                owner: Some("ada".to_owned()),
                capacity: Some(5),
                skills: Some(v1::Skills { names: vec!["claims".to_owned()] }),
            }
            .encode_to_vec(),
            "AssignRole" => v1::AssignRoleRequest {
                request_id,
                principal: "somebody".to_owned(),
                role: reviewer,
                start_time: None,
                end_time: Some(YEAR_2100),
            }
            .encode_to_vec(),
            "UnassignRole" => {
                let principal = "reviewer".to_owned();
                v1::UnassignRoleRequest { request_id, principal, role: reviewer }.encode_to_vec()
            }
            "SetAvailability" => {
                let message = v1::SetAvailabilityRequest {
                    request_id,
                    principal: "reviewer".to_owned(),
                    off_duty: true,
                    absent_from: None,
                    absent_until: Some(YEAR_2100),
                    delegate: "admin".to_owned(),
                };
                return (SUPERVISOR, message.encode_to_vec());
            }
            "PauseAgent" | "ResumeAgent" => return (SUPERVISOR, pause(method, request_id)),
            "GrantAuthority" => v1::GrantAuthorityRequest {
                request_id,
                holder: Some(v1::grant_authority_request::Holder::Role(reviewer)),
                limit: Some(limit()),
                start_time: None,
                end_time: Some(YEAR_2100),
                reason: "for a test".to_owned(),
            }
            .encode_to_vec(),
            "RevokeAuthority" => {
                let role = v1::grant_authority_request::Holder::Role(reviewer);
                let admin = self.fixture.admin();
                let granted = admin.grant_authority(role, limit(), "for a test");
                let authority_id = granted.await.unwrap().authority_id;
                v1::RevokeAuthorityRequest { request_id, authority_id }.encode_to_vec()
            }
            "BreakGlass" => {
                let ttl = Some(span(Duration::from_secs(60)));
                let reason = "for a test".to_owned();
                let message = v1::BreakGlassRequest { request_id, reason, ttl };
                return (SUPERVISOR, message.encode_to_vec());
            }
            _ => panic!("no valid request for {method}: add one"),
        };
        (ADMIN, message)
    }
}
