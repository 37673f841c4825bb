//! One thing in full, and what is done about it: a question and its answer, a run and the
//! hand on its switch. Every act takes more than one key.

use pointsman_api::v1;
use pointsman_api::v1::r#override::Kind;
use pointsman_api::v1::watch_reasoning_request::Density;

use super::keys::Key;
use super::model::Request;
use crate::output::escape::inline;
use crate::prompt::digits;

/// The longest text that is typed, in characters.
const MAX_INPUT: usize = 2_000;

/// One thing in full.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dialog {
    /// What it is.
    pub(super) about: About,
    /// What is asked of the person now.
    pub(super) step: Step,
    /// What is typed.
    pub(super) input: String,
    /// How many lines have been scrolled past.
    pub(super) scroll: u16,
    /// What the server said of the last try.
    pub(super) said: String,
}

/// What is looked at.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum About {
    /// A question; `is_stale`: it has changed since it was read.
    Question { question: Box<v1::Escalation>, is_stale: bool },
    /// A run.
    Run { id: String, density: Density },
}

/// What is asked of the person.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// Nothing: it is read.
    Reading,
    /// What to do with a run.
    Menu,
    /// A word that must be typed before the rest.
    Word { word: &'static str, act: Act },
    /// The digits of what was seen.
    Digits(Answer),
    /// Words that go with it.
    Words { label: &'static str, then: Then },
    /// More that the server wants.
    Wanted { wanted: Wanted, answer: Answer },
    /// The server has it.
    Sent(Option<Answer>),
}

/// What typed words are for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Then {
    /// They go with the answer to a question.
    Answer(Answer),
    /// They are the reason of an act.
    Reason(Act),
    /// They tell a run how to go on.
    Instruct(Act),
}

/// What is answered.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    /// The question as it was read.
    pub(super) question: Box<v1::Escalation>,
    /// What is said.
    pub(super) verdict: VerdictName,
    /// Why, or the correction in words.
    pub(super) words: String,
    /// Evidence that was looked at.
    pub(super) evidence: Vec<String>,
    /// The value that was typed.
    pub(super) confirmation: String,
}

/// What a person may say here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VerdictName {
    /// Exactly this may run.
    Approve,
    /// It may not.
    Reject,
    /// It is to be proposed otherwise.
    Instruct,
}

/// What the server wants with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A reason.
    Reason,
    /// That a piece of evidence was looked at.
    Evidence { id: String, label: String },
    /// A value, typed.
    Confirmation { key: String, value: String },
}

/// What is done to a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Act {
    /// The run.
    pub(super) run: String,
    /// What.
    pub(super) kind: Kind,
    /// How it is to go on, where it is redirected.
    pub(super) instruction: String,
    /// Why.
    pub(super) reason: String,
}

// === impl Dialog ===

impl Dialog {
    /// A question in full.
    pub(super) fn question(question: v1::Escalation) -> Self {
        Self::of(About::Question { question: Box::new(question), is_stale: false })
    }

    /// A run in full.
    pub(super) fn run(id: &str, density: Density) -> Self {
        Self::of(About::Run { id: id.to_owned(), density })
    }

    fn of(about: About) -> Self {
        let (input, said) = (String::new(), String::new());
        Self { about, step: Step::Reading, input, scroll: 0, said }
    }

    /// The run that is looked at.
    pub(super) fn run_id(&self) -> Option<&str> {
        match &self.about {
            About::Run { id, .. } => Some(id),
            About::Question { .. } => None,
        }
    }

    /// Whether an answer of the server's is awaited.
    pub(super) const fn is_busy(&self) -> bool {
        matches!(self.step, Step::Sent(_))
    }

    /// Whether letters are text here, not keys.
    pub(super) const fn is_typing(&self) -> bool {
        !matches!(self.step, Step::Reading | Step::Menu | Step::Sent(_))
    }

    /// Notes that what is looked at may have changed: then nothing is answered before it was
    /// read anew.
    pub(super) fn see_change(&mut self, now: &v1::Escalation) {
        let is_busy = self.is_busy();
        let About::Question { question, is_stale } = &mut self.about else { return };
        let is_same = question.escalation_id != now.escalation_id || question.etag == now.etag;
        if is_same || is_busy {
            return;
        }
        *is_stale = true;
        self.step = Step::Reading;
        self.input.clear();
        self.said = "It has changed since you read it. Read it again: R".to_owned();
    }

    /// Asks for what the server wants with the answer that was sent.
    pub(super) fn want(&mut self, wanted: Wanted) {
        if let Step::Sent(Some(answer)) = &self.step {
            let answer = answer.clone();
            self.step = Step::Wanted { wanted, answer };
            self.input.clear();
        }
    }

    /// Shows a refusal; nothing was recorded.
    pub(super) fn refuse(&mut self, said: String) {
        self.step = Step::Reading;
        self.input.clear();
        self.said = said;
    }

