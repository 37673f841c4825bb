//! Below and above one's authority: every rpc, called by who may call it, about questions
//! of an amount that the caller's authority covers, and about the same ones when it does
//! not.

use bytes::Bytes;
use pointsman_api::v1;
use pointsman_api::v1::claim_next_escalation_response;
use pointsman_api::v1::grant_authority_request::Holder;
use pointsman_api::v1::resolve_escalation_request::Resolution;
use pointsman_client::{Admin, Answer, Error, Proposal, RunHandle};
use prost::Message as _;
use tonic::Code;
use tonic::transport::Channel;

use super::TABLE;
use crate::bad_input::requests::World;
use crate::harness::api::{AGENT, REVIEWER, request_id};
use crate::harness::fixture::{AMOUNT, allowed, another, asked};
use crate::harness::golden::assert_golden;
use crate::harness::poll::{PATIENCE, within};
use crate::harness::{policy, raw};

const RESOLVE: &str = "/pointsman.v1.EscalationService/ResolveEscalation";
const PREVIEW: &str = "/pointsman.v1.EscalationService/PreviewBulkResolution";
const NEXT: &str = "/pointsman.v1.EscalationService/ClaimNextEscalation";
const REVERSE: &str = "/pointsman.v1.ActionService/ReverseAction";
const REDEEM: &str = "/pointsman.v1.ActionService/RedeemGrant";

/// What a person answers within the amount that was asked about, and beyond it.
const ANSWERS: [(&str, u32); 7] = [
    ("approve", 0),
    ("modify to less than both", AMOUNT / 4),
    ("modify to more than both", AMOUNT * 4),
    ("reject", 0),
    ("respond", 0),
    ("instruct", 0),
    ("approve, validate only", 0),
];

/// What has rows of its own: the ordinary request is about no amount, or its answer says
/// more than that it is one.
const OWN_ROWS: [&str; 3] = [
    "ActionService/ReverseAction",
    "EscalationService/ClaimNextEscalation",
    "EscalationService/ResolveEscalation",
];

/// Everybody who answers may as far as this, and no further.
#[derive(Clone, Copy)]
enum Reach {
    Below,
    Above,
}

impl Reach {
    /// What the amount asked about is below, or above.
    fn limit(self) -> v1::AuthorityLimit {
        let units = match self {
            Self::Below => AMOUNT + AMOUNT / 2,
            Self::Above => AMOUNT / 2,
        };
        let max_amount = Some(v1::Money { units: units.into(), currency: String::new() });
        v1::AuthorityLimit { max_amount, ..Default::default() }
    }
}

/// A server whose tools say what they cost.
async fn world() -> World {
    let tool = |name: &str| format!("{name}: {{ outcome_timeout: 1d");
    let mut document =
        policy::BY_NAME.replace("tools:\n", "tools:\n  look_at: { amount: amount }\n");
    for name in ["allow_it", "ask_it"] {
        document = document.replace(&tool(name), &format!("{}, amount: amount", tool(name)));
    }
    assert_eq!(document.matches("amount: amount").count(), 3);
    World::start_under(&document).await
}

/// A server, and up to where everybody who answers may.
struct Desk {
    world: World,
    channel: Channel,
    admin: Admin,
    run: RunHandle,
    /// The authority in force.
    authority: String,
}

impl Desk {
    async fn open() -> Self {
        let world = world().await;
        let (admin, run) = (world.fixture.admin(), world.fixture.run().await);
        let listed = admin.list_authorities(Default::default()).await.unwrap();
        let [built_in] = &listed.authorities[..] else { panic!("{listed:?}") };
        let authority = built_in.authority_id.clone();
        let channel = raw::channel(world.fixture.address());
        Self { world, channel, admin, run, authority }
    }

    /// Puts one authority in the place of the other.
    async fn limit(&mut self, limit: v1::AuthorityLimit) {
        let everybody = Holder::Role(v1::Role::Reviewer.into());
        let granted = self.admin.grant_authority(everybody, limit, "for a test").await.unwrap();
        self.admin.revoke_authority(&self.authority).await.unwrap();
        self.authority = granted.authority_id;
    }

