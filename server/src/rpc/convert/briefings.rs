//! Briefings, and texts laid out in tokens.

use pointsman_api::v1;
use pointsman_api::v1::answer_wants::Key as WireKey;
use pointsman_api::v1::brief_fact::Mark;
use pointsman_api::v1::consequence::Choice;
use pointsman_api::v1::quote::Speaker;
use pointsman_api::v1::rendered_token::Kind as TokenKind;
use pointsman_api::v1::rendered_trick::Kind as TrickKind;
use pointsman_api::v1::risk::Kind as RiskKind;

use super::actions::digest;
use super::escalations::severity;
use super::time;
use crate::domain::briefing as domain;
use crate::domain::escalation::{Key, ResolutionKind, Wants};
use crate::domain::message;
use crate::domain::render::{self, Rendered};
use crate::engine::briefing::{Delay, LiveBriefing};
use crate::engine::past::PastCase;
use crate::engine::views::{EscalationDetail, EscalationView};

/// The briefing of an escalation, as much as its view has.
pub(super) fn briefing(view: &EscalationView) -> v1::Briefing {
    let EscalationView { escalation, briefing, detail, .. } = view;
    let basic = v1::Briefing {
        headline: briefing.headline.clone(),
        tool: escalation.tool.clone(),
        shown_target: render::line(&briefing.target),
        target: briefing.target.clone(),
        why: briefing.why.clone(),
        rule_id: escalation.rule.clone().unwrap_or_default(),
        if_silent: briefing.if_silent.clone(),
        risks: briefing.risks.iter().map(risk).collect(),
        ..v1::Briefing::default()
    };
    let Some(EscalationDetail { content, confidence, goal, live, .. }) = detail else {
        return basic;
    };
    let full = v1::Briefing {
        arguments: content.arguments.clone(),
        agent_statement: content.reasoning.clone(),
        goal: goal.clone(),
        confidence: *confidence,
        effects: briefing.effects.clone(),
        facts: briefing.facts.iter().map(fact).collect(),
        consequences: briefing.consequences.iter().map(consequence).collect(),
        target_link: briefing.link.clone(),
        evidence: briefing.evidence.iter().map(evidence).collect(),
        wants: view.wants.as_ref().map(wants),
        ..basic
    };
    match live {
        Some(live) => with_live(full, live),
        None => full,
    }
}

/// Takes from a briefing what only the full view has.
pub(super) fn slim(briefing: &mut v1::Briefing) {
    let v1::Briefing {
        headline, tool, target, shown_target, why, rule_id, if_silent, risks, ..
    } = std::mem::take(briefing);
    let shown = v1::Briefing { headline, tool, target, shown_target, ..Default::default() };
    *briefing = v1::Briefing { why, rule_id, if_silent, risks, ..shown };
}

fn with_live(full: v1::Briefing, live: &LiveBriefing) -> v1::Briefing {
    let shown = |text: &Rendered| (text.byte_count > 0).then(|| rendered(text));
    v1::Briefing {
        payload: shown(&live.payload),
        edited_payload: live.edited.as_ref().map(rendered),
        statement: shown(&live.statement),
        shown_goal: shown(&live.goal),
        more_facts: live.more_facts.iter().map(fact).collect(),
        details: live.details.iter().map(detail).collect(),
        quotes: live.quotes.iter().map(quote).collect(),
        history: live.history.iter().map(past).collect(),
        similar: live.similar.iter().map(past).collect(),
        delay: live.delay.as_ref().map(delay),
        ..full
    }
}

fn risk(risk: &domain::Risk) -> v1::Risk {
    v1::Risk {
        kind: risk_kind(risk.kind).into(),
        level: severity(risk.level).into(),
        words: risk.words.clone(),
    }
}

const fn risk_kind(kind: domain::RiskKind) -> RiskKind {
    use domain::RiskKind as D;
    match kind {
        D::HighValue => RiskKind::HighValue,
        D::BlastRadius => RiskKind::BlastRadius,
        D::Irreversible => RiskKind::Irreversible,
        D::Compliance => RiskKind::Compliance,
        D::Impact => RiskKind::Impact,
        D::LowConfidence => RiskKind::LowConfidence,
        D::HiddenText => RiskKind::HiddenText,
        D::UnknownSource => RiskKind::UnknownSource,
        D::ToolSource => RiskKind::ToolSource,
        D::Novel => RiskKind::Novel,
        D::UnknownTool => RiskKind::UnknownTool,
        D::MissingFact => RiskKind::MissingFact,
        D::FailedRule => RiskKind::FailedRule,
        D::InvalidArguments => RiskKind::InvalidArguments,
        D::UnexpectedResult => RiskKind::UnexpectedResult,
        D::Delegated => RiskKind::Delegated,
        D::Overdue => RiskKind::Overdue,
    }
}

fn fact(fact: &domain::BriefFact) -> v1::BriefFact {
    let mark = match fact.mark {
        domain::FactMark::System => Mark::System,
        domain::FactMark::Tool => Mark::Tool,
        domain::FactMark::Agent => Mark::Agent,
    };
    v1::BriefFact {
        label: fact.label.clone(),
        value: fact.value.clone(),
        mark: mark.into(),
        source: fact.source.clone(),
        time: fact.time.map(time),
    }
}

fn consequence(consequence: &domain::Consequence) -> v1::Consequence {
    let choice = match consequence.choice {
        domain::Choice::Approve => Choice::Approve,
        domain::Choice::Modify => Choice::Modify,
        domain::Choice::Reject => Choice::Reject,
        domain::Choice::Respond => Choice::Respond,
        domain::Choice::Silence => Choice::Silence,
        domain::Choice::Instruct => Choice::Instruct,
    };
    v1::Consequence { choice: choice.into(), words: consequence.words.clone() }
}

