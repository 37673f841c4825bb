//! What the server works out of a call before any rule speaks: risk, stakes,
//! confidence, origins, intent. Each is worked out once, when a condition asks.

use std::sync::OnceLock;

use super::catalogue::{EffectClass, Level, Tool, find};
use super::grounding::{Grounding, NamedCall};
use super::lexicon::Request;
use super::provenance::Origin;
use super::{CalibrationPoint, Facts, Policy};

/// The signals of one call.
pub(super) struct Signals<'f> {
    policy: &'f Policy,
    facts: &'f Facts<'f>,
    tool: &'f Tool,
    is_valid: OnceLock<bool>,
    request: OnceLock<Request>,
    is_intended: OnceLock<bool>,
    grounding: OnceLock<Grounding>,
}

impl<'f> Signals<'f> {
    pub(super) fn new(policy: &'f Policy, facts: &'f Facts<'f>, tool: &'f Tool) -> Self {
        Self {
            policy,
            facts,
            tool,
            is_valid: OnceLock::new(),
            request: OnceLock::new(),
            is_intended: OnceLock::new(),
            grounding: OnceLock::new(),
        }
    }

    /// The calibrated confidence; saying nothing is no confidence.
    pub(super) fn confidence(&self) -> f64 {
        let stated = self.facts.confidence.filter(|stated| stated.is_finite());
        calibrate(self.policy.calibration(), stated.unwrap_or(0.0))
    }

    pub(super) fn is_doubtful(&self) -> bool {
        self.confidence() < self.policy.low_confidence()
    }

    pub(super) fn blast_radius(&self) -> Level {
        self.tool.blast_radius_of(self.facts.arguments)
    }

    pub(super) fn financial_impact(&self) -> Level {
        self.tool.financial_impact(self.facts.arguments)
    }

    /// How many of the four dimensions of risk are high.
    pub(super) fn high_risks(&self) -> i64 {
        let tool = self.tool;
        let levels = [tool.irreversibility, self.blast_radius(), tool.compliance_exposure];
        let high = levels.iter().filter(|level| **level == Level::High).count();
        high as i64 + i64::from(self.is_doubtful())
    }

    /// The highest of what a mistake could cost.
    pub(super) fn stakes(&self) -> Level {
        let tool = self.tool;
        [
            tool.irreversibility,
            self.blast_radius(),
            tool.compliance_exposure,
            self.financial_impact(),
            tool.impact.reputational,
            tool.impact.operational,
        ]
        .into_iter()
        .fold(Level::Low, Level::max)
    }

    /// Whether the arguments are as the tool's schema says.
    pub(super) fn is_valid(&self) -> bool {
        *self.is_valid.get_or_init(|| match &self.tool.arguments {
            None => true,
            Some(schema) => {
                schema.accepts(&serde_json::Value::Object(self.facts.arguments.clone()))
            }
        })
    }

    /// Where the argument at a path comes from.
    pub(super) fn origin(&self, path: &str) -> Origin {
        self.facts.sources.origin_of(find(self.facts.arguments, path))
    }

    /// What the names in the call rest on.
    pub(super) fn grounding(&self) -> &Grounding {
        self.grounding.get_or_init(|| {
            let paths = self.tool.identifiers.as_ref();
            let paths: Option<Vec<String>> =
                paths.map(|it| it.iter().map(|path| path.as_str().to_owned()).collect());
            let Facts { tool, arguments, sources, .. } = *self.facts;
            let description = self.tool.description.as_str();
            let call = NamedCall { tool, description, arguments, identifiers: paths.as_deref() };
            Grounding::of(self.policy.lexicon(), &call, sources, self.request())
        })
    }

    /// Where the arguments that name somebody or some place come from; each origin
    /// once.
    pub(super) fn origins(&self) -> Vec<Origin> {
        let grounds = self.grounding().identifiers.iter();
        let mut origins: Vec<_> = grounds.map(|ground| ground.evidence.origin).collect();
        origins.retain(|origin| *origin != Origin::Absent);
        origins.sort_unstable();
        origins.dedup();
        origins
    }

    /// What the user's words ask for: the goal, and what was said since.
    pub(super) fn request(&self) -> &Request {
        self.request.get_or_init(|| {
            let lexicon = self.policy.lexicon();
            let goal = lexicon.implied_by(self.facts.goal);
            lexicon.requested(self.facts.sources).and(&goal, lexicon)
        })
    }

    /// Whether the last that the user said agrees to something. The first words of a
    /// run answer nothing.
    pub(super) fn is_confirmed(&self) -> bool {
        let last = self.facts.sources.user_messages().skip(1).last();
        last.is_some_and(|last| self.policy.lexicon().agrees(last))
    }

    /// Whether the user's words ask for an effect of a class.
    pub(super) fn is_implied(&self, class: &str) -> bool {
        let class = EffectClass::ALL.into_iter().find(|known| known.name() == class);
        class.is_some_and(|class| self.request().implies(class))
    }

    /// Whether the user's words ask for an effect as the tool has it.
    pub(super) fn is_intended(&self) -> bool {
        *self.is_intended.get_or_init(|| {
            let Tool { description, effects, .. } = self.tool;
            let lexicon = self.policy.lexicon();
            lexicon.is_asked_for(self.facts.tool, description, effects, self.request())
        })
    }
}

/// What a stated confidence has proved to mean: straight lines between the points,
/// level beyond them; without points what is said is taken.
fn calibrate(points: &[CalibrationPoint], stated: f64) -> f64 {
    let after = points.iter().position(|point| point.stated >= stated);
    match after {
        None => points.last().map_or(stated, |last| last.actual),
        Some(0) => points.first().map_or(stated, |first| first.actual),
        Some(index) => match (points.get(index - 1), points.get(index)) {
            (Some(low), Some(high)) if high.stated > low.stated => {
                let share = (stated - low.stated) / (high.stated - low.stated);
                low.actual + share * (high.actual - low.actual)
            }
            _ => stated,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calibration_is_straight_between_points_and_level_beyond() {
        let point = |stated, actual| CalibrationPoint { stated, actual };
        let points = [point(0.5, 0.2), point(0.9, 0.6)];
        for (stated, expected) in [(0.0, 0.2), (0.5, 0.2), (0.7, 0.4), (0.9, 0.6), (1.0, 0.6)] {
            assert!((calibrate(&points, stated) - expected).abs() < 1e-9, "{stated}");
        }
        assert!((calibrate(&[], 0.7) - 0.7).abs() < 1e-9);
    }
}
