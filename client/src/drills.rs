//! Past cases on which people practise.

use std::future::Future;

use pointsman_api::v1;
use pointsman_api::v1::drill_service_client::DrillServiceClient;
use tonic::{Request, Response, Status};

use crate::connect::{AuthorizedChannel, Connection, promised};
use crate::error::Result;

type Service = DrillServiceClient<AuthorizedChannel>;

/// Calls `DrillService`: supervisors make drills, reviewers practise.
#[derive(Clone, Debug)]
pub struct Drills {
    connection: Connection,
}

/// What to plant in a past case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planted {
    /// Where: `@target`, or a JSON pointer into the arguments.
    pub place: String,
    /// What: JSON.
    pub value: String,
    /// What is wrong with it, in words.
    pub defect: String,
}

impl Drills {
    /// Makes a caller of a connection.
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Makes a drill of a question that people have answered; with nothing planted, of
    /// one that was approved.
    ///
    /// # Errors
    ///
    /// As `DrillService.CreateDrill`.
    pub async fn create(
        &self,
        escalation_id: impl Into<String>,
        planted: Option<Planted>,
    ) -> Result<v1::Drill> {
        let plant = planted.map(|Planted { place, value, defect }| v1::DrillPlant {
            place,
            value: value.into(),
            defect,
        });
        let request_id = self.connection.new_request_id();
        let request =
            v1::CreateDrillRequest { request_id, escalation_id: escalation_id.into(), plant };
        let answer =
            self.call(request, |mut service, request| async move {
                service.create_drill(request).await
            })
            .await?;
        promised(answer.drill, "drill")
    }

    /// Returns a page of drills with what is wrong with them, the newest first.
    ///
    /// # Errors
    ///
    /// As `DrillService.ListDrills`.
    pub async fn list(&self, request: v1::ListDrillsRequest) -> Result<v1::ListDrillsResponse> {
        self.call(request, |mut service, request| async move { service.list_drills(request).await })
            .await
    }

    /// Takes a drill, or the one that the caller has; the answer says why there is none.
    ///
    /// # Errors
    ///
    /// As `DrillService.TakeDrill`.
    pub async fn take(&self) -> Result<v1::TakeDrillResponse> {
        let request = v1::TakeDrillRequest { request_id: self.connection.new_request_id() };
        self.call(request, |mut service, request| async move { service.take_drill(request).await })
            .await
    }

    /// Says what the caller would do about the drill that it has.
    ///
    /// # Errors
    ///
    /// As `DrillService.AnswerDrill`.
    pub async fn answer(
        &self,
        drill_id: impl Into<String>,
        choice: v1::DrillChoice,
    ) -> Result<v1::AnswerDrillResponse> {
        let request = v1::AnswerDrillRequest {
            request_id: self.connection.new_request_id(),
            drill_id: drill_id.into(),
            choice: choice.into(),
        };
        self.call(
            request,
            |mut service, request| async move { service.answer_drill(request).await },
        )
        .await
    }

    /// Counts what came of drills, as far as the caller may see it.
    ///
    /// # Errors
    ///
    /// As `DrillService.GetDrillStats`.
    pub async fn stats(&self) -> Result<v1::GetDrillStatsResponse> {
        let request = v1::GetDrillStatsRequest {};
        self.call(
            request,
            |mut service, request| async move { service.get_drill_stats(request).await },
        )
        .await
    }

    async fn call<M, T, F>(&self, message: M, call: impl Fn(Service, Request<M>) -> F) -> Result<T>
    where
        M: Clone,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let call = |request| call(self.connection.drill_service(), request);
        self.connection.send(message, call).await
    }
}
