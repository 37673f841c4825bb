//! The reference model: what the commands mean, without store, wire or threads.

use super::command::{Command, Said, Tool};
use crate::domain::action::ActionState as Action;
use crate::domain::escalation::EscalationState as Question;

const GRANT: i64 = 300;
const CLAIM: i64 = 300;
const LEASE: i64 = 60;
const APPROVAL: i64 = 24 * 3_600;
const EXPIRE: i64 = 24 * 3_600;
/// How long a restart takes, in seconds.
pub(super) const RESTART: i64 = 1;

#[derive(Clone, Debug)]
struct Grant {
    epoch: u64,
    expire: i64,
    valid_until: i64,
    is_redeemed: bool,
}

#[derive(Clone, Debug)]
struct ActionM {
    run: usize,
    tool: Tool,
    state: Action,
    /// Every grant it ever had; the last one counts, the others are revoked.
    grants: Vec<Grant>,
    question: Option<usize>,
    outcome_due: i64,
    has_outcome: bool,
}

#[derive(Clone, Debug)]
struct Resumption {
    epoch: u64,
    lease_until: i64,
    is_closed: bool,
    action: Option<usize>,
}

#[derive(Clone, Debug)]
struct QuestionM {
    action: usize,
    state: Question,
    is_about_unknown: bool,
    is_detached: bool,
    claim: Option<(usize, u64, i64)>,
    expire: i64,
    resumption: Option<Resumption>,
}

/// Everything there is.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    now: i64,
    runs: Vec<bool>,
    actions: Vec<ActionM>,
    questions: Vec<QuestionM>,
}

/// What can be compared: runs, actions with the grant that counts, questions
/// with the holder and epoch of a live claim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) runs: Vec<bool>,
    pub(super) actions: Vec<(Action, Option<(u64, bool)>)>,
    pub(super) questions: Vec<(Question, Option<(usize, u64)>)>,
}

/// `ok`, the numbers of what was claimed, or the refusal's name.
pub(super) type Answer = String;

fn refused(name: &str) -> Answer {
    name.to_owned()
}

fn ok() -> Answer {
    "ok".to_owned()
}

// === looking ===

impl Model {
    /// How many runs there are.
    pub(super) fn runs(&self) -> usize {
        self.runs.len()
    }

    /// How many actions there are.
    pub(super) fn actions(&self) -> usize {
        self.actions.len()
    }

    /// How many questions there are.
    pub(super) fn questions(&self) -> usize {
        self.questions.len()
    }

    /// How many grants an action ever had.
    pub(super) fn grants_of(&self, action: usize) -> usize {
        self.actions.get(action).map_or(0, |it| it.grants.len())
    }

    /// The epoch of a question's live claim; 0 without one.
    pub(super) fn epoch_of(&self, question: usize) -> u64 {
        self.live_claim(question).map_or(0, |(_, epoch)| epoch)
    }

    /// The epoch of a question's resumption; 0 without one.
    pub(super) fn resumption_of(&self, question: usize) -> u64 {
        self.questions[question].resumption.as_ref().map_or(0, |it| it.epoch)
    }

    fn live_claim(&self, question: usize) -> Option<(usize, u64)> {
        let it = &self.questions[question];
        let (who, epoch, until) = it.claim?;
        (it.state == Question::Open && self.now < until).then_some((who, epoch))
    }

    /// The tool of an action, for whoever redeems it.
    pub(super) fn action_of(&self, question: usize) -> usize {
        self.questions[question].action
    }

    /// What can be compared.
    pub(super) fn state(&self) -> State {
        let grant = |grant: &Grant| (grant.epoch, grant.is_redeemed);
        State {
            runs: self.runs.clone(),
            actions: self
                .actions
                .iter()
                .map(|action| (action.state, action.grants.last().map(grant)))
                .collect(),
            questions: (0..self.questions.len())
                .map(|at| (self.questions[at].state, self.live_claim(at)))
                .collect(),
        }
    }
}

// === applying ===

impl Model {
    /// Does what the command means.
    pub(super) fn apply(&mut self, command: &Command) -> Answer {
        match *command {
            Command::StartRun => {
                self.runs.push(true);
                ok()
            }
            Command::FinishRun { run } => self.finish(run),
            Command::Propose { run, tool, is_detached, redeem } => {
                self.propose(run, tool, is_detached, redeem)
            }
            Command::Claim { question, who } => self.claim(question, who),
            Command::Release { question, who, epoch } => {
                self.require_claim(question, who, epoch).map_or_else(
                    |refusal| refusal,
                    |()| {
                        self.questions[question].claim = Some((who, epoch, self.now));
                        ok()
                    },
                )
            }
            Command::Resolve { question, who, epoch, said, is_stale } => {
                self.resolve(question, who, epoch, said, is_stale)
            }
            Command::Redeem { action, grant, is_tampered } => {
                self.redeem(action, grant, is_tampered)
            }
            Command::Report { action } => self.report(action),
            Command::Resume { most } => self.resume(most),
            Command::Acknowledge { question, epoch } => self.acknowledge(question, epoch),
            Command::Pass { seconds } => {
                self.now += seconds;
                self.let_time_work();
                ok()
            }
            // A stopped clock would let new ids sort before old ones.
            Command::Restart => {
                self.now += RESTART;
                self.let_time_work();
                ok()
            }
        }
    }

