//! Drills.

use pointsman_api::v1;

use super::escalations::severity;
use super::{known, text_of, time, unspecified};
use crate::domain::drill::{DrillChoice, DrillFigures, DrillResults};
use crate::domain::error::Error;
use crate::engine::drills::DrillView;

/// What a drill shows: nothing of what is wrong with it.
pub(in crate::rpc) fn card(view: DrillView) -> v1::DrillCard {
    let DrillView { drill, content } = view;
    v1::DrillCard {
        drill_id: drill.id.to_string(),
        agent: drill.agent,
        tool: drill.tool,
        lane: drill.lane,
        severity: severity(drill.severity).into(),
        rule_id: text_of(drill.rule),
        why: content.why,
        target: content.target,
        arguments: content.arguments.into(),
        reasoning: content.reasoning,
        goal: content.goal,
    }
}

/// A drill with what is wrong with it.
pub(in crate::rpc) fn drill(view: DrillView) -> v1::Drill {
    let defect = view.content.defect.clone().map(|it| v1::DrillDefect {
        place: it.place,
        was: it.was.into(),
        planted: it.is.into(),
        defect: it.words,
    });
    v1::Drill {
        defect,
        escalation_id: view.drill.source.to_string(),
        creator: view.drill.creator.clone(),
        create_time: Some(time(view.drill.create_time)),
        card: Some(card(view)),
    }
}

/// What somebody may see of what all did; without the server's time.
pub(in crate::rpc) fn results(results: DrillResults) -> v1::GetDrillStatsResponse {
    let people = results
        .people
        .into_iter()
        .map(|(person, it)| v1::PersonDrillFigures { person, figures: Some(figures(it)) });
    v1::GetDrillStatsResponse {
        own: Some(figures(results.own)),
        team: results.team.map(figures),
        people: people.collect(),
        private_people_count: u32::try_from(results.private_people).unwrap_or(u32::MAX),
        server_time: None,
    }
}

const fn figures(figures: DrillFigures) -> v1::DrillFigures {
    let DrillFigures { given, planted, caught, clean, false_alarms } = figures;
    v1::DrillFigures { given, planted, caught, clean, false_alarms }
}

/// What a person would do.
pub(in crate::rpc) fn read_choice(value: i32) -> Result<DrillChoice, Error> {
    match known("choice", value)? {
        v1::DrillChoice::Unspecified => Err(unspecified("choice")),
        v1::DrillChoice::Approve => Ok(DrillChoice::Approve),
        v1::DrillChoice::Reject => Ok(DrillChoice::Reject),
    }
}
