//! Judging an action.
//!
//! Every rule that is about the call is judged. Of those that apply the most severe
//! decides: by effect, then by severity tier, then by the part of the document, then
//! by place. A condition that fails to evaluate counts as applied, and as an
//! escalation at least; one of a rule that relaxes a gate does not relax it.

use super::catalogue::Tool;
use super::condition::{ConditionError, Scope, on_deep_stack};
use super::document::OnExpiry;
use super::rule::{AskTemplate, Rule, When};
use super::signals::Signals;
use super::template::headline;
use super::{Effect, EffectClass, Facts, Policy};
use crate::domain::action::DecisionEffect;
use crate::domain::escalation::SeverityTier;
use crate::domain::principal::Role;
use crate::domain::time::Span;

/// When a routine question closes unless somebody says otherwise.
const EXPIRE_ROUTINE: Span = Span::from_secs(7 * 24 * 60 * 60);
/// When a grave question closes unless somebody says otherwise.
const EXPIRE_GRAVE: Span = Span::from_secs(24 * 60 * 60);

/// How a person is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// How grave a mistake would be.
    pub severity: SeverityTier,
    /// The priority lane.
    pub lane: String,
    /// The role that a person needs; none: any reviewer.
    pub required_role: Option<Role>,
    /// How many distinct people must agree.
    pub quorum: u32,
    /// How long a person should take at most.
    pub due: Span,
    /// After how long the question is closed.
    pub expire: Span,
    /// What becomes of it then.
    pub on_expiry: OnExpiry,
    /// One sentence: what is asked.
    pub headline: String,
}

/// What became of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its condition does not hold.
    DoesNotApply,
    /// It applies.
    Applies,
    /// It would apply, and another rule relaxes it.
    Relaxed,
    /// Its condition could not be evaluated.
    Fails(ConditionError),
}

/// What the policy says of one action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What may happen.
    pub effect: DecisionEffect,
    /// Whether a hard constraint demands it: no rule can relax it.
    pub is_hard: bool,
    /// The rule that decided; none: the default.
    pub rule: Option<String>,
    /// The rule's words.
    pub reason: String,
    /// Every rule that applied, in the order of the document.
    pub matched: Vec<String>,
    /// Those of them whose condition could not be evaluated, and why.
    pub failed: Vec<(String, String)>,
    /// Whether a person judges the action after it ran.
    pub is_sampled: bool,
    /// How to ask, if a person is asked.
    pub ask: Option<Ask>,
}

/// One rule that applies, and with which effect.
struct Applied<'p> {
    rule: &'p Rule,
    effect: Effect,
    failure: Option<String>,
}

impl Applied<'_> {
    /// The larger decides.
    fn weight(&self, index: usize) -> impl Ord {
        use std::cmp::Reverse;
        (self.effect, self.rule.ask.severity, Reverse(self.rule.kind), Reverse(index))
    }
}

impl Policy {
    /// Judges an action. Deterministic: the same facts and the same document give
    /// the same verdict. What a delegated run does must pass for every agent that
    /// delegated to it as well.
    pub fn evaluate(&self, facts: &Facts<'_>) -> Verdict {
        on_deep_stack(|| self.judge_line(facts))
    }

    fn judge_line(&self, facts: &Facts<'_>) -> Verdict {
        let own = self.judge(facts);
        if facts.ancestors.is_empty() || !self.reads("run") {
            return own;
        }
        let others = facts.ancestors.iter().filter(|agent| *agent != facts.agent);
        others.fold(own, |strictest, agent| {
            let theirs = self.judge(&Facts { agent, ..*facts });
            let is_stricter =
                (rank(theirs.effect), theirs.is_hard) > (rank(strictest.effect), strictest.is_hard);
            if is_stricter { theirs } else { strictest }
        })
    }

    /// What hard constraints say of the action today: whether they forbid it, or
    /// demand a person where none has approved it.
    pub fn blocks(&self, facts: &Facts<'_>, is_approved: bool) -> Option<Verdict> {
        let verdict = self.evaluate(facts);
        let is_blocked = match verdict.effect {
            DecisionEffect::Deny => true,
            DecisionEffect::Escalate => verdict.is_hard && !is_approved,
            DecisionEffect::Allow => false,
        };
        is_blocked.then_some(verdict)
    }

    fn judge(&self, facts: &Facts<'_>) -> Verdict {
        if let Some(gone) = facts.constraint_sets.iter().find(|set| !self.has_constraint_set(set)) {
            return Verdict::bound_by_nothing(gone);
        }
        let tool = self.tool(facts.tool);
        let scope = Scope::new(self, facts, tool);
        let mut applied: Vec<Applied<'_>> = Vec::new();
        let mut relaxed: Vec<EffectClass> = Vec::new();
        for rule in self.rules.iter().filter(|rule| rule.concerns(facts, tool)) {
            let failure = match rule.applies(&scope) {
                Ok(false) => continue,
                Ok(true) => None,
                Err(error) => Some(error.to_string()),
            };
            // An exemption that cannot be judged is none.
            if failure.is_none() {
                relaxed.extend(&rule.relaxes);
            }
            let effect =
                if failure.is_some() { rule.effect.max(Effect::Escalate) } else { rule.effect };
            applied.push(Applied { rule, effect, failure });
        }
        let is_relaxed = |rule: &Rule| rule.class.is_some_and(|class| relaxed.contains(&class));
        applied.retain(|it| !is_relaxed(it.rule));
        let decides = applied.iter().enumerate().max_by_key(|(index, it)| it.weight(*index));
        match decides {
            Some((_, deciding)) => self.by_rule(deciding, &applied, facts, tool),
            None => self.by_default(facts, tool),
        }
    }

