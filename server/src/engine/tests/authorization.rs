//! Roles: the engine itself refuses whoever may not call, and the door in front
//! of it knows of every method what the engine demands.

use std::future::Future;
use std::pin::Pin;

use uuid::Uuid;

use super::world::*;
use crate::domain::authority::{Holder, Limit};
use crate::domain::error::Error;
use crate::domain::escalation::EscalationState;
use crate::domain::ids::{
    ActionId, AuthorityId, EscalationId, GrantId, NoticeId, PolicyActivationId, PolicyRevisionId,
    QuestionId, RunId, TokenId,
};
use crate::domain::principal::{Principal, Role};
use crate::domain::run::RunState;
use crate::engine::access::Wanted;
use crate::engine::await_resolutions::Scope;
use crate::engine::comments::AddComment;
use crate::engine::conversation::{AnswerQuestion, AskAgent};
use crate::engine::escalations::{ClaimStep, Filter};
use crate::engine::list::Page;
use crate::engine::messages::AppendMessages;
use crate::engine::outcomes::ReportOutcomes;
use crate::engine::people::{
    AssignRole, BreakGlass, GrantAuthority, SetAvailability, SetPause, UpdatePrincipal,
};
use crate::engine::policies::{
    Activate, Backtest, Evaluate, LearnProfiles, PutPolicy, RollBack, SetShadow, Subject,
};
use crate::engine::propose::Propose;
use crate::engine::queue::{ClaimNext, How, PassOn, PutQueueSettings};
use crate::engine::redeem::Redeem;
use crate::engine::resolve::{Resolve, ResolveBulk, Verb};
use crate::engine::reverse::{Reverse, Reversed};
use crate::engine::runs::{FinishRun, StartRun};
use crate::engine::timeline::{ListSteps, Show};
use crate::engine::tokens::CreateToken;
use crate::engine::transcripts::{AppendEntries, OpenSession, ReceiveUpdates, WatchReasoning};
use crate::engine::wall::WatchWall;
use crate::engine::watch::{Watch, WatchRuns};
use crate::engine::{Engine, Need};
use crate::rpc::methods::{Access, Methods};
use crate::telemetry::metrics::Metrics;

type Called<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + 'a>>;
type UseCase = for<'a> fn(&'a Engine, &'a Principal) -> Called<'a>;

/// The use case of a method, called with what no caller would be granted.
macro_rules! use_case {
    ($engine:ident, $caller:ident, $call:expr) => {
        |$engine, $caller| Box::pin(async move { $call.await.map(|_| ()) })
    };
}

mod checkpoints;
mod overrides;
mod reviews;

fn no_shadow() -> SetShadow {
    SetShadow { request_id: String::new(), revision: None }
}

fn nil<T>(make: fn(Uuid) -> T) -> T {
    make(Uuid::nil())
}

fn resolve() -> Resolve {
    Resolve {
        request_id: "garbage".to_owned(),
        escalation: nil(EscalationId::new),
        etag: String::new(),
        action_digest: crate::domain::digest::sha256(b""),
        claim_epoch: 0,
        note: String::new(),
        reason_code: String::new(),
        confirmation: String::new(),
        circumstances: Default::default(),
        verb: Verb::Approve,
    }
}

fn bulk() -> ResolveBulk {
    ResolveBulk {
        request_id: "garbage".to_owned(),
        token: String::new(),
        seen: Vec::new(),
        is_approved: true,
        note: String::new(),
        reason_code: String::new(),
        surface: String::new(),
    }
}

fn ask() -> AskAgent {
    let (request_id, text) = ("garbage".to_owned(), String::new());
    AskAgent { request_id, escalation: nil(EscalationId::new), text }
}

fn answer() -> AnswerQuestion {
    AnswerQuestion {
        request_id: "garbage".to_owned(),
        escalation: nil(EscalationId::new),
        question: nil(QuestionId::new),
        text: String::new(),
    }
}