fn evidence(evidence: &domain::Evidence) -> v1::Evidence {
    v1::Evidence {
        evidence_id: evidence.id.clone(),
        label: evidence.label.clone(),
        link: evidence.link.clone(),
        required: evidence.is_required,
    }
}

/// What the answers want.
fn wants(wants: &Wants) -> v1::AnswerWants {
    let choices = |kinds: &[ResolutionKind]| kinds.iter().map(|it| choice(*it).into()).collect();
    let key = wants.key.as_ref().map_or(WireKey::Unspecified, |key| match key {
        Key::Amount(_) => WireKey::Amount,
        Key::Target(_) => WireKey::Target,
        Key::Digest(_) => WireKey::Digest,
    });
    v1::AnswerWants {
        reason_for: choices(&wants.reason_for),
        evidence_for: choices(&wants.evidence_for),
        confirmation_for: choices(&wants.confirmation_for),
        confirmation_key: key.into(),
        confirmation_value: wants.key.as_ref().map(Key::value).unwrap_or_default(),
    }
}

const fn choice(kind: ResolutionKind) -> Choice {
    match kind {
        ResolutionKind::Approved => Choice::Approve,
        ResolutionKind::Modified => Choice::Modify,
        ResolutionKind::Rejected => Choice::Reject,
        ResolutionKind::Responded => Choice::Respond,
        ResolutionKind::Instructed => Choice::Instruct,
    }
}

fn detail(detail: &domain::Detail) -> v1::BriefingDetail {
    v1::BriefingDetail { label: detail.label.clone(), text: detail.text.clone() }
}

fn quote(quote: &domain::Quote) -> v1::Quote {
    let speaker = match quote.speaker {
        message::Speaker::User => Speaker::User,
        message::Speaker::Person => Speaker::Person,
        message::Speaker::Tool => Speaker::Tool,
    };
    v1::Quote {
        path: quote.path.clone(),
        speaker: speaker.into(),
        tool: quote.tool.clone(),
        message_number: quote.message,
        words: quote.words.clone(),
    }
}

fn past(case: &PastCase) -> v1::PastCase {
    v1::PastCase {
        escalation_id: case.escalation.to_string(),
        agent: case.agent.clone(),
        end: case.end.to_owned(),
        reviewer: case.reviewer.clone(),
        reason_code: case.reason_code.clone(),
        time: Some(time(case.time)),
        followed: case.words.is_some(),
        words: case.words.clone().unwrap_or_default(),
    }
}

fn delay(delay: &Delay) -> v1::Delay {
    let cost = delay.cost.as_ref();
    v1::Delay {
        since: Some(time(delay.since)),
        waiting_of_run: delay.of_run,
        waiting_of_agent: delay.of_agent,
        cost: cost.map(|cost| cost.money.units()),
        per: cost.map(|cost| super::duration(cost.per)),
        spent: delay.spent.as_ref().map(crate::domain::money::Money::units),
        currency: cost.and_then(|cost| cost.money.currency.clone()).unwrap_or_default(),
    }
}

/// A text laid out in tokens.
pub(in crate::rpc) fn rendered(text: &Rendered) -> v1::RenderedText {
    let line = |line: &render::Line| v1::RenderedLine {
        depth: line.depth,
        continued: line.is_continued,
        path: line.path.clone(),
        tokens: line.tokens.iter().map(token).collect(),
    };
    let trick = |(kind, count): (&render::Trick, &u64)| v1::RenderedTrick {
        kind: trick_kind(*kind).into(),
        count: *count,
    };
    v1::RenderedText {
        lines: text.lines.iter().map(line).collect(),
        byte_count: text.byte_count,
        digest: digest(&text.digest),
        tricks: text.tricks.iter().map(trick).collect(),
        partial: text.is_partial(),
    }
}

fn token(token: &render::Token) -> v1::RenderedToken {
    let kind = match token.kind {
        render::TokenKind::Key => TokenKind::Key,
        render::TokenKind::String => TokenKind::String,
        render::TokenKind::Number => TokenKind::Number,
        render::TokenKind::Literal => TokenKind::Literal,
        render::TokenKind::Punctuation => TokenKind::Punctuation,
        render::TokenKind::Text => TokenKind::Text,
        render::TokenKind::Mark => TokenKind::Mark,
        render::TokenKind::Omission => TokenKind::Omission,
    };
    v1::RenderedToken {
        kind: kind.into(),
        text: token.text.clone(),
        code_point: token.character.map_or(0, u32::from),
        count: token.count,
    }
}

const fn trick_kind(trick: render::Trick) -> TrickKind {
    use render::Trick;
    match trick {
        Trick::Direction => TrickKind::Direction,
        Trick::Invisible => TrickKind::Invisible,
        Trick::Tag => TrickKind::Tag,
        Trick::Control => TrickKind::Control,
        Trick::Variation => TrickKind::Variation,
        Trick::Space => TrickKind::Space,
        Trick::LookAlike => TrickKind::LookAlike,
        Trick::Stacked => TrickKind::Stacked,
        Trick::Unknown => TrickKind::Unknown,
        Trick::Imitation => TrickKind::Imitation,
        Trick::Undecodable => TrickKind::Undecodable,
        Trick::Padding => TrickKind::Padding,
        Trick::Omitted => TrickKind::Omitted,
        Trick::TwoDirections => TrickKind::TwoDirections,
    }
}
