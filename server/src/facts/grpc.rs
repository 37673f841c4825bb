//! Providers that serve `FactProviderService`.

use std::collections::BTreeMap;

use async_trait::async_trait;
use http::Uri;
use pointsman_api::v1;
use pointsman_api::v1::fact_provider_service_client::FactProviderServiceClient;
use prost_types::Timestamp as WireTimestamp;
use tonic::body::Body;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Status};

use super::client::{Access, HttpClient, unreachable};
use super::{MAX_ANSWER_BYTES, values};
use crate::config::FactProtocol;
use crate::domain::policy::Reply;
use crate::domain::time::Timestamp;
use crate::engine::facts::{FactProvider, Question};

/// One provider, asked over gRPC.
pub(super) struct GrpcProvider {
    client: FactProviderServiceClient<HttpClient<Body>>,
    access: Access,
}

impl GrpcProvider {
    pub(super) fn new(uri: Uri, access: Access) -> Self {
        let client = access.client(FactProtocol::Grpc);
        let client = FactProviderServiceClient::with_origin(client, uri)
            .max_decoding_message_size(MAX_ANSWER_BYTES);
        Self { client, access }
    }
}

#[async_trait]
impl FactProvider for GrpcProvider {
    async fn ask(&self, question: &Question) -> Result<BTreeMap<String, Reply>, String> {
        let mut request = Request::new(message(question));
        if let Some(header) = self.access.authorization().await? {
            let value = MetadataValue::try_from(header.as_bytes());
            let mut value = value.map_err(|_| "its token cannot be sent".to_owned())?;
            value.set_sensitive(true);
            request.metadata_mut().insert("authorization", value);
        }
        let answer = self.client.clone().get_facts(request).await;
        let answer = answer.map_err(|status| words(&status))?.into_inner();
        values::by_name(answer.facts.into_iter().map(|fact| {
            let value = values::to_json(fact.value);
            (fact.name, Reply { value, time: fact.observe_time.and_then(time) })
        }))
    }
}

fn message(question: &Question) -> v1::GetFactsRequest {
    v1::GetFactsRequest {
        names: question.names.clone(),
        tool: question.tool.clone(),
        run_id: question.run.map(|id| id.to_string()).unwrap_or_default(),
        agent: question.agent.clone(),
        on_behalf_of: question.on_behalf_of.clone().unwrap_or_default(),
        arguments: Some(values::to_struct(&question.arguments)),
    }
}

/// What became of a call; not in the provider's words.
fn words(status: &Status) -> String {
    match status.code() {
        // tonic's own words for a message over the limit have this code.
        Code::OutOfRange => format!("it answered OutOfRange, or over {MAX_ANSWER_BYTES} bytes"),
        code => match std::error::Error::source(status) {
            Some(cause) => unreachable(cause),
            None => format!("it answered {code:?}"),
        },
    }
}

/// A time of the wire; none where it is out of range.
pub(super) fn time(time: WireTimestamp) -> Option<Timestamp> {
    let micros = time.seconds.checked_mul(1_000_000)?;
    Some(Timestamp::from_micros(micros.checked_add(i64::from(time.nanos) / 1_000)?))
}