    /// Begins an answer.
    pub(super) fn answer(&mut self, verdict: VerdictName) {
        let About::Question { question, is_stale: false } = &self.about else { return };
        let answer = Answer {
            question: question.clone(),
            verdict,
            words: String::new(),
            evidence: Vec::new(),
            confirmation: String::new(),
        };
        self.begin(match verdict {
            VerdictName::Approve => Step::Digits(answer),
            VerdictName::Reject => {
                Step::Words { label: "Why not? The agent sees it", then: Then::Answer(answer) }
            }
            VerdictName::Instruct => {
                let label = "How is it to propose anew?";
                Step::Words { label, then: Then::Answer(answer) }
            }
        });
    }

    /// Begins an act on the run.
    pub(super) fn act(&mut self, kind: Kind) {
        let About::Run { id, .. } = &self.about else { return };
        let act = Act { run: id.clone(), kind, instruction: String::new(), reason: String::new() };
        self.begin(match kind {
            Kind::Stop => Step::Word { word: "stop", act },
            Kind::Kill => Step::Word { word: "kill", act },
            Kind::Redirect => Step::Words { label: "What is it to do?", then: Then::Instruct(act) },
            _ => why(act),
        });
    }

    /// Asks the next thing.
    pub(super) fn begin(&mut self, step: Step) {
        self.step = step;
        self.input.clear();
        self.said.clear();
    }

    /// What is asked for, in words; none: nothing.
    pub(super) fn asked(&self) -> Option<String> {
        Some(match &self.step {
            Step::Reading => return None,
            Step::Menu => {
                "s pause after step   n pause now   r resume   d redirect…   x stop…   k kill…"
                    .to_owned()
            }
            Step::Word { word, .. } => format!("Type {word}, then Enter"),
            Step::Digits(answer) => {
                let digits = digits(&answer.question.action_digest);
                format!("Approve as shown? Type {digits}, then Enter")
            }
            Step::Words { label, .. } => (*label).to_owned(),
            Step::Wanted { wanted: Wanted::Reason, .. } => "The policy wants a reason".to_owned(),
            Step::Wanted { wanted: Wanted::Evidence { id, label }, .. } => {
                format!("Have you looked at {} ({})? Type yes", inline(id), inline(label))
            }
            Step::Wanted { wanted: Wanted::Confirmation { key, value }, .. } => {
                format!("Type the {}, {}", inline(key), inline(value))
            }
            Step::Sent(_) => "Sent…".to_owned(),
        })
    }

    /// A key while something is typed.
    pub(super) fn type_key(&mut self, key: Key) -> Option<Request> {
        match key {
            Key::Esc => {
                self.begin(Step::Reading);
                self.said = "Not confirmed, nothing was sent.".to_owned();
            }
            Key::Backspace => {
                self.input.pop();
            }
            Key::Char(letter) if self.input.chars().count() < MAX_INPUT => self.input.push(letter),
            Key::Enter => return self.enter(),
            _ => {}
        }
        None
    }

    fn enter(&mut self) -> Option<Request> {
        let typed = std::mem::take(&mut self.input).trim().to_owned();
        match self.step.clone() {
            Step::Reading | Step::Menu | Step::Sent(_) => None,
            Step::Word { word, act } => {
                if typed == word {
                    self.begin(why(act))
                } else {
                    self.again(&typed)
                }
                None
            }
            Step::Digits(answer) => {
                if typed.eq_ignore_ascii_case(&digits(&answer.question.action_digest)) {
                    return Some(self.send(answer));
                }
                self.again(&typed);
                None
            }
            Step::Words { .. } if typed.is_empty() => {
                self.again(&typed);
                None
            }
            Step::Words { then: Then::Answer(answer), .. } => {
                Some(self.send(Answer { words: typed, ..answer }))
            }
            Step::Words { then: Then::Instruct(act), .. } => {
                self.begin(why(Act { instruction: typed, ..act }));
                None
            }
            Step::Words { then: Then::Reason(act), .. } => {
                self.begin(Step::Sent(None));
                Some(Request::Act(Act { reason: typed, ..act }))
            }
            Step::Wanted { wanted, answer } => self.give(&wanted, answer, typed),
        }
    }

    /// Adds what the server wanted, and tries again.
    fn give(&mut self, wanted: &Wanted, mut answer: Answer, typed: String) -> Option<Request> {
        match wanted {
            Wanted::Evidence { .. } if !typed.eq_ignore_ascii_case("yes") => {
                self.again(&typed);
                return None;
            }
            Wanted::Evidence { id, .. } => answer.evidence.push(id.clone()),
            Wanted::Reason => answer.words = typed,
            Wanted::Confirmation { .. } => answer.confirmation = typed,
        }
        Some(self.send(answer))
    }

    fn send(&mut self, answer: Answer) -> Request {
        self.begin(Step::Sent(Some(answer.clone())));
        Request::Answer(Box::new(answer))
    }

    /// What was typed is not what was asked for: nothing happens.
    fn again(&mut self, typed: &str) {
        self.said = match typed {
            "" => "Nothing was typed.".to_owned(),
            typed => format!("That is not it: {}", inline(typed)),
        };
    }
}

/// Asks for the reason of an act.
const fn why(act: Act) -> Step {
    Step::Words { label: "Why? The agent is told as well", then: Then::Reason(act) }
}
