//! Who is calling, and what somebody may do.

use pointsman_api::v1;
use pointsman_api::v1::check_access_request::What;
use pointsman_api::v1::get_caller_response::Credential;
use tonic::{Request, Response, Status};

use crate::domain::error::Error;
use crate::domain::escalation::SeverityTier;
use crate::domain::principal::Principal;
use crate::engine::Need;
use crate::engine::access::{Access, MadeUp, Wanted};
use crate::engine::identity::SPIFFE_SCHEME;
use crate::rpc::caller::{Call, open};
use crate::rpc::convert::escalations::read_severity;
use crate::rpc::convert::people::{availability, read_stake, role};
use crate::rpc::convert::{self, answer, known, text_of, time};
use crate::rpc::{Shared, methods, status};

/// What every served method's path begins with.
const PACKAGE: &str = "/pointsman.v1.";

pub(super) async fn get_caller(
    shared: &Shared,
    request: Request<v1::GetCallerRequest>,
) -> Result<Response<v1::GetCallerResponse>, Status> {
    let Call { caller, .. } = open(request)?;
    let found = shared.engine.caller(&caller).await?;
    let roles = found.roles.into_iter().map(|it| v1::HeldRole {
        role: role(it.role).into(),
        assigned: it.is_assigned,
        end_time: it.end_time.map(time),
    });
    answer(v1::GetCallerResponse {
        roles: roles.collect(),
        credential: credential(&caller).into(),
        token_id: text_of(found.token.as_ref().map(|token| token.id)),
        credential_expire_time: found.token.and_then(|token| token.expire_time).map(time),
        availability: found.availability.map(availability),
        person: found.person.unwrap_or_default(),
        server_time: Some(time(shared.engine.now())),
        tenant: caller.tenant,
        principal: caller.name,
    })
}

/// Only a certificate names a workload, and only this server's tokens have an id here.
fn credential(caller: &Principal) -> Credential {
    match caller.credential.token {
        Some(_) => Credential::Token,
        None if caller.name.starts_with(SPIFFE_SCHEME) => Credential::Certificate,
        None => Credential::SignedToken,
    }
}

pub(super) async fn check_access(
    shared: &Shared,
    request: Request<v1::CheckAccessRequest>,
) -> Result<Response<v1::CheckAccessResponse>, Status> {
    let Call { caller, message } = open(request)?;
    let v1::CheckAccessRequest { principal, what } = message;
    let checked = match what.map(read).transpose()? {
        Some(wanted) => said(shared.engine.check_access(&caller, &principal, &wanted).await?),
        None => v1::CheckAccessResponse {
            methods: every_method(shared, &caller, &principal).await?,
            ..Default::default()
        },
    };
    let server_time = Some(time(shared.engine.now()));
    answer(v1::CheckAccessResponse { server_time, ..checked })
}

fn read(what: What) -> Result<Wanted, Error> {
    Ok(match what {
        What::Method(method) => {
            let need = methods::need_of(&format!("{PACKAGE}{method}"));
            let problem = "want an rpc of this server, such as `RunService/StartRun`";
            Wanted::Call(need.ok_or_else(|| Error::field("method", problem))?)
        }
        What::EscalationId(id) => Wanted::Answer(convert::id("escalation_id", &id)?),
        What::Matter(matter) => {
            let severity = read_severity(known("matter.severity", matter.severity)?);
            Wanted::AnswerLike(MadeUp {
                lane: matter.lane,
                tool: matter.tool,
                severity: severity.unwrap_or(SeverityTier::Critical),
                stake: read_stake("matter.amount", matter.amount)?,
            })
        }
    })
}

fn said(access: Access) -> v1::CheckAccessResponse {
    match access {
        Access::Allowed(authority) => v1::CheckAccessResponse {
            allowed: true,
            authority_id: text_of(authority),
            ..Default::default()
        },
        Access::Refused { error, depends_on_call } => v1::CheckAccessResponse {
            reason: status::reason(&error).into(),
            explanation: error.to_string(),
            depends_on_call,
            ..Default::default()
        },
    }
}

async fn every_method(
    shared: &Shared,
    caller: &Principal,
    principal: &str,
) -> Result<Vec<v1::MethodAccess>, Status> {
    let unreadable = |cause: methods::CatalogueError| Error::Internal { cause: cause.to_string() };
    let mut served = methods::served().map_err(unreadable)?;
    served.sort_by(|one, other| one.0.cmp(&other.0));
    let needs: Vec<Need> = served.iter().map(|(_, need, _)| *need).collect();
    let allowed = shared.engine.check_needs(caller, principal, &needs).await?;
    let rows = served.into_iter().zip(allowed).map(|((path, need, _), allowed)| v1::MethodAccess {
        method: path.strip_prefix(PACKAGE).unwrap_or(&path).to_owned(),
        allowed,
        role_required: need.role().to_owned(),
    });
    Ok(rows.collect())
}
