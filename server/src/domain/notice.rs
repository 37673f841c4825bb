//! Notices: what leaves the server for somebody who is not looking at it.
//!
//! The delivery of a notice is the table in [`NoticeState::after`]; when it is tried
//! again is [`retry_delay`]. A notice holds ids, names and numbers; its words are made
//! of them, and of the headline that the server composed for the question.

use serde::{Deserialize, Serialize};

use super::escalation::{Escalation, EscalationState, SeverityTier};
use super::ids::{ActionId, EscalationId, IncidentId, NoticeId, PolicyRevisionId, RunId};
use super::incident::{Incident, IncidentKind};
use super::payload::PayloadRef;
use super::review::Judgement;
use super::time::{Span, Timestamp};

/// How long after each failed attempt the next one comes, before jitter: the times
/// that Standard Webhooks recommends.
pub const RETRY_DELAYS: [Span; 9] = [
    Span::from_secs(5),
    Span::from_secs(5 * 60),
    Span::from_secs(30 * 60),
    Span::from_secs(2 * 60 * 60),
    Span::from_secs(5 * 60 * 60),
    Span::from_secs(10 * 60 * 60),
    Span::from_secs(14 * 60 * 60),
    Span::from_secs(20 * 60 * 60),
    Span::from_secs(24 * 60 * 60),
];
/// The most attempts of one delivery: the first, and one after each delay.
pub const MAX_ATTEMPTS: u32 = RETRY_DELAYS.len() as u32 + 1;
/// For how long a notice waits for a channel that no server has: as long as one that
/// fails again and again, and a day for a server that was away.
pub const MAX_AGE_WITHOUT_CHANNEL: Span = Span::from_secs(5 * 24 * 60 * 60);
/// The longest that a receiver may ask to be left alone.
pub const MAX_RETRY_AFTER: Span = Span::from_secs(24 * 60 * 60);
/// How far jitter moves a delay to either side, in per mille of it.
const JITTER_PER_MILLE: i64 = 200;
/// The longest name of a channel.
const MAX_CHANNEL_NAME: usize = 32;
/// The most characters of a headline in a notice.
const MAX_HEADLINE_CHARS: usize = 200;

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum NoticeKind {
    /// Nobody has answered, and the question is put to others: one step of its chain.
    #[serde(rename = "escalation.step")]
    EscalationStep,
    /// Nobody can answer a question that has just been opened.
    #[serde(rename = "escalation.unreached")]
    EscalationUnreached,
    /// The due time of a question has passed.
    #[serde(rename = "escalation.overdue")]
    EscalationOverdue,
    /// A question has expired, and its action is cancelled.
    #[serde(rename = "escalation.expired")]
    EscalationExpired,
    /// Something went wrong that nobody had stopped.
    #[serde(rename = "incident.opened")]
    IncidentOpened,
    /// An action was to be undone, and its counter-action failed.
    #[serde(rename = "compensation.failed")]
    CompensationFailed,
    /// An action is to be undone, and its counter-action does not end.
    #[serde(rename = "compensation.overdue")]
    CompensationOverdue,
    /// Somebody tries a channel.
    #[serde(rename = "test")]
    Test,
}

impl NoticeKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::EscalationStep,
        Self::EscalationUnreached,
        Self::EscalationOverdue,
        Self::EscalationExpired,
        Self::IncidentOpened,
        Self::CompensationFailed,
        Self::CompensationOverdue,
        Self::Test,
    ];

    /// The stable name, as receivers and the configuration know it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EscalationStep => "escalation.step",
            Self::EscalationUnreached => "escalation.unreached",
            Self::EscalationOverdue => "escalation.overdue",
            Self::EscalationExpired => "escalation.expired",
            Self::IncidentOpened => "incident.opened",
            Self::CompensationFailed => "compensation.failed",
            Self::CompensationOverdue => "compensation.overdue",
            Self::Test => "test",
        }
    }

    /// Whether it asks somebody to act on an open question, so that it is pointless
    /// once that is in a person's hands.
    const fn calls_for_an_answer(self) -> bool {
        matches!(self, Self::EscalationStep | Self::EscalationUnreached | Self::EscalationOverdue)
    }
}

/// Where the delivery of a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeState {
    /// It is to be sent, or sent again.
    Pending,
    /// The receiver has taken it.
    Delivered,
    /// It was given up.
    Failed,
    /// It became pointless before it was delivered.
    Cancelled,
}

/// What can happen to a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeEvent {
    /// The receiver took it.
    Deliver,
    /// It is not tried any more.
    GiveUp,
    /// It has become pointless.
    Cancel,
    /// A person wants it tried again, at once.
    Retry,
}

impl NoticeState {
    /// The states, for tables and tests.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Delivered, Self::Failed, Self::Cancelled];