    fn finish(&mut self, run: usize) -> Answer {
        if !std::mem::take(&mut self.runs[run]) {
            return refused("RunNotRunning");
        }
        for at in 0..self.questions.len() {
            if self.actions[self.questions[at].action].run == run {
                self.end_question(at, Question::Cancelled);
            }
        }
        ok()
    }

    fn propose(&mut self, run: usize, tool: Tool, is_detached: bool, redeem: bool) -> Answer {
        if !self.runs[run] {
            return refused("RunNotRunning");
        }
        let mut action = ActionM {
            run,
            tool,
            state: Action::Denied,
            grants: Vec::new(),
            question: None,
            outcome_due: 0,
            has_outcome: false,
        };
        match tool {
            Tool::TooMuch => {}
            Tool::Note | Tool::Lookup => {
                let expire = self.now + GRANT;
                action.state = if redeem { Action::Redeemed } else { Action::Granted };
                action.outcome_due = self.now + outcome_span(tool);
                let grant = Grant { epoch: 0, expire, valid_until: expire, is_redeemed: redeem };
                action.grants.push(grant);
            }
            Tool::Refund => {
                action.state = Action::Escalated;
                action.question = Some(self.questions.len());
                self.ask(self.actions.len(), is_detached, false);
            }
        }
        self.actions.push(action);
        ok()
    }

    fn ask(&mut self, action: usize, is_detached: bool, is_about_unknown: bool) {
        self.questions.push(QuestionM {
            action,
            state: Question::Open,
            is_about_unknown,
            is_detached,
            claim: None,
            expire: self.now + EXPIRE,
            resumption: None,
        });
    }

    fn claim(&mut self, question: usize, who: usize) -> Answer {
        if self.questions[question].state != Question::Open {
            return refused("EscalationClosed");
        }
        if self.live_claim(question).is_some_and(|(holder, _)| holder != who) {
            return refused("ClaimedByOther");
        }
        let it = &mut self.questions[question];
        let epoch = it.claim.map_or(0, |(_, epoch, _)| epoch) + 1;
        it.claim = Some((who, epoch, self.now + CLAIM));
        ok()
    }

    fn require_claim(&self, question: usize, who: usize, epoch: u64) -> Result<(), Answer> {
        if self.questions[question].state != Question::Open {
            return Err(refused("EscalationClosed"));
        }
        match self.live_claim(question) {
            Some(live) if live == (who, epoch) => Ok(()),
            Some((holder, _)) if holder != who => Err(refused("ClaimedByOther")),
            _ => Err(refused("ClaimLost")),
        }
    }

    fn resolve(
        &mut self,
        question: usize,
        who: usize,
        epoch: u64,
        said: Said,
        is_stale: bool,
    ) -> Answer {
        let it = self.questions[question].clone();
        if it.state != Question::Open {
            return refused("EscalationClosed");
        }
        let needs_claim = epoch != 0 || self.live_claim(question).is_some();
        if let Some(Err(refusal)) = needs_claim.then(|| self.require_claim(question, who, epoch)) {
            return refusal;
        }
        if is_stale {
            return refused("EtagMismatch");
        }
        let may_run = match said {
            Said::Modify if it.is_about_unknown => return refused("InvalidField"),
            Said::Approve => {
                self.grant(it.action, it.is_detached);
                Some(it.action)
            }
            Said::Modify => {
                let mut edited = self.actions[it.action].clone();
                edited.grants.clear();
                self.actions[it.action].state = Action::Refused;
                self.actions.push(edited);
                let edited = self.actions.len() - 1;
                self.grant(edited, it.is_detached);
                Some(edited)
            }
            Said::Reject | Said::Respond => {
                if !it.is_about_unknown {
                    self.actions[it.action].state = Action::Refused;
                }
                None
            }
        };
        self.questions[question].state = Question::Resolved;
        self.offer(question, may_run);
        ok()
    }

    fn grant(&mut self, action: usize, is_detached: bool) {
        let valid_until = self.now + APPROVAL;
        let (epoch, expire) = if is_detached { (0, valid_until) } else { (1, self.now + GRANT) };
        let action = &mut self.actions[action];
        action.state = Action::Granted;
        action.grants.push(Grant { epoch, expire, valid_until, is_redeemed: false });
    }