fn comment() -> AddComment {
    let (request_id, text) = ("garbage".to_owned(), String::new());
    AddComment { request_id, escalation: nil(EscalationId::new), text }
}

fn redeem() -> Redeem {
    Redeem {
        request_id: "garbage".to_owned(),
        grant: nil(GrantId::new),
        action: nil(ActionId::new),
        run: nil(RunId::new),
        tool: String::new(),
        tool_schema_version: String::new(),
        target: String::new(),
        arguments: "garbage".into(),
        preconditions: "".into(),
    }
}

fn reverse(what: Reversed) -> Reverse {
    Reverse { request_id: "garbage".to_owned(), what, reason: String::new() }
}

fn reverted() -> Reversed {
    let (escalation, etag) = (nil(EscalationId::new), String::new());
    Reversed::Resolution { escalation, etag, rolls_back: false }
}

fn finish() -> FinishRun {
    FinishRun { request_id: "garbage".to_owned(), run: nil(RunId::new), state: RunState::Running }
}

fn activate() -> Activate {
    Activate {
        request_id: "garbage".to_owned(),
        revision: nil(PolicyRevisionId::new),
        current: nil(PolicyRevisionId::new),
        reason: String::new(),
    }
}

fn roll_back() -> RollBack {
    RollBack {
        request_id: "garbage".to_owned(),
        current: nil(PolicyRevisionId::new),
        reason: String::new(),
    }
}

fn create_token() -> CreateToken {
    CreateToken {
        request_id: "garbage".to_owned(),
        principal: String::new(),
        roles: Vec::new(),
        ttl: None,
    }
}

fn use_cases() -> Vec<(&'static str, UseCase)> {
    [
        of_runs_and_actions(),
        of_escalations(),
        of_claims(),
        checkpoints::of_checkpoints(),
        of_server(),
        of_notices(),
        of_people(),
        reviews::of_reviews(),
        reviews::of_incidents(),
        reviews::of_drills(),
        overrides::of_overrides(),
        of_policies(),
    ]
    .concat()
}

fn steps() -> ListSteps {
    let (run, page) = (nil(RunId::new), Page::default());
    ListSteps { run, page, is_descending: false, show: Show::All }
}

fn of_runs_and_actions() -> Vec<(&'static str, UseCase)> {
    vec![
        ("RunService/StartRun", use_case!(e, c, e.start_run(c, StartRun::default()))),
        ("RunService/GetRun", use_case!(e, c, e.get_run(c, nil(RunId::new)))),
        (
            "RunService/ListRuns",
            use_case!(e, c, e.list_runs(c, Default::default(), &Default::default())),
        ),
        ("RunService/ListRunSteps", use_case!(e, c, e.list_steps(c, &steps()))),
        ("RunService/WatchWall", use_case!(e, c, e.watch_wall(c, WatchWall::default()))),
        ("RunService/FinishRun", use_case!(e, c, e.finish_run(c, finish()))),
        (
            "RunService/AppendMessages",
            use_case!(e, c, e.append_messages(c, AppendMessages::default())),
        ),
        (
            "ReasoningService/AppendEntries",
            use_case!(e, c, e.append_entries(c, AppendEntries::default())),
        ),
        (
            "ReasoningService/OpenSession",
            use_case!(e, c, e.open_session(c, OpenSession::default())),
        ),
        (
            "ReasoningService/ReceiveUpdates",
            use_case!(e, c, e.receive_updates(c, ReceiveUpdates::default())),
        ),
        (
            "ReasoningService/WatchReasoning",
            use_case!(e, c, e.watch_reasoning(c, WatchReasoning::default())),
        ),
        // Its parts are use cases of their own; this is the one with the least need.
        ("WatchService/Watch", use_case!(e, c, e.watch_runs(c, WatchRuns::default()))),
        ("RunService/WatchRuns", use_case!(e, c, e.watch_runs(c, WatchRuns::default()))),
        ("ReasoningService/ListEntries", use_case!(e, c, e.list_entries(c, nil(RunId::new), 0, 0))),
        ("ActionService/ProposeAction", use_case!(e, c, e.propose(c, Propose::default()))),
        ("ActionService/RedeemGrant", use_case!(e, c, e.redeem(c, redeem()))),
        (
            "ActionService/ReportOutcomes",
            use_case!(e, c, e.report_outcomes(c, ReportOutcomes::default())),
        ),
        ("ActionService/GetAction", use_case!(e, c, e.get_action(c, nil(ActionId::new)))),
        (
            "ActionService/ReverseAction",
            use_case!(e, c, e.reverse(c, reverse(Reversed::Action(nil(ActionId::new))))),
        ),
        (
            "ActionService/ListActions",
            use_case!(e, c, e.list_actions(c, nil(RunId::new), Default::default())),
        ),
    ]
}

