//! A briefing as people see it, and nothing of an agent's that could deceive them.

use pointsman_api::v1::brief_fact::Mark;
use pointsman_api::v1::consequence::Choice;

use super::*;
use crate::output::{Format, Talk};

pub(crate) fn now() -> Timestamp {
    Timestamp { seconds: 1_700_000_000, nanos: 0 }
}

fn after(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds: 1_700_000_000 + seconds, nanos: 0 })
}

fn chip(level: v1::SeverityTier, words: &str) -> v1::Risk {
    v1::Risk { level: level.into(), words: words.into(), ..v1::Risk::default() }
}

fn fact(mark: Mark, label: &str, value: &str, source: &str) -> v1::BriefFact {
    let (label, value, source) = (label.into(), value.into(), source.into());
    v1::BriefFact { label, value, mark: mark.into(), source, time: None }
}

fn consequence(choice: Choice, words: &str) -> v1::Consequence {
    v1::Consequence { choice: choice.into(), words: words.into() }
}

/// Tokens as the server makes them, and one that it would never send.
fn payload() -> v1::RenderedText {
    let line = |depth, continued, texts: &[&str]| v1::RenderedLine {
        depth,
        continued,
        tokens: texts
            .iter()
            .map(|text| v1::RenderedToken { text: (*text).into(), ..v1::RenderedToken::default() })
            .collect(),
        ..v1::RenderedLine::default()
    };
    v1::RenderedText {
        lines: vec![
            line(0, false, &["{"]),
            line(1, false, &["\"", "amount", "\": ", "4812.00", ","]),
            line(1, false, &["\"", "note", "\": ", "\"", "p", "‹U+0430 LOOKS LIKE a›", "y", "↵"]),
            line(2, true, &["\u{1b}[2J", "\""]),
            line(0, false, &["}"]),
        ],
        byte_count: 90,
        ..v1::RenderedText::default()
    }
}

pub(crate) fn terminal(width: u16) -> Output {
    Output {
        format: Format::Table,
        talk: Talk::Normal,
        is_terminal: true,
        has_color: false,
        width: Some(width),
    }
}

pub(crate) fn escalation(severity: v1::SeverityTier, number: u32) -> v1::Escalation {
    v1::Escalation {
        escalation_id: format!("esc_01kb{number}xyz00000000000000000"),
        state: State::Open.into(),
        question: Question::ApproveAction.into(),
        run_id: "run_01kb".into(),
        agent: "claims-v2".into(),
        on_behalf_of: "anna@example.com".into(),
        lane: "money".into(),
        severity: severity.into(),
        briefing: Some(v1::Briefing {
            headline: "Pay 4812 EUR to Anna Novak".into(),
            tool: "pay_claim".into(),
            target: "account/A-77".into(),
            arguments: r#"{"amount":4812.00,"to":{"iban":"DE…7731"},"tags":[]}"#.into(),
            why: "more than 500".into(),
            rule_id: "larger-claim".into(),
            if_silent: "cancelled: nothing runs, and the agent is told".into(),
            agent_statement: "Invoice matches.\n\u{1b}[2JApproved by alice \u{202e}".into(),
            goal: "Settle C-20931".into(),
            confidence: Some(0.87),
            risks: vec![
                chip(v1::SeverityTier::Critical, "irreversible"),
                chip(v1::SeverityTier::High, "hidden or disguised characters"),
            ],
            effects: vec!["money moves, or somebody is bound to pay".into()],
            facts: vec![
                fact(Mark::System, "identity verified", "true", "desk"),
                fact(Mark::Tool, "to", "DE…7731", "the arguments; a tool's result holds it"),
                fact(Mark::Agent, "confidence", "87 %", "the agent's own figure"),
            ],
            consequences: vec![
                consequence(Choice::Approve, "pay_claim runs once, on exactly these arguments"),
                consequence(Choice::Silence, "cancelled: nothing runs, and the agent is told"),
            ],
            target_link: "https://crm.example/accounts/A-77".into(),
            payload: Some(payload()),
            quotes: vec![v1::Quote {
                path: "/amount".into(),
                speaker: v1::quote::Speaker::User.into(),
                message_number: 1,
                words: "pay the 4812.00 of C-20931".into(),
                ..v1::Quote::default()
            }],
            history: vec![v1::PastCase {
                escalation_id: "esc_01ka".into(),
                agent: "claims-v2".into(),
                end: "rejected".into(),
                reviewer: "bob".into(),
                reason_code: "wrong_account".into(),
                time: after(-3_600),
                ..v1::PastCase::default()
            }],
            delay: Some(v1::Delay {
                since: after(-90),
                waiting_of_run: 1,
                waiting_of_agent: 3,
                cost: Some(40.0),
                per: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
                spent: Some(60.0),
                currency: "EUR".into(),
            }),
            ..v1::Briefing::default()
        }),
        action_digest: vec![0x9c; 32].into(),
        due_time: after(220),
        expire_time: after(86_400),
        ..v1::Escalation::default()
    }
}

