//! `DrillService`: past cases on which people practise.

use pointsman_api::v1;
use pointsman_api::v1::drill_service_server::DrillService;
use tonic::{Request, Response, Status};

use super::caller::{Call, open};
use super::convert::drills::{card, drill, read_choice, results};
use super::convert::{self, answer, header, page, time};
use super::limits::{fits, fits_after};
use crate::domain::drill::DrillChoice;
use crate::engine::Engine;
use crate::engine::drills::{AnswerDrill, CreateDrill, NotNow, Offered, Plant};

/// Answers for those who practise.
#[derive(Clone)]
pub(super) struct Drills(pub(super) Engine);

#[tonic::async_trait]
impl DrillService for Drills {
    async fn create_drill(
        &self,
        request: Request<v1::CreateDrillRequest>,
    ) -> Result<Response<v1::CreateDrillResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let plant = message.plant.map(|it| Plant {
            place: it.place,
            value: it.value.to_vec(),
            words: it.defect,
        });
        let command = CreateDrill {
            request_id: message.request_id,
            source: convert::id("escalation_id", &message.escalation_id)?,
            plant,
        };
        let created = self.0.create_drill(&caller, command).await?;
        let header = header(&created);
        answer(fits_after(v1::CreateDrillResponse { header, drill: Some(drill(created.value)) })?)
    }

    async fn list_drills(
        &self,
        request: Request<v1::ListDrillsRequest>,
    ) -> Result<Response<v1::ListDrillsResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let page = page(message.page_size, message.page_token);
        let listed = self.0.list_drills(&caller, page).await?;
        answer(fits(v1::ListDrillsResponse {
            drills: listed.items.into_iter().map(drill).collect(),
            next_page_token: listed.next_page_token,
            server_time: Some(time(self.0.now())),
        })?)
    }

    async fn take_drill(
        &self,
        request: Request<v1::TakeDrillRequest>,
    ) -> Result<Response<v1::TakeDrillResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let taken = self.0.take_drill(&caller, &message.request_id).await?;
        let header = header(&taken);
        let none = v1::TakeDrillResponse { header, ..Default::default() };
        let why = match taken.value {
            Offered::Drill(view) => {
                let card = Some(card(*view));
                return answer(fits_after(v1::TakeDrillResponse { card, ..none })?);
            }
            Offered::NotNow(why) => why,
        };
        let rest_until_time = match why {
            NotNow::Resting(until) => Some(time(until)),
            _ => None,
        };
        answer(v1::TakeDrillResponse { not_now: not_now(why).into(), rest_until_time, ..none })
    }

    async fn answer_drill(
        &self,
        request: Request<v1::AnswerDrillRequest>,
    ) -> Result<Response<v1::AnswerDrillResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let command = AnswerDrill {
            request_id: message.request_id,
            drill: convert::id("drill_id", &message.drill_id)?,
            choice: read_choice(message.choice)?,
        };
        let answered = self.0.answer_drill(&caller, command).await?;
        let header = header(&answered);
        let said = answered.value;
        let right = said.choice == DrillChoice::right(said.view.drill.is_planted);
        let drill = Some(drill(said.view));
        answer(fits_after(v1::AnswerDrillResponse { header, right, drill })?)
    }

    async fn get_drill_stats(
        &self,
        request: Request<v1::GetDrillStatsRequest>,
    ) -> Result<Response<v1::GetDrillStatsResponse>, Status> {
        let Call { caller, .. } = open(request)?;
        let seen = results(self.0.drill_stats(&caller).await?);
        let server_time = Some(time(self.0.now()));
        answer(fits(v1::GetDrillStatsResponse { server_time, ..seen })?)
    }
}

const fn not_now(why: NotNow) -> v1::DrillNotNow {
    match why {
        NotNow::NotOffered => v1::DrillNotNow::NotOffered,
        NotNow::Resting(_) => v1::DrillNotNow::Resting,
        NotNow::Busy => v1::DrillNotNow::Busy,
        NotNow::NoneLeft => v1::DrillNotNow::NoneLeft,
    }
}