fn of_escalations() -> Vec<(&'static str, UseCase)> {
    vec![
        (
            "EscalationService/GetEscalation",
            use_case!(e, c, e.get_escalation(c, nil(EscalationId::new))),
        ),
        (
            "EscalationService/ListEscalations",
            use_case!(
                e,
                c,
                e.list_escalations(
                    c,
                    Default::default(),
                    EscalationState::Open,
                    &Filter::default(),
                    Default::default(),
                )
            ),
        ),
        (
            "EscalationService/WatchEscalations",
            use_case!(e, c, e.watch_escalations(c, Watch::default())),
        ),
        ("EscalationService/ResolveEscalation", use_case!(e, c, e.resolve(c, resolve()))),
        (
            "EscalationService/PreviewBulkResolution",
            use_case!(e, c, e.preview_bulk(c, Default::default())),
        ),
        ("EscalationService/ResolveBulk", use_case!(e, c, e.resolve_bulk(c, bulk()))),
        ("EscalationService/AskAgent", use_case!(e, c, e.ask_agent(c, ask()))),
        ("EscalationService/AnswerQuestion", use_case!(e, c, e.answer_question(c, answer()))),
        (
            "EscalationService/ListQuestions",
            use_case!(e, c, e.list_questions(c, Default::default(), Some(nil(EscalationId::new)))),
        ),
        ("EscalationService/AddComment", use_case!(e, c, e.add_comment(c, comment()))),
        (
            "EscalationService/ListComments",
            use_case!(e, c, e.list_comments(c, Default::default(), nil(EscalationId::new))),
        ),
        ("EscalationService/RevertResolution", use_case!(e, c, e.reverse(c, reverse(reverted())))),
        (
            "EscalationService/AwaitResolutions",
            use_case!(e, c, e.await_resolutions(c, Scope::Run(nil(RunId::new)), None)),
        ),
    ]
}

fn of_claims() -> Vec<(&'static str, UseCase)> {
    vec![
        (
            "EscalationService/ClaimEscalation",
            use_case!(e, c, e.claim(c, "", nil(EscalationId::new), ClaimStep::Claim(None))),
        ),
        (
            "EscalationService/ClaimNextEscalation",
            use_case!(e, c, e.claim_next(c, ClaimNext::default())),
        ),
        (
            "EscalationService/HandOffEscalation",
            use_case!(e, c, e.pass_on(c, pass_on(How::HandOff { epoch: 1, to: "bob".to_owned() }))),
        ),
        (
            "EscalationService/AssignEscalation",
            use_case!(e, c, e.pass_on(c, pass_on(How::Assign { to: "bob".to_owned() }))),
        ),
        (
            "EscalationService/TakeOverEscalation",
            use_case!(e, c, e.pass_on(c, pass_on(How::TakeOver))),
        ),
        (
            "EscalationService/SnoozeEscalation",
            use_case!(
                e,
                c,
                e.claim(
                    c,
                    "",
                    nil(EscalationId::new),
                    ClaimStep::Snooze { epoch: 0, until: START }
                )
            ),
        ),
        (
            "EscalationService/RenewClaim",
            use_case!(
                e,
                c,
                e.claim(c, "", nil(EscalationId::new), ClaimStep::Renew { epoch: 0, lease: None })
            ),
        ),
        (
            "EscalationService/ReleaseEscalation",
            use_case!(
                e,
                c,
                e.claim(c, "", nil(EscalationId::new), ClaimStep::Release { epoch: 0 })
            ),
        ),
    ]
}

