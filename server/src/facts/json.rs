//! Providers that take the proto3 JSON form of the same messages in a POST.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use prost_types::Timestamp as WireTimestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::client::{Access, HttpClient, unreachable};
use super::{MAX_ANSWER_BYTES, grpc, values};
use crate::config::FactProtocol;
use crate::domain::policy::Reply;
use crate::engine::facts::{FactProvider, Question};

const JSON: &str = "application/json";

/// One provider, asked over HTTP.
pub(super) struct JsonProvider {
    uri: Uri,
    client: HttpClient<Full<Bytes>>,
    access: Access,
}

/// `GetFactsRequest`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Asked<'a> {
    names: &'a [String],
    tool: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<String>,
    agent: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_behalf_of: Option<&'a str>,
    arguments: &'a Map<String, Value>,
}

/// `GetFactsResponse`. Fields that are not known here come from a later version.
#[derive(Deserialize)]
struct Answered {
    #[serde(default)]
    facts: Vec<FactSource>,
}

#[derive(Deserialize)]
struct FactSource {
    #[serde(default)]
    name: String,
    #[serde(default)]
    value: Value,
    #[serde(default, rename = "observeTime", alias = "observe_time")]
    observe_time: Option<String>,
}

impl JsonProvider {
    pub(super) fn new(uri: Uri, access: Access) -> Self {
        Self { uri, client: access.client(FactProtocol::Http), access }
    }

    async fn request(&self, question: &Question) -> Result<Request<Full<Bytes>>, String> {
        let asked = Asked {
            names: &question.names,
            tool: &question.tool,
            run_id: question.run.map(|id| id.to_string()),
            agent: &question.agent,
            on_behalf_of: question.on_behalf_of.as_deref(),
            arguments: &question.arguments,
        };
        let unsendable = || "the question cannot be sent".to_owned();
        let body = serde_json::to_vec(&asked).map_err(|_| unsendable())?;
        let mut request =
            Request::post(self.uri.clone()).body(Full::from(body)).map_err(|_| unsendable())?;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        headers.insert(ACCEPT, HeaderValue::from_static(JSON));
        if let Some(token) = self.access.authorization().await? {
            headers.insert(AUTHORIZATION, token);
        }
        Ok(request)
    }
}

#[async_trait]
impl FactProvider for JsonProvider {
    async fn ask(&self, question: &Question) -> Result<BTreeMap<String, Reply>, String> {
        let request = self.request(question).await?;
        let answer = self.client.request(request).await.map_err(|error| unreachable(&error))?;
        require_answer(answer.status(), answer.headers())?;
        let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| match error.is::<http_body_util::LengthLimitError>() {
            true => format!("it answered over {MAX_ANSWER_BYTES} bytes"),
            false => "its answer broke off".to_owned(),
        })?;
        let answered: Answered = serde_json::from_slice(&body.to_bytes())
            .map_err(|_| "its answer is not a GetFactsResponse in JSON".to_owned())?;
        values::by_name(answered.facts.into_iter().map(|fact| {
            let time = fact.observe_time.and_then(|text| text.parse::<WireTimestamp>().ok());
            (fact.name, Reply { value: fact.value, time: time.and_then(grpc::time) })
        }))
    }
}

fn require_answer(status: StatusCode, headers: &HeaderMap) -> Result<(), String> {
    if status.is_redirection() {
        return Err(format!("it answered {}, and is not followed elsewhere", status.as_u16()));
    }
    if status != StatusCode::OK {
        return Err(format!("it answered {}", status.as_u16()));
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case(JSON) {
        return Err(format!("its answer is not of type {JSON}"));
    }
    Ok(())
}