    /// The life of a delivery: the state after an event; `None` where it cannot happen.
    pub const fn after(self, event: NoticeEvent) -> Option<Self> {
        match (self, event) {
            (Self::Pending, NoticeEvent::Deliver) => Some(Self::Delivered),
            (Self::Pending, NoticeEvent::GiveUp) => Some(Self::Failed),
            (Self::Pending, NoticeEvent::Cancel) => Some(Self::Cancelled),
            (Self::Pending | Self::Failed, NoticeEvent::Retry) => Some(Self::Pending),
            (Self::Failed, _) | (Self::Delivered | Self::Cancelled, _) => None,
        }
    }

    /// The state's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Why an attempt came to nothing. No receiver's own words: nobody knows what is in
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryProblem {
    /// An answer that is no success.
    #[error("the receiver answered {0}")]
    Status(u16),
    /// An answer that points elsewhere.
    #[error("the receiver answered {0}, and is not followed elsewhere")]
    Redirected(u16),
    /// The receiver wants no more.
    #[error("the receiver answered 410: it wants nothing more, and the channel is off")]
    Gone,
    /// The name leads nowhere.
    #[error("the receiver's name leads to no address")]
    NoAddress,
    /// The name leads to where nothing is sent.
    #[error("the receiver's name leads to an address that is not public: list it in `allow`")]
    ForbiddenAddress,
    /// There is no connection.
    #[error("there is no connection to the receiver")]
    Unreachable,
    /// The encryption cannot be trusted.
    #[error("the receiver's certificate is not one to trust, or it does not speak TLS")]
    NotTrusted,
    /// It took too long.
    #[error("the receiver took too long")]
    TimedOut,
    /// The connection broke before there was an answer, or the answer is none.
    #[error("the connection broke off before there was an answer")]
    BrokeOff,
    /// There is nothing to sign with.
    #[error("the channel's secret cannot be read")]
    NoSecret,
    /// A program ended other than well.
    #[error("the program ended with exit code {0}")]
    ExitCode(i32),
    /// A program was ended by a signal.
    #[error("the program was ended by a signal")]
    Killed,
    /// A program does not start.
    #[error("the program cannot be started")]
    NotStarted,
    /// The configuration has no such channel.
    #[error("no server has the channel")]
    NoChannel,
    /// Too many wait for the channel.
    #[error("too many notices waited for the channel")]
    QueueFull,
}

/// One notice, as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The notice's id: what a receiver knows a repetition by.
    pub id: NoticeId,
    /// What it is about.
    pub kind: NoticeKind,
    /// Where its delivery is.
    pub state: NoticeState,
    /// Which channel takes it.
    pub channel: String,
    /// What it tells of; none: somebody tries the channel.
    pub subject: Option<Subject>,
    /// The incident that it tells of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Affair>,
    /// Attempts since it was written, or since a person had it tried again.
    pub attempts: u32,
    /// Counts every attempt: an outcome of an earlier one says nothing of a later.
    pub epoch: u64,
    /// When the next attempt comes, or the present one counts as lost.
    pub next_time: Timestamp,
    /// When it was last tried.
    pub attempt_time: Option<Timestamp>,
    /// Why the last attempt came to nothing.
    pub problem: Option<DeliveryProblem>,
    /// When it was written.
    pub create_time: Timestamp,
    /// When its delivery ended.
    pub close_time: Option<Timestamp>,
}

/// The question that a notice tells of, as it was then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The question.
    pub escalation: EscalationId,
    /// Its run.
    pub run: RunId,
    /// The tool; empty: it is about the run alone.
    pub tool: String,
    /// The agent that asks.
    pub agent: String,
    /// Whom it acts for.
    pub on_behalf_of: Option<String>,
    /// How grave a mistake would be.
    pub severity: SeverityTier,
    /// The priority lane.
    pub lane: String,
    /// By when a person should answer.
    pub due_time: Timestamp,
    /// When it is closed without an answer.
    pub expire_time: Timestamp,
    /// The briefing, for its headline.
    pub briefing: PayloadRef,
}

/// The incident that a notice tells of, as it was then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Affair {
    /// The incident.
    pub incident: IncidentId,
    /// What it is about.
    pub kind: IncidentKind,
    /// How grave it is, 1 to 3.
    pub severity: u32,
    /// What was found; none: the action is not called a mistake.
    pub judgement: Option<Judgement>,
    /// The action.
    pub action: ActionId,
    /// Its run.
    pub run: RunId,
    /// Its tool.
    pub tool: String,
    /// The agent that proposed it.
    pub agent: String,
    /// The rule that decided; none: the policy's default.
    pub rule: Option<String>,
    /// The revision that decided.
    pub policy_revision: PolicyRevisionId,
    /// Who wrote that revision, and who put it in force.
    pub owners: Vec<String>,
}

