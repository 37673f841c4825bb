//! Random command sequences, with restarts between, against a reference model:
//! the engine over the real store must answer and end up exactly as the model.
//!
//! A failing sequence is made smaller command by command, as long as what is left
//! names only what there is.

mod command;
mod reference;
mod subject;

use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use tokio::runtime::Runtime;

use command::Command;
use reference::{Answer, Model};
use subject::Subject;

const CASES: u32 = 40;

fn cases() -> u32 {
    let set = std::env::var("PROPTEST_CASES").ok();
    set.and_then(|text| text.parse().ok()).unwrap_or(CASES)
}

/// The model, and its answer to the last command.
#[derive(Clone, Debug, Default)]
struct Reference {
    model: Model,
    answer: Answer,
}

impl ReferenceStateMachine for Reference {
    type State = Self;
    type Transition = Command;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self::default()).boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Command> {
        command::next(&state.model)
    }

    fn preconditions(state: &Self, command: &Command) -> bool {
        command::is_possible(&state.model, command)
    }

    fn apply(mut state: Self, command: &Command) -> Self {
        state.answer = state.model.apply(command);
        state
    }
}

/// The engine under test, and what runs it.
struct Engine {
    subject: Subject,
    runtime: Runtime,
}

impl StateMachineTest for Engine {
    type SystemUnderTest = Self;
    type Reference = Reference;

    fn init_test(_: &Reference) -> Self {
        let runtime = Runtime::new().unwrap();
        Self { subject: runtime.block_on(Subject::new()), runtime }
    }

    fn apply(mut engine: Self, expected: &Reference, command: Command) -> Self {
        let answer = engine.runtime.block_on(engine.subject.apply(&command, &expected.model));
        assert_eq!(answer, expected.answer, "the answer to {command:?}");
        if command == Command::Restart {
            let Self { subject, runtime } = engine;
            engine = Self { subject: runtime.block_on(subject.restarted()), runtime };
        }
        let state = engine.runtime.block_on(engine.subject.state());
        assert_eq!(state, expected.model.state(), "after {command:?}");
        engine
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn the_engine_does_what_the_model_does(sequential command::lengths() => Engine);
}