#[test]
fn an_open_question_reads_from_risk_to_the_agents_words() {
    let mut open = escalation(v1::SeverityTier::Critical, 1);
    open.claim = Some(v1::Claim {
        holder: "bob".into(),
        claim_epoch: 2,
        expire_time: after(60),
        assigner: "sue".into(),
        stands_in_for: "cleo".into(),
        note: "the customer\u{1b}[2J calls back".into(),
        ..v1::Claim::default()
    });
    open.urgency = "critical, due 2023-11-14 22:17 UTC, 40 EUR a minute".into();
    insta::assert_snapshot!(briefing(&open, &now(), &terminal(100)));
}

#[test]
fn an_answered_question_says_who_and_why() {
    let mut closed = escalation(v1::SeverityTier::Low, 1);
    closed.state = State::Resolved.into();
    closed.resolution = Some(v1::Resolution {
        kind: Kind::Rejected.into(),
        reviewer: "alice".into(),
        resolve_time: after(-60),
        note: "wrong\naccount".into(),
        reason_code: "wrong_account".into(),
        ..v1::Resolution::default()
    });
    let line = resolution_line(&closed, &now()).unwrap();
    assert_eq!(line, "Rejected by alice 22:12 UTC [wrong_account]: wrong‹U+000A›account");
    assert_eq!(state_word(&closed), "rejected");
    assert!(briefing(&closed, &now(), &terminal(100)).ends_with(&format!("{line}\n")));
}

#[test]
fn a_late_question_says_why_and_what_was_done_and_what_comes() {
    let mut late = escalation(v1::SeverityTier::High, 1);
    late.late_reason = v1::LateReason::NotLookedAt.into();
    use v1::queue_step::Action;
    let step = |action: Action, at, taken| v1::QueueStep {
        step_time: after(at),
        take_time: taken,
        action: action.into(),
        ..v1::QueueStep::default()
    };
    let told = step(Action::Notify, -60, after(-60));
    let told = v1::QueueStep { targets: vec!["team:desk".into()], ..told };
    let steps = vec![told, step(Action::OnCall, 600, None)];
    late.plan = Some(v1::QueuePlan { steps, ..v1::QueuePlan::default() });
    let page = briefing(&late, &now(), &terminal(100));
    for line in [
        "Late       not looked at\n",
        "Done       notify team:desk 22:12 UTC\n",
        "Next       on call in 10m\n",
    ] {
        assert!(page.contains(line), "{line}{page}");
    }
}

#[test]
fn a_question_that_is_put_aside_says_for_how_long() {
    let mut aside = escalation(v1::SeverityTier::High, 1);
    aside.snooze_until_time = after(720);
    let page = briefing(&aside, &now(), &terminal(100));
    assert!(page.contains("Put aside  for 12m more\n"), "{page}");
}

#[test]
fn nobodys_end_says_that_nothing_runs() {
    for (state, word) in [(State::Expired, "Expired"), (State::Cancelled, "Cancelled")] {
        let closed = v1::Escalation { state: state.into(), ..v1::Escalation::default() };
        let line = resolution_line(&closed, &now()).unwrap();
        assert!(line.starts_with(word) && line.ends_with("Nothing runs."), "{line}");
    }
}
