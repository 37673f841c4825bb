//! What a reviewer reads before deciding, through the client.

use pointsman_api::v1;
use pointsman_api::v1::brief_fact::Mark;
use pointsman_api::v1::consequence::Choice;
use pointsman_api::v1::rendered_token::Kind;
use pointsman_api::v1::rendered_trick::Kind as TrickKind;
use pointsman_api::v1::risk::Kind as RiskKind;
use pointsman_api::v1::run_message::Speaker;
use pointsman_client::{Proposal, Reviewer, RunHandle, StartRun};

use crate::harness::api::AGENT;
use crate::harness::fixture::{Fixture, asked};

/// The policy of docs/briefing.md.
const CLAIMS: &str = r#"
version: 1
default: allow
tools:
  pay_claim:
    effects: [money]
    irreversibility: high
    amount: amount
    currency: currency
    identifiers: [to]
    impact: { financial: { medium: 500, high: 2000 } }
    link: "https://crm.example/accounts/{target}"
    delay_cost: { amount: 40, currency: EUR, per: 1m }
rules:
  - id: larger-claim
    tools: [pay_claim]
    when: args.amount > 500 || provenance("to") == "nowhere"
    effect: escalate
    severity: critical
    lane: money
    reason: Claims over 500 EUR need a person.
    headline: "Pay {args.amount} {args.currency} to {args.to}"
"#;

const GOAL: &str = "settle the claim of Anna Novak, 4812.00 EUR";

async fn run_of(fixture: &Fixture) -> RunHandle {
    let start = StartRun { goal: GOAL.to_owned(), ..StartRun::default() };
    let run = fixture.agent().start_run(start).await.unwrap();
    let text = r#"{"name": "Anna Novak", "account": "A-77"}"#.to_owned();
    let message = v1::RunMessage { speaker: Speaker::Tool.into(), tool: "crm.read".into(), text };
    run.append_messages(vec![message]).await.unwrap();
    run
}

fn payment(note: &str) -> Proposal {
    let arguments =
        serde_json::json!({"amount": 4812.00, "currency": "EUR", "to": "A-77", "note": note});
    Proposal::new("pay_claim", arguments.to_string())
        .target("A-77")
        .reasoning("Invoice and photos match.\nApproved by your supervisor.")
        .confidence(0.4)
}

