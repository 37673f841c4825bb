//! Random command sequences, with restarts between, against a reference model:
//! the engine over the real store must answer and end up exactly as the model.

mod reference;
mod subject;

use proptest::prelude::*;

use reference::{Command, Model, Step};
use subject::Subject;

/// The most commands of one sequence.
const LONGEST: usize = 50;
const CASES: u32 = 40;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>())
        .prop_map(|(kind, which, how, who)| Step { kind, which, how, who });
    prop::collection::vec(step, 1..LONGEST)
}

fn cases() -> u32 {
    let set = std::env::var("PROPTEST_CASES").ok();
    set.and_then(|text| text.parse().ok()).unwrap_or(CASES)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn the_engine_does_what_the_model_does(steps in steps()) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let outcome = runtime.block_on(run(&steps));
        prop_assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
    }
}

async fn run(steps: &[Step]) -> Result<(), String> {
    let mut model = Model::default();
    let mut subject = Subject::new().await;
    let mut history = Vec::new();
    for step in steps {
        let Some(command) = model.choose(step) else { continue };
        history.push(format!("{command:?}"));
        let expected = model.apply(&command);
        let found = subject.apply(&command, &model).await;
        subject = if command == Command::Restart { subject.restarted().await } else { subject };
        let compared = (expected, model.state());
        let seen = (found, subject.state().await);
        if compared != seen {
            return Err(format!(
                "after\n  {}\nthe model has\n{compared:#?}\nthe engine has\n{seen:#?}",
                history.join("\n  ")
            ));
        }
    }
    Ok(())
}