fn of_server() -> Vec<(&'static str, UseCase)> {
    vec![
        ("AdminService/GetServerInfo", use_case!(e, c, e.server_info(c))),
        ("AdminService/GetCaller", use_case!(e, c, e.caller(c))),
        (
            "AdminService/CheckAccess",
            use_case!(e, c, e.check_access(c, "", &Wanted::Call(Need::Nothing))),
        ),
        ("AdminService/CreateToken", use_case!(e, c, e.create_token(c, create_token()))),
        ("AdminService/ListTokens", use_case!(e, c, e.list_tokens(c, Default::default()))),
        ("AdminService/RevokeToken", use_case!(e, c, e.revoke_token(c, "", nil(TokenId::new)))),
        ("AdminService/CreateBackup", use_case!(e, c, e.create_backup(c, "garbage/"))),
        (
            "AdminService/PutQueueSettings",
            use_case!(e, c, e.put_queue_settings(c, PutQueueSettings::default())),
        ),
        ("AdminService/GetQueueSettings", use_case!(e, c, e.get_queue_settings(c, None))),
        (
            "AdminService/ListQueueSettings",
            use_case!(e, c, e.list_queue_settings(c, Default::default())),
        ),
        ("AdminService/GetQueueStatus", use_case!(e, c, e.queue_status(c))),
    ]
}

fn of_notices() -> Vec<(&'static str, UseCase)> {
    vec![
        ("AdminService/GetNotice", use_case!(e, c, e.get_notice(c, nil(NoticeId::new)))),
        ("AdminService/ListNotices", use_case!(e, c, e.list_notices(c, Default::default(), None))),
        ("AdminService/RetryNotice", use_case!(e, c, e.retry_notice(c, "", nil(NoticeId::new)))),
        ("AdminService/SendTestNotice", use_case!(e, c, e.send_test_notice(c, "", "nowhere"))),
        ("AdminService/ListNoticeChannels", use_case!(e, c, async { e.notice_channels(c) })),
    ]
}

fn grant_authority() -> GrantAuthority {
    GrantAuthority {
        request_id: "garbage".to_owned(),
        holder: Holder::Role(Role::Agent),
        limit: Limit::default(),
        start_time: None,
        end_time: None,
        reason: String::new(),
    }
}

fn assign_role() -> AssignRole {
    AssignRole {
        request_id: "garbage".to_owned(),
        principal: String::new(),
        role: Role::Agent,
        start_time: None,
        end_time: None,
    }
}

fn of_people() -> Vec<(&'static str, UseCase)> {
    vec![
        ("AdminService/ListPrincipals", use_case!(e, c, e.list_principals(c, Default::default()))),
        (
            "AdminService/UpdatePrincipal",
            use_case!(e, c, e.update_principal(c, UpdatePrincipal::default())),
        ),
        ("AdminService/AssignRole", use_case!(e, c, e.assign_role(c, assign_role()))),
        ("AdminService/UnassignRole", use_case!(e, c, e.unassign_role(c, "", "", Role::Agent))),
        (
            "AdminService/SetAvailability",
            use_case!(e, c, e.set_availability(c, SetAvailability::default())),
        ),
        ("AdminService/PauseAgent", use_case!(e, c, e.set_pause(c, SetPause::default()))),
        ("AdminService/ResumeAgent", use_case!(e, c, e.set_pause(c, SetPause::default()))),
        ("AdminService/GrantAuthority", use_case!(e, c, e.grant_authority(c, grant_authority()))),
        (
            "AdminService/RevokeAuthority",
            use_case!(e, c, e.revoke_authority(c, "", nil(AuthorityId::new))),
        ),
        (
            "AdminService/ListAuthorities",
            use_case!(e, c, e.list_authorities(c, Default::default())),
        ),
        ("AdminService/BreakGlass", use_case!(e, c, e.break_glass(c, BreakGlass::default()))),
    ]
}

