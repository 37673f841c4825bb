//! Valid requests about overrides. None holds more than a run of its own: the others go
//! on.

use pointsman_api::v1;
use pointsman_api::v1::r#override::{AtEnd, Kind, State};
use pointsman_api::v1::override_scope::Scope;
use pointsman_client::{Intent, Overrides};
use prost::Message;

use super::requests::World;
use crate::harness::api::{AGENT, REVIEWER, SUPERVISOR, request_id};
use crate::harness::fixture::span;

impl World {
    pub(super) async fn override_request(&self, method: &str) -> (&'static str, Vec<u8>) {
        let request_id = request_id();
        match method {
            "RequestOverride" => {
                let (run_id, _) = self.paused().await;
                let message = v1::RequestOverrideRequest {
                    request_id,
                    scope: Some(v1::OverrideScope { scope: Some(Scope::RunId(run_id)) }),
                    kind: Kind::Resume.into(),
                    reason: "for a test".to_owned(),
                    ttl: Some(span(std::time::Duration::from_secs(60))),
                    at_end: AtEnd::Stay.into(),
                    run_etag: "1".to_owned(),
                    redirect: None,
                };
                (SUPERVISOR, message.encode_to_vec())
            }
            "ConfirmOverride" => {
                let lead = self.fixture.token("lead", v1::Role::Supervisor).await;
                let lead = Overrides::new(self.fixture.connection(&lead));
                let scope = Scope::Fleet(v1::OverrideFleet {});
                let pending = lead.request(intent(Kind::Resume, scope)).await.unwrap();
                let override_id = pending.override_id;
                let message = v1::ConfirmOverrideRequest { request_id, override_id };
                (SUPERVISOR, message.encode_to_vec())
            }
            "GetOverride" => {
                let (_, override_id) = self.paused().await;
                (REVIEWER, v1::GetOverrideRequest { override_id }.encode_to_vec())
            }
            "ListOverrides" => {
                let (run_id, _) = self.paused().await;
                let request = v1::ListOverridesRequest {
                    page_size: 5,
                    page_token: String::new(),
                    run_id,
                    agent: "agent".to_owned(),
                    in_force: true,
                };
                (REVIEWER, request.encode_to_vec())
            }
            "WatchOverride" => {
                let (_, override_id) = self.paused().await;
                let heartbeat = Some(span(std::time::Duration::from_secs(5)));
                (REVIEWER, v1::WatchOverrideRequest { override_id, heartbeat }.encode_to_vec())
            }
            "ReceiveOverrides" => {
                let (run_id, _) = self.paused().await;
                (AGENT, v1::ReceiveOverridesRequest { run_id, wait: None }.encode_to_vec())
            }
            "AcknowledgeOverride" => {
                let (run_id, override_id) = self.paused().await;
                let message = v1::AcknowledgeOverrideRequest {
                    request_id,
                    override_id,
                    run_id,
                    state: State::Acknowledged.into(),
                    words: "I was about to pay".to_owned(),
                    still_running: vec!["a payment".to_owned()],
                };
                (AGENT, message.encode_to_vec())
            }
            _ => panic!("no valid request for {method}: add one"),
        }
    }

    /// A run that somebody paused, and by what.
    async fn paused(&self) -> (String, String) {
        let run_id = self.fixture.run().await.run_id().to_owned();
        let supervisor = Overrides::new(self.fixture.connection(SUPERVISOR));
        let scope = Scope::RunId(run_id.clone());
        let paused = supervisor.request(intent(Kind::PauseNow, scope)).await.unwrap();
        (run_id, paused.override_id)
    }
}

fn intent(kind: Kind, scope: Scope) -> Intent {
    Intent { kind, scope: Some(scope), reason: "for a test".to_owned(), ..Intent::default() }
}
