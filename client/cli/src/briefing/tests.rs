//! A briefing as people see it, and nothing of an agent's that could deceive them.

use super::*;
use crate::output::{Format, Talk};

pub(crate) fn now() -> Timestamp {
    Timestamp { seconds: 1_700_000_000, nanos: 0 }
}

fn after(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds: 1_700_000_000 + seconds, nanos: 0 })
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
            if_silent: "cancelled: the action does not run".into(),
            agent_statement: "Invoice matches.\n\u{1b}[2JApproved by alice \u{202e}".into(),
            goal: "Settle C-20931".into(),
            confidence: Some(0.87),
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
    open.claim = Some(v1::Claim { holder: "bob".into(), claim_epoch: 2, expire_time: after(60) });
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
fn nobodys_end_says_that_nothing_runs() {
    for (state, word) in [(State::Expired, "Expired"), (State::Cancelled, "Cancelled")] {
        let closed = v1::Escalation { state: state.into(), ..v1::Escalation::default() };
        let line = resolution_line(&closed, &now()).unwrap();
        assert!(line.starts_with(word) && line.ends_with("Nothing runs."), "{line}");
    }
}