fn of_policies() -> Vec<(&'static str, UseCase)> {
    vec![
        ("PolicyService/PutPolicy", use_case!(e, c, e.put_policy(c, PutPolicy::default()))),
        ("PolicyService/GetPolicy", use_case!(e, c, e.get_policy(c, None))),
        ("PolicyService/ListPolicies", use_case!(e, c, e.list_policies(c, Default::default()))),
        ("PolicyService/ActivatePolicy", use_case!(e, c, e.activate_policy(c, activate()))),
        (
            "PolicyService/ConfirmPolicyActivation",
            use_case!(e, c, e.confirm_policy_activation(c, "", nil(PolicyActivationId::new))),
        ),
        (
            "PolicyService/WithdrawPolicyActivation",
            use_case!(e, c, e.withdraw_policy_activation(c, "", nil(PolicyActivationId::new))),
        ),
        ("PolicyService/RollBackPolicy", use_case!(e, c, e.roll_back_policy(c, roll_back()))),
        (
            "PolicyService/ListPolicyActivations",
            use_case!(e, c, e.list_policy_activations(c, Default::default())),
        ),
        (
            "PolicyService/EvaluateAction",
            use_case!(e, c, e.evaluate_action(c, Evaluate::default())),
        ),
        (
            "PolicyService/ExplainDecision",
            use_case!(e, c, e.explain_decision(c, nil(ActionId::new), None)),
        ),
        ("PolicyService/TestPolicy", use_case!(e, c, e.test_policy(c, &Subject::InForce))),
        (
            "PolicyService/BacktestPolicy",
            use_case!(e, c, e.backtest_policy(c, Backtest::default())),
        ),
        (
            "PolicyService/LearnProfiles",
            use_case!(e, c, e.learn_profiles(c, LearnProfiles::default())),
        ),
        ("PolicyService/GetProfiles", use_case!(e, c, e.profiles(c))),
        ("PolicyService/SetPolicyShadow", use_case!(e, c, e.set_policy_shadow(c, no_shadow()))),
        ("PolicyService/GetPolicyShadow", use_case!(e, c, e.policy_shadow(c, 0))),
        ("PolicyService/GetGuidance", use_case!(e, c, e.guidance(c, None))),
    ]
}

#[tokio::test]
async fn the_engine_demands_of_every_caller_what_the_door_does() {
    let world = World::new().await;
    let methods = Methods::new(&Metrics::new(), false).unwrap();
    let mut known: Vec<_> =
        methods.paths().filter_map(|path| path.strip_prefix("/pointsman.v1.")).collect();
    known.sort_unstable();
    let mut listed: Vec<_> = use_cases().iter().map(|(method, _)| *method).collect();
    listed.sort_unstable();
    assert_eq!(listed, known, "every method has its use case here");
    let callers = Role::ALL.map(|role| principal("somebody", &[role]));
    for (method, call) in use_cases() {
        let Access::Caller(need) = methods.find(&format!("/pointsman.v1.{method}")).unwrap().access
        else {
            panic!("{method} is open")
        };
        for caller in &callers {
            let answer = call(&world.engine, caller).await;
            let refused = matches!(answer, Err(Error::RoleRequired { .. }));
            assert_eq!(refused, need.check(caller).is_err(), "{method}, {caller:?}: {answer:?}");
        }
    }
}

fn pass_on(how: How) -> PassOn {
    PassOn {
        request_id: String::new(),
        escalation: nil(EscalationId::new),
        how,
        note: "why".to_owned(),
        lease: None,
    }
}