impl Affair {
    /// What a notice tells of an incident.
    pub fn of(incident: &Incident) -> Self {
        Self {
            incident: incident.id,
            kind: incident.kind,
            severity: incident.severity,
            judgement: incident.judgement,
            action: incident.action,
            run: incident.run,
            tool: incident.tool.clone(),
            agent: incident.agent.clone(),
            rule: incident.rule.clone(),
            policy_revision: incident.policy_revision,
            owners: incident.owners.clone(),
        }
    }

    /// What happened to what, in one line of names.
    fn words(&self) -> String {
        let Self { tool, agent, severity, .. } = self;
        let by = match &self.rule {
            Some(rule) => format!("rule {rule}"),
            None => "the policy's default".to_owned(),
        };
        let found = match self.judgement {
            Some(judgement) => format!(", {}", judgement.name().replace('_', " ")),
            None => String::new(),
        };
        format!("{tool} of {agent}, decided by {by}{found}, severity {severity}")
    }
}

impl Subject {
    /// What a notice tells of a question.
    pub fn of(escalation: &Escalation) -> Self {
        Self {
            escalation: escalation.id,
            run: escalation.run,
            tool: escalation.tool.clone(),
            agent: escalation.agent.clone(),
            on_behalf_of: escalation.on_behalf_of.clone(),
            severity: escalation.severity,
            lane: escalation.lane.clone(),
            due_time: escalation.due_time,
            expire_time: escalation.expire_time,
            briefing: escalation.briefing,
        }
    }
}

impl Notice {
    /// Whether nobody needs it any more: it calls for an answer, and the question is
    /// closed or in a person's hands.
    pub fn is_pointless(&self, escalation: &Escalation, now: Timestamp) -> bool {
        let is_taken =
            escalation.state != EscalationState::Open || escalation.live_claim(now).is_some();
        self.kind.calls_for_an_answer() && is_taken
    }

    /// What is said, in one sentence or two.
    pub fn text(&self, headline: &str) -> String {
        let about = match (&self.subject, headline) {
            (Some(subject), "") => subject.escalation.to_string(),
            (_, headline) => headline.to_owned(),
        };
        match self.kind {
            NoticeKind::EscalationStep => format!("A person is needed: {about}"),
            NoticeKind::EscalationUnreached => format!("Nobody can answer this: {about}"),
            NoticeKind::EscalationOverdue => format!("Overdue, nobody has answered: {about}"),
            NoticeKind::EscalationExpired => {
                format!("Expired, nobody answered and it was not allowed: {about}")
            }
            NoticeKind::IncidentOpened
            | NoticeKind::CompensationFailed
            | NoticeKind::CompensationOverdue => {
                let (what, words) = match &self.incident {
                    Some(affair) => (affair.kind.words(), affair.words()),
                    None => (self.kind.name(), String::new()),
                };
                format!("Incident, {what}: {words}")
            }
            NoticeKind::Test => "A test of this channel. Nothing has to be done.".to_owned(),
        }
    }
}

/// How long to wait after so many failed attempts; `None`: it is given up. `chance` is
/// anything at random: what failed together is not tried again together.
pub fn retry_delay(attempts: u32, chance: u16) -> Option<Span> {
    let place = usize::try_from(attempts.checked_sub(1)?).ok()?;
    let delay = RETRY_DELAYS.get(place)?.as_micros();
    let moved = delay * JITTER_PER_MILLE / 1_000;
    let jitter = 2 * moved * i64::from(chance) / i64::from(u16::MAX) - moved;
    Some(Span::from_micros(delay + jitter))
}

/// Whether a channel may be called so.
pub fn is_channel_name(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=MAX_CHANNEL_NAME).contains(&text.len()) && text.bytes().all(is_letter)
}

/// A headline as one line that shows what it holds: no control characters, nothing
/// invisible, nothing that turns the direction of writing, and no markup of chat
/// programs that would notify people.
pub fn plain_headline(headline: &str) -> String {
    let shown = headline.chars().map(|letter| match letter {
        letter if letter.is_whitespace() => ' ',
        letter if letter.is_control() || is_invisible(letter) => char::REPLACEMENT_CHARACTER,
        '<' => '‹',
        '>' => '›',
        '@' => '＠',
        letter => letter,
    });
    let mut line: String = shown.take(MAX_HEADLINE_CHARS).collect();
    if headline.chars().nth(MAX_HEADLINE_CHARS).is_some() {
        line.push('…');
    }
    line
}

/// Characters without a shape of their own: they hide or reorder what stands beside.
const fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
        | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests;