    fn offer(&mut self, question: usize, action: Option<usize>) {
        let it = &mut self.questions[question];
        let (epoch, lease_until) =
            if it.is_detached { (0, self.now) } else { (1, self.now + GRANT) };
        it.resumption = Some(Resumption { epoch, lease_until, is_closed: false, action });
    }

    /// Ends an open question without a person.
    fn end_question(&mut self, question: usize, state: Question) {
        if self.questions[question].state != Question::Open {
            return;
        }
        self.questions[question].state = state;
        self.offer(question, None);
        let action = &mut self.actions[self.questions[question].action];
        if matches!(action.state, Action::Escalated | Action::Granted) {
            action.state = Action::Cancelled;
        }
    }

    fn redeem(&mut self, action: usize, grant: usize, is_tampered: bool) -> Answer {
        let it = self.actions[action].clone();
        let counts = it.grants.len() - 1;
        let found = &it.grants[grant];
        if grant != counts {
            return refused("GrantRevoked");
        }
        if found.is_redeemed {
            return refused("GrantRedeemed");
        }
        if it.state != Action::Granted {
            return refused("GrantRevoked");
        }
        if self.now >= found.expire {
            return refused("GrantExpired");
        }
        if !self.runs[it.run] {
            return refused("RunNotRunning");
        }
        if is_tampered {
            return refused("DigestMismatch");
        }
        if let Some(question) = it.question {
            let resumption = self.questions[question].resumption.as_mut().unwrap();
            if resumption.is_closed {
                return refused("ResumptionClosed");
            }
            if resumption.epoch != found.epoch || found.epoch == 0 {
                return refused("ResumptionLost");
            }
            resumption.is_closed = true;
        }
        let it = &mut self.actions[action];
        it.state = Action::Redeemed;
        it.grants[counts].is_redeemed = true;
        it.outcome_due = self.now + outcome_span(it.tool);
        ok()
    }

    fn report(&mut self, action: usize) -> Answer {
        let it = &mut self.actions[action];
        if it.has_outcome {
            return refused("OutcomeAlreadyReported");
        }
        let was_unknown = it.state == Action::ExecutionUnknown;
        if it.state != Action::Redeemed && !was_unknown {
            return refused("ActionNotRedeemed");
        }
        it.state = Action::Executed;
        it.has_outcome = true;
        if let Some(question) = it.question.filter(|_| was_unknown) {
            self.end_question(question, Question::Cancelled);
        }
        ok()
    }

    fn resume(&mut self, most: usize) -> Answer {
        let mut claimed = Vec::new();
        for at in 0..self.questions.len() {
            let now = self.now;
            let Some(resumption) = &mut self.questions[at].resumption else { continue };
            if claimed.len() == most || resumption.is_closed || now < resumption.lease_until {
                continue;
            }
            resumption.epoch += 1;
            resumption.lease_until = now + LEASE;
            let (epoch, action) = (resumption.epoch, resumption.action);
            claimed.push(at);
            let Some(action) = action.map(|at| &mut self.actions[at]) else { continue };
            let Some(former) = action.grants.last().cloned() else { continue };
            if action.state == Action::Granted && now < former.valid_until {
                let expire = (now + GRANT).min(former.valid_until);
                action.grants.push(Grant { epoch, expire, ..former });
            }
        }
        format!("{claimed:?}")
    }

    fn acknowledge(&mut self, question: usize, epoch: u64) -> Answer {
        match &mut self.questions[question].resumption {
            None => refused("NotFound"),
            Some(resumption) if resumption.is_closed => refused("ResumptionClosed"),
            Some(resumption) if resumption.epoch != epoch || epoch == 0 => {
                refused("ResumptionLost")
            }
            Some(resumption) => {
                resumption.is_closed = true;
                ok()
            }
        }
    }

    /// What is due happens: expiry, and executions that nobody reported.
    fn let_time_work(&mut self) {
        for at in 0..self.questions.len() {
            if self.questions[at].expire <= self.now {
                self.end_question(at, Question::Expired);
            }
        }
        // Timers fire in the order of their times, and later questions stand behind.
        let mut order: Vec<_> = (0..self.actions.len()).collect();
        order.sort_by_key(|at| self.actions[*at].outcome_due);
        for at in order {
            let it = &self.actions[at];
            if it.state != Action::Redeemed || it.outcome_due > self.now {
                continue;
            }
            let (run, tool) = (it.run, it.tool);
            self.actions[at].state = Action::ExecutionUnknown;
            if !self.runs[run] {
                continue;
            }
            let question = self.questions.len();
            self.ask(at, true, true);
            self.actions[at].question = Some(question);
            if tool == Tool::Lookup {
                self.grant(at, true);
                self.questions[question].state = Question::Resolved;
                self.offer(question, Some(at));
            }
        }
    }
}

fn outcome_span(tool: Tool) -> i64 {
    if tool == Tool::Note { 600 } else { 60 }
}
