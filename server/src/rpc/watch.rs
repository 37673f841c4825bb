//! `WatchService`: several watches on one stream.
//!
//! Parts take turns, and none is asked for its next message before its last was taken.

use std::collections::HashSet;

use futures::stream::{BoxStream, SelectAll, StreamExt as _, once};
use pointsman_api::v1;
use pointsman_api::v1::watch_part::Watch as Wanted;
use pointsman_api::v1::watch_response::Message as Told;
use pointsman_api::v1::watch_service_server::WatchService;
use tonic::{Request, Response, Status};
use tonic_types::StatusExt as _;

use super::Shared;
use super::auth::Pass;
use super::caller::{StreamCall, open_stream};
use super::convert::{answer, at, unspecified};
use super::limits::MAX_WATCH_PARTS;
use super::streams::Guarded;
use super::watches::{self, Opened};
use crate::domain::error::Error;
use crate::domain::principal::Principal;

/// The longest tag, in bytes.
const MAX_TAG_BYTES: usize = 64;

type Part = BoxStream<'static, Result<v1::WatchResponse, Status>>;

/// Answers for sets of watches.
#[derive(Clone)]
pub(super) struct Watches(pub(super) Shared);

#[tonic::async_trait]
impl WatchService for Watches {
    type WatchStream = Guarded<v1::WatchResponse>;

    async fn watch(
        &self,
        request: Request<v1::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let StreamCall { caller, pass, message } = open_stream(request)?;
        let mut parts = SelectAll::new();
        for (place, (tag, wanted)) in read(message.parts)?.into_iter().enumerate() {
            let part = self.part(&caller, &pass, tag, wanted).await;
            parts.push(part.map_err(|error| at_part(place, error))?);
        }
        answer(self.0.streams.guard(pass, parts)?)
    }
}

impl Watches {
    /// Opens one of the watches; that it is refused is its only message. What is no request
    /// at all is an error of the whole.
    async fn part(
        &self,
        caller: &Principal,
        pass: &Pass,
        tag: String,
        wanted: Wanted,
    ) -> Result<Part, Error> {
        let engine = &self.0.engine;
        match wanted {
            Wanted::Escalations(request) => {
                let opened = watches::of_escalations(engine, caller, request).await;
                self.tagged(pass, tag, opened, Told::Escalations)
            }
            Wanted::Runs(request) => {
                let opened = watches::of_runs(engine, caller, request).await;
                self.tagged(pass, tag, opened, Told::Runs)
            }
            Wanted::Reasoning(request) => {
                let opened = watches::of_reasoning(engine, caller, request).await;
                self.tagged(pass, tag, opened, Told::Reasoning)
            }
            Wanted::Override(request) => {
                let opened = watches::of_override(engine, caller, request).await;
                self.tagged(pass, tag, opened, Told::Override)
            }
        }
    }

    fn tagged<M: Send + 'static>(
        &self,
        pass: &Pass,
        tag: String,
        opened: Result<Opened<M>, Error>,
        told: fn(M) -> Told,
    ) -> Result<Part, Error> {
        let messages = match opened {
            Ok(Opened { need, messages }) => {
                self.0.streams.while_permitted(pass.clone().resting_on(need), messages)
            }
            Err(error @ Error::InvalidField { .. }) => return Err(error),
            Err(error) => once(async { Err(Status::from(error)) }).boxed(),
        };
        let tagged = messages.map(move |message| {
            let message = match message {
                Ok(message) => told(message),
                Err(status) => Told::End(end(&status)),
            };
            Ok(v1::WatchResponse { tag: tag.clone(), message: Some(message) })
        });
        Ok(tagged.boxed())
    }
}

/// Reads what is wanted under which tag.
fn read(parts: Vec<v1::WatchPart>) -> Result<Vec<(String, Wanted)>, Error> {
    if parts.is_empty() || parts.len() > MAX_WATCH_PARTS {
        return Err(Error::field("parts", format!("want 1 to {MAX_WATCH_PARTS}")));
    }
    let (mut tags, mut read) = (HashSet::new(), Vec::with_capacity(parts.len()));
    for (place, v1::WatchPart { tag, watch }) in parts.into_iter().enumerate() {
        let field = at("parts", place, "tag");
        if tag.is_empty() || tag.len() > MAX_TAG_BYTES {
            return Err(Error::field(field, format!("want 1 to {MAX_TAG_BYTES} bytes")));
        }
        if !tags.insert(tag.clone()) {
            return Err(Error::field(field, "another part has this tag"));
        }
        let watch = watch.ok_or_else(|| unspecified(&at("parts", place, "watch")))?;
        read.push((tag, watch));
    }
    Ok(read)
}

/// Gives an error the place of its part in the request.
fn at_part(place: usize, error: Error) -> Error {
    match error {
        Error::InvalidField { field, problem } => Error::field(at("parts", place, &field), problem),
        other => other,
    }
}

fn end(status: &Status) -> v1::WatchPartEnd {
    let info = status.get_details_error_info();
    let (reason, metadata) = info.map(|info| (info.reason, info.metadata)).unwrap_or_default();
    let (code, message) = (status.code().into(), status.message().to_owned());
    let detail = |(key, value)| v1::WatchPartDetail { key, value };
    v1::WatchPartEnd { code, reason, message, details: metadata.into_iter().map(detail).collect() }
}