    fn by_rule(
        &self,
        deciding: &Applied<'_>,
        applied: &[Applied<'_>],
        facts: &Facts<'_>,
        tool: &Tool,
    ) -> Verdict {
        let rule = deciding.rule;
        let reason = match &deciding.failure {
            None => rule.reason.clone(),
            Some(error) => format!("rule `{}` could not be evaluated: {error}", rule.id),
        };
        let effect = DecisionEffect::from(deciding.effect);
        let failed =
            applied.iter().filter_map(|it| Some((it.rule.id.clone(), it.failure.clone()?)));
        Verdict {
            effect,
            is_hard: rule.is_hard(),
            rule: Some(rule.id.clone()),
            reason,
            matched: applied.iter().map(|it| it.rule.id.clone()).collect(),
            failed: failed.collect(),
            is_sampled: effect == DecisionEffect::Allow && self.samples(applied, facts, tool),
            ask: (effect == DecisionEffect::Escalate).then(|| self.ask(Some(rule), facts)),
        }
    }

    fn by_default(&self, facts: &Facts<'_>, tool: &Tool) -> Verdict {
        let effect = DecisionEffect::from(self.default);
        Verdict {
            effect,
            is_hard: self.default >= Effect::RequireApproval,
            rule: None,
            reason: "no rule matches; the policy's default decides".to_owned(),
            matched: Vec::new(),
            failed: Vec::new(),
            is_sampled: effect == DecisionEffect::Allow
                && (self.default == Effect::Sample || self.samples(&[], facts, tool)),
            ask: (effect == DecisionEffect::Escalate).then(|| self.ask(None, facts)),
        }
    }

    /// When a question closes of which no rule says when.
    pub fn expire_of(&self, severity: SeverityTier) -> Span {
        self.expire.unwrap_or(match severity {
            SeverityTier::Low | SeverityTier::Medium => EXPIRE_ROUTINE,
            SeverityTier::High | SeverityTier::Critical => EXPIRE_GRAVE,
        })
    }

    fn ask(&self, rule: Option<&Rule>, facts: &Facts<'_>) -> Ask {
        let own = rule.map(|rule| rule.ask.clone()).unwrap_or_default();
        let headline = headline(own.headline.as_deref(), facts);
        Ask { headline, ..self.ask_by(own) }
    }

    /// How a rule asks about what is no call, without words.
    pub fn ask_of(&self, rule: &str) -> Ask {
        let rule = self.rules.iter().find(|it| it.id == rule);
        self.ask_by(rule.map(|rule| rule.ask.clone()).unwrap_or_default())
    }

    fn ask_by(&self, own: AskTemplate) -> Ask {
        Ask {
            severity: own.severity,
            lane: own.lane.unwrap_or_else(|| self.lane.clone()),
            required_role: own.required_role,
            quorum: own.quorum.unwrap_or(1),
            due: own.due.unwrap_or(self.due),
            expire: own.expire.unwrap_or_else(|| self.expire_of(own.severity)),
            on_expiry: own.on_expiry.unwrap_or(self.on_expiry),
            headline: String::new(),
        }
    }

    /// Whether a person judges an allowed action afterwards.
    fn samples(&self, applied: &[Applied<'_>], facts: &Facts<'_>, tool: &Tool) -> bool {
        let stakes = || Signals::new(self, facts, tool).stakes();
        let picks =
            |sampling: super::Sampling| sampling.picks(facts.agent, facts.inputs.ordinal, stakes());
        let by_rule = applied
            .iter()
            .filter(|it| it.rule.effect == Effect::Sample)
            .any(|it| it.rule.sampling.is_none_or(picks));
        by_rule || self.sampling.is_some_and(picks)
    }
}

impl Verdict {
    /// What becomes of a run that is bound by a set which the policy does not have.
    fn bound_by_nothing(set: &str) -> Self {
        Self {
            effect: DecisionEffect::Deny,
            is_hard: true,
            rule: Some(format!("set.{set}")),
            reason: format!("the run is bound by `{set}`, which the policy does not define"),
            matched: vec![format!("set.{set}")],
            failed: Vec::new(),
            is_sampled: false,
            ask: None,
        }
    }
}

impl Rule {
    /// Whether the rule applies to a call that it concerns.
    pub(super) fn applies(&self, scope: &Scope<'_>) -> Result<bool, ConditionError> {
        match &self.when {
            When::Always => Ok(true),
            When::Holds(condition) => condition.holds(scope),
            When::Fails(condition) => condition.holds(scope).map(|holds| !holds),
        }
    }
}

impl From<Effect> for DecisionEffect {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::Allow | Effect::Sample => Self::Allow,
            Effect::Escalate | Effect::RequireApproval => Self::Escalate,
            Effect::Deny => Self::Deny,
        }
    }
}

const fn rank(effect: DecisionEffect) -> u8 {
    match effect {
        DecisionEffect::Allow => 0,
        DecisionEffect::Escalate => 1,
        DecisionEffect::Deny => 2,
    }
}
