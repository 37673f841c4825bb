//! Answers to several questions at once.

use pointsman_api::v1;
use pointsman_api::v1::bulk_left_out::Reason;
use pointsman_api::v1::resolve_bulk_request::Answer as WireAnswer;
use tonic::{Request, Response, Status};

use crate::domain::digest::Digest;
use crate::domain::error::Error;
use crate::domain::escalation::bulk::LeftOut;
use crate::engine::Engine;
use crate::engine::resolve::{BulkItem, BulkPreview, PreviewBulk, ResolveBulk};
use crate::rpc::caller::{Call, open};
use crate::rpc::convert::{self, actions, answer, escalations, header, time};
use crate::rpc::limits::fits;

pub(super) async fn preview(
    engine: &Engine,
    request: Request<v1::PreviewBulkResolutionRequest>,
) -> Result<Response<v1::PreviewBulkResolutionResponse>, Status> {
    let Call { caller, message } = open(request)?;
    let ids = message.escalation_ids.iter().map(|id| convert::id("escalation_ids", id));
    let ids: Vec<_> = ids.collect::<Result<_, _>>()?;
    if message.filter.is_some() && !ids.is_empty() {
        return Err(Error::field("filter", "want either a filter or escalation_ids").into());
    }
    let command = PreviewBulk {
        ids,
        filter: escalations::read_filter(message.filter)?,
        with_outliers: message.include_outliers,
    };
    answer(fits(shown(engine.preview_bulk(&caller, command).await?))?)
}

pub(super) async fn resolve(
    engine: &Engine,
    request: Request<v1::ResolveBulkRequest>,
) -> Result<Response<v1::ResolveBulkResponse>, Status> {
    let Call { caller, message } = open(request)?;
    let is_approved = match convert::known("answer", message.answer)? {
        WireAnswer::Unspecified => return Err(convert::unspecified("answer").into()),
        WireAnswer::Approve => true,
        WireAnswer::Reject => false,
    };
    let seen = message.items.iter().map(|item| {
        let digest = Digest::from_slice(&item.action_digest)
            .ok_or_else(|| Error::field("items.action_digest", "want 32 bytes"))?;
        Ok((convert::id("items.escalation_id", &item.escalation_id)?, digest))
    });
    let command = ResolveBulk {
        request_id: message.request_id,
        token: message.preview_token,
        seen: seen.collect::<Result<_, Error>>()?,
        is_approved,
        note: message.note,
        reason_code: message.reason_code,
        surface: message.surface,
    };
    let resolved = engine.resolve_bulk(&caller, command).await?;
    let (header, now) = (header(&resolved), resolved.time);
    let views = resolved.value.into_iter().map(|view| escalations::escalation(view, now));
    answer(fits(v1::ResolveBulkResponse { header, escalations: views.collect() })?)
}

fn shown(preview: BulkPreview) -> v1::PreviewBulkResolutionResponse {
    let left_out = preview.left_out.into_iter().map(|(id, why)| v1::BulkLeftOut {
        escalation_id: id.to_string(),
        reason: reason(why).into(),
    });
    let kind = preview.kind.as_ref();
    v1::PreviewBulkResolutionResponse {
        preview_token: preview.token,
        count: preview.items.len() as u32,
        set_digest: preview.digest.as_ref().map(actions::digest).unwrap_or_default(),
        expire_time: Some(time(preview.expire_time)),
        tool: kind.map(|kind| kind.tool.clone()).unwrap_or_default(),
        rule: kind.and_then(|kind| kind.rule.clone()).unwrap_or_default(),
        policy_revision_id: kind.map(|kind| kind.policy_revision.to_string()).unwrap_or_default(),
        columns: preview.columns,
        more_column_count: preview.more_columns as u32,
        items: preview.items.into_iter().map(item).collect(),
        outliers: preview.outliers.into_iter().map(item).collect(),
        left_out: left_out.collect(),
    }
}

fn item(item: BulkItem) -> v1::BulkItem {
    let BulkItem { view, values, outlier } = item;
    v1::BulkItem {
        escalation_id: view.escalation.id.to_string(),
        action_digest: actions::digest(&view.escalation.action_digest),
        headline: view.briefing.headline,
        values,
        outlier_column: outlier.unwrap_or_default(),
    }
}

const fn reason(why: LeftOut) -> Reason {
    match why {
        LeftOut::OtherKind => Reason::OtherKind,
        LeftOut::TooGrave => Reason::TooGrave,
        LeftOut::MorePeople => Reason::MorePeople,
        LeftOut::Claimed => Reason::Claimed,
        LeftOut::NotYours => Reason::NotYours,
        LeftOut::NoRoom => Reason::NoRoom,
    }
}