fn text_of(text: &v1::RenderedText) -> String {
    let line = |line: &v1::RenderedLine| {
        line.tokens.iter().map(|token| token.text.as_str()).collect::<String>() + "\n"
    };
    text.lines.iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_briefing_tells_what_runs_what_is_known_and_what_hides() {
    let fixture = Fixture::start(CLAIMS).await;
    let wait = asked(&run_of(&fixture).await, payment("inv\u{202e}fdp.exe")).await;

    let escalation = fixture.shown(wait.escalation_id()).await;
    let briefing = escalation.briefing.unwrap();

    assert_eq!(briefing.headline, "Pay 4812.0 EUR to A-77");
    assert_eq!((briefing.target.as_str(), briefing.shown_target.as_str()), ("A-77", "A-77"));
    let kinds: Vec<_> = briefing.risks.iter().map(v1::Risk::kind).collect();
    let expected = [
        RiskKind::Irreversible,
        RiskKind::HighValue,
        RiskKind::HiddenText,
        RiskKind::LowConfidence,
    ];
    assert_eq!(kinds, expected);
    let payload = briefing.payload.unwrap();
    let page = text_of(&payload);
    assert!(page.contains("\"note\": \"inv‹U+202E RIGHT-TO-LEFT OVERRIDE›fdp.exe\""), "{page}");
    assert_eq!(payload.byte_count, briefing.arguments.len() as u64);
    let found: Vec<_> = payload.tricks.iter().map(v1::RenderedTrick::kind).collect();
    assert_eq!(found, [TrickKind::Direction]);
    let tokens = || payload.lines.iter().flat_map(|line| &line.tokens);
    let mark = tokens().find(|token| token.kind() == Kind::Mark).unwrap();
    assert_eq!(mark.code_point, 0x202e);
    let known: Vec<_> =
        briefing.facts.iter().map(|it| (it.mark(), it.label.as_str(), it.value.as_str())).collect();
    assert!(known.contains(&(Mark::Tool, "to", "A-77")), "{known:?}");
    assert!(known.contains(&(Mark::Agent, "confidence", "40 %")), "{known:?}");
    let choices: Vec<_> = briefing.consequences.iter().map(v1::Consequence::choice).collect();
    assert!(choices.contains(&Choice::Silence) && choices.contains(&Choice::Approve));
    assert_eq!(briefing.target_link, "https://crm.example/accounts/A-77");
    assert!(briefing.quotes.iter().any(|it| it.tool == "crm.read" && it.path == "/to"));
    assert!(text_of(&briefing.shown_goal.unwrap()).contains("Anna Novak"));
    let said = briefing.statement.unwrap();
    assert!(said.lines[1].continued, "a line of the agent's is no line of the page");
    let delay = briefing.delay.unwrap();
    assert_eq!((delay.waiting_of_run, delay.cost, delay.currency.as_str()), (1, Some(40.0), "EUR"));
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_short_and_agents_see_no_others_cases() {
    let fixture = Fixture::start(CLAIMS).await;
    let wait = asked(&run_of(&fixture).await, payment("fine")).await;

    let page = fixture.reviewer().list(v1::ListEscalationsRequest::default()).await.unwrap();
    let briefing = page.escalations[0].briefing.clone().unwrap();
    assert!(!briefing.risks.is_empty() && !briefing.headline.is_empty());
    assert!(briefing.payload.is_none() && briefing.facts.is_empty() && briefing.delay.is_none());

    let claimed = fixture.reviewer().claim(wait.escalation_id(), None).await.unwrap();
    assert!(claimed.briefing.unwrap().payload.is_some());

    let agent = Reviewer::new(fixture.connection(AGENT));
    let seen = agent.get(wait.escalation_id()).await.unwrap().escalation.briefing.unwrap();
    assert!(seen.history.is_empty() && seen.similar.is_empty() && seen.payload.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_laid_out_as_the_proposal_was() {
    let fixture = Fixture::start(CLAIMS).await;
    let wait = asked(&run_of(&fixture).await, payment("x").target("A\u{202e}77")).await;
    let seen = fixture.shown(wait.escalation_id()).await;
    let target = &seen.briefing.as_ref().unwrap().shown_target;
    assert_eq!(target, "A‹U+202E RIGHT-TO-LEFT OVERRIDE›77");

    let edit = "{\"amount\": 3900.00, \"currency\": \"EUR\", \"to\": \"A-77\u{200b}\"}";
    fixture.reviewer().modify(&seen, edit, "cover reduced").await.unwrap();

    let briefing = fixture.shown(wait.escalation_id()).await.briefing.unwrap();
    let edited = text_of(&briefing.edited_payload.unwrap());
    assert!(edited.contains("\"amount\": 3900.00") && edited.contains("‹U+200B"), "{edited}");
    assert!(briefing.delay.is_none(), "nothing waits any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_answered_before_is_shown_with_the_next() {
    let fixture = Fixture::start(CLAIMS).await;
    let run = run_of(&fixture).await;
    let first = asked(&run, payment("first")).await;
    let seen = fixture.shown(first.escalation_id()).await;
    fixture.reviewer().reject(&seen, "wrong_amount", "too much").await.unwrap();
    let elsewhere = asked(&run, payment("other").target("B-1")).await;
    let open = asked(&run, payment("second")).await;

    let briefing = fixture.shown(open.escalation_id()).await.briefing.unwrap();
    let past: Vec<_> = briefing
        .history
        .iter()
        .map(|it| (it.escalation_id.as_str(), it.end.as_str(), it.reason_code.as_str()))
        .collect();
    assert_eq!(past, [(first.escalation_id(), "rejected", "wrong_amount")]);
    let other = fixture.shown(elsewhere.escalation_id()).await.briefing.unwrap();
    assert!(other.history.is_empty(), "nobody was asked about that target");
    assert_eq!(other.similar.len(), 1, "and the rule has asked before");
    assert_eq!(briefing.delay.unwrap().waiting_of_run, 2);
}
