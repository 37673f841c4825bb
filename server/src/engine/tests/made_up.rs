//! Questions about runs that there need not be.

use serde_json::json;

use super::world::*;
use crate::domain::action::DecisionEffect::{self, Allow, Deny, Escalate};
use crate::domain::error::Error;
use crate::engine::limits::{MAX_CONSTRAINT_SETS, MAX_MESSAGES};
use crate::engine::messages::Told;
use crate::engine::policies::{Context, Evaluate, Hypothesis};

const POLICY: &str = r#"
version: 1
default: escalate
constraint_sets: { looking: { tools: [look] } }
rules:
  - { id: user, tools: [pay], when: 'provenance("to") == "user"', effect: allow, reason: u }
"#;

fn user(text: &str) -> Told {
    Told::User { text: text.to_owned() }
}

fn tool(text: &str) -> Told {
    Told::Tool { tool: "search".to_owned(), text: text.to_owned() }
}

async fn judged(
    world: &World,
    constraint_sets: &[&str],
    messages: Vec<Told>,
) -> Result<DecisionEffect, Error> {
    let constraint_sets = constraint_sets.iter().map(|set| (*set).to_owned()).collect();
    let (agent, goal) = ("claims".to_owned(), "pay the bill".to_owned());
    let made_up = Hypothesis { agent, goal, constraint_sets, messages, ..Hypothesis::default() };
    let command = Evaluate {
        context: Some(Context::Hypothesis(made_up)),
        tool: "pay".to_owned(),
        arguments: json!({"to": "anna@example.com"}).to_string().into(),
        ..Evaluate::default()
    };
    let said = world.engine.evaluate_action(&reviewer(), command).await?;
    Ok(said.verdict.effect)
}

#[tokio::test]
async fn a_run_that_there_need_not_be_has_heard_what_is_said_of_it() {
    let world = World::new().await.reopened(POLICY, false).await;
    let names_her = "to anna@example.com";
    assert_eq!(judged(&world, &[], vec![]).await.unwrap(), Escalate);
    assert_eq!(judged(&world, &[], vec![tool(names_her)]).await.unwrap(), Escalate);
    assert_eq!(judged(&world, &[], vec![user(names_her)]).await.unwrap(), Allow);
    assert_eq!(judged(&world, &["looking"], vec![user(names_her)]).await.unwrap(), Deny);
}

#[tokio::test]
async fn what_is_said_of_it_has_the_limits_of_a_real_one() {
    let world = World::new().await.reopened(POLICY, false).await;
    let too_many = vec![user("yes"); MAX_MESSAGES + 1];
    let sets = vec!["looking"; MAX_CONSTRAINT_SETS + 1];
    for (sets, messages, expected) in [
        (vec![], too_many, "hypothesis.messages"),
        (vec![], vec![user("")], "hypothesis.messages[0].text"),
        (sets, vec![], "hypothesis.constraint_sets"),
        (vec!["looking", "unknown"], vec![], "hypothesis.constraint_sets[1]"),
    ] {
        let refused = judged(&world, &sets, messages).await.unwrap_err();
        let is_right = matches!(&refused, Error::InvalidField { field, .. } if field == expected);
        assert!(is_right, "{refused}");
    }
}
