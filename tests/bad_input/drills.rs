//! Valid requests about drills.

use pointsman_api::v1;
use pointsman_client::{Drills, Planted};
use prost::Message;

use super::requests::World;
use crate::harness::api::{SUPERVISOR, request_id};

const SETTINGS: &str = "version: 1\ndrills: {people: [\"*\"]}";
const PLACE: &str = "@target";
const VALUE: &str = "\"somewhere else\"";

impl World {
    pub(super) async fn drill_request(&self, method: &str) -> (&'static str, Vec<u8>) {
        let request_id = request_id();
        let message = match method {
            "CreateDrill" => v1::CreateDrillRequest {
                request_id,
                escalation_id: self.past_case().await,
                plant: Some(v1::DrillPlant {
                    place: PLACE.to_owned(),
                    value: VALUE.into(),
                    defect: "for a test".to_owned(),
                }),
            }
            .encode_to_vec(),
            "ListDrills" => {
                v1::ListDrillsRequest { page_size: 5, page_token: String::new() }.encode_to_vec()
            }
            "TakeDrill" => {
                self.put_settings(SETTINGS).await;
                v1::TakeDrillRequest { request_id }.encode_to_vec()
            }
            "AnswerDrill" => {
                let (drill_id, choice) = (self.drill().await, v1::DrillChoice::Reject.into());
                v1::AnswerDrillRequest { request_id, drill_id, choice }.encode_to_vec()
            }
            "GetDrillStats" => v1::GetDrillStatsRequest {}.encode_to_vec(),
            _ => panic!("no valid request for {method}: add one"),
        };
        (SUPERVISOR, message)
    }

    /// A question that was approved.
    async fn past_case(&self) -> String {
        let wait = self.open().await;
        let seen = self.fixture.shown(wait.escalation_id()).await;
        self.fixture.reviewer().approve(&seen, "for a test").await.unwrap().escalation_id
    }

    /// A drill that the supervisor has, as long as it may have one.
    async fn drill(&self) -> String {
        self.put_settings(SETTINGS).await;
        let lead = self.fixture.token("lead", v1::Role::Supervisor).await;
        let lead = Drills::new(self.fixture.connection(&lead));
        let planted = Planted {
            place: PLACE.to_owned(),
            value: VALUE.to_owned(),
            defect: "for a test".to_owned(),
        };
        let made = lead.create(self.past_case().await, Some(planted)).await.unwrap();
        let taken = Drills::new(self.fixture.connection(SUPERVISOR)).take().await.unwrap();
        let offered = taken.card.map(|card| card.drill_id);
        offered.unwrap_or_else(|| made.card.unwrap().drill_id)
    }
}