    /// Calls with such an authority; answers `ok` or the reason, and what came.
    async fn call(
        &mut self,
        reach: Reach,
        path: &str,
        token: &str,
        message: Vec<u8>,
    ) -> (String, Bytes) {
        self.limit(reach.limit()).await;
        let heard = self.call_now(path, token, message).await;
        self.limit(v1::AuthorityLimit::default()).await;
        heard
    }

    async fn call_now(&self, path: &str, token: &str, message: Vec<u8>) -> (String, Bytes) {
        let call = raw::call(&self.channel, path, Some(token), message.into());
        match within(path, PATIENCE, call).await {
            Ok(bytes) => ("ok".to_owned(), bytes),
            Err(status) => {
                let error = Error::from(status);
                if error.reason_name() == "AUTHORITY_EXCEEDED" {
                    says_what_is_missing(&error);
                }
                (error.reason_name().to_owned(), Bytes::new())
            }
        }
    }

    async fn rpc(&mut self, reach: Reach, method: &str, token: &str) -> String {
        let path = format!("/pointsman.v1.{method}");
        let request = Box::pin(self.world.request(&path)).await.1;
        self.call(reach, &path, token, request).await.0
    }

    /// Answers a question of the amount.
    async fn answer(&mut self, reach: Reach, (what, amount): (&str, u32)) -> String {
        let mut request = Box::pin(self.world.request(RESOLVE)).await.1;
        let mut answer = v1::ResolveEscalationRequest::decode(&request[..]).unwrap();
        let arguments = format!(r#"{{"amount":{amount}}}"#).into();
        answer.resolution = Some(match what.split(' ').next().unwrap() {
            "modify" => Resolution::Modify(v1::Modify { arguments, target: None }),
            "reject" => Resolution::Reject(v1::Reject::default()),
            "respond" => Resolution::Respond(v1::Respond { response: "12".into() }),
            "instruct" => Resolution::Instruct(v1::Instruct { text: "ask Anna first".to_owned() }),
            _ => Resolution::Approve(v1::Approve {}),
        });
        answer.validate_only = what.ends_with("validate only");
        request = answer.encode_to_vec();
        self.call(reach, RESOLVE, REVIEWER, request).await.0
    }

    /// Looks at one question as one of many to answer.
    async fn preview(&mut self, reach: Reach) -> String {
        let escalation_ids = vec![self.world.open_lightly().await.escalation_id().to_owned()];
        let request = v1::PreviewBulkResolutionRequest { escalation_ids, ..Default::default() };
        let (outcome, bytes) = self.call(reach, PREVIEW, REVIEWER, request.encode_to_vec()).await;
        let shown = v1::PreviewBulkResolutionResponse::decode(bytes).unwrap();
        match &shown.left_out[..] {
            [] => format!("{outcome}, {} of 1", shown.items.len()),
            [left_out] => format!("{outcome}, {:?}", left_out.reason()),
            more => panic!("one question, and {more:?}"),
        }
    }

    /// Takes what is next.
    async fn claim_next(&mut self, reach: Reach) -> String {
        self.world.open().await;
        let request =
            v1::ClaimNextEscalationRequest { request_id: request_id(), ..Default::default() };
        let (outcome, bytes) = self.call(reach, NEXT, REVIEWER, request.encode_to_vec()).await;
        let taken = v1::ClaimNextEscalationResponse::decode(bytes).unwrap();
        let has_one =
            matches!(taken.next, Some(claim_next_escalation_response::Next::Escalation(_)));
        format!("{outcome}, {}", if has_one { "one" } else { "nothing" })
    }

    /// Takes an action back that was allowed, and has the amount.
    async fn reverse(&mut self, reach: Reach) -> String {
        let permit = allowed(&self.run, another("allow_it")).await;
        let message = v1::ReverseActionRequest {
            request_id: request_id(),
            action_id: permit.action_id().to_owned(),
            reason: "for a test".to_owned(),
        };
        self.call(reach, REVERSE, REVIEWER, message.encode_to_vec()).await.0
    }

    /// Redeems what somebody approved by an authority that is still in force, or by one
    /// that was since cut down.
    async fn redeem(&mut self, reach: Reach) -> String {
        if let Reach::Below = reach {
            self.limit(reach.limit()).await;
        }
        let arguments = format!(r#"{{"amount":{AMOUNT}}}"#);
        let proposal = Proposal::new("ask_it", arguments).target(request_id());
        let mut wait = asked(&self.run, proposal).await;
        let seen = self.world.fixture.shown(wait.escalation_id()).await;
        self.world.fixture.reviewer().approve(&seen, "fine").await.unwrap();
        let answer = within("the answer", PATIENCE, wait.answer()).await.unwrap();
        let Answer::Approved(permit) = answer else { panic!("not approved: {answer:?}") };
        let message = v1::RedeemGrantRequest {
            request_id: request_id(),
            grant_id: permit.grant().grant_id.clone(),
            action_id: permit.action_id().to_owned(),
            run_id: self.run.run_id().to_owned(),
            tool: permit.tool().to_owned(),
            target: permit.target().to_owned(),
            arguments: permit.arguments().clone(),
            ..Default::default()
        };
        if let Reach::Above = reach {
            self.limit(reach.limit()).await;
        }
        let heard = self.call_now(REDEEM, AGENT, message.encode_to_vec()).await.0;
        self.limit(v1::AuthorityLimit::default()).await;
        heard
    }
}

/// Who is refused is told up to where they may, what this is, and who can.
fn says_what_is_missing(error: &Error) {
    assert_eq!(error.code(), Code::PermissionDenied, "{error:?}");
    let limit = format!("yours reaches to {}, and this is {AMOUNT}", AMOUNT / 2);
    let beyond = format!("yours reaches to {}, and this is {}", AMOUNT + AMOUNT / 2, AMOUNT * 4);
    let edited = format!("yours reaches to {}, and this is {}", AMOUNT / 2, AMOUNT * 4);
    let known = [limit, beyond, edited];
    assert!(known.iter().any(|it| error.metadata("limit") == Some(it)), "{error:?}");
    let who_can = "nobody can; an admin has to grant authority";
    assert_eq!(error.metadata("who_can"), Some(who_can), "{error:?}");
    assert!(error.metadata("subject").is_some_and(|id| !id.is_empty()), "{error:?}");
}

/// Both outcomes of what is done with an authority; it is large, and a stack is small.
macro_rules! both {
    ($reach:ident => $outcome:expr) => {{
        let mut outcomes = [String::new(), String::new()];
        for (outcome, $reach) in outcomes.iter_mut().zip([Reach::Below, Reach::Above]) {
            *outcome = Box::pin($outcome).await;
        }
        outcomes
    }};
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rpc_stays_within_the_authority_of_its_caller() {
    let mut desk = Box::pin(Desk::open()).await;
    let mut rows = Vec::new();
    let row = |what: &str, role: &str, [below, above]: [String; 2]| {
        format!("{what:<70} {:<10} {below:<24} {above}", role.trim_start_matches("dev-"))
    };
    for answer in ANSWERS {
        let name = format!("EscalationService/ResolveEscalation: {}", answer.0);
        rows.push(row(&name, REVIEWER, both!(reach => desk.answer(reach, answer))));
    }
    let name = "EscalationService/PreviewBulkResolution: of one";
    rows.push(row(name, REVIEWER, both!(reach => desk.preview(reach))));
    let name = "EscalationService/ClaimNextEscalation";
    rows.push(row(name, REVIEWER, both!(reach => desk.claim_next(reach))));
    let name = "ActionService/ReverseAction";
    rows.push(row(name, REVIEWER, both!(reach => desk.reverse(reach))));
    let name = "ActionService/RedeemGrant: of what was approved";
    rows.push(row(name, AGENT, both!(reach => desk.redeem(reach))));
    // Last, as some of them put policies in force that name no amounts.
    for (method, roles) in TABLE.iter().filter(|(method, _)| !OWN_ROWS.contains(method)) {
        rows.push(row(method, roles[0], both!(reach => desk.rpc(reach, method, roles[0]))));
    }
    rows.sort();
    let head = row("rpc", "role", ["below".to_owned(), "above one's authority".to_owned()]);
    assert_golden("authority.txt", &format!("{head}\n{}\n", rows.join("\n")));
}
