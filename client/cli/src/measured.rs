//! `pointsman replay` and `pointsman bench`, printed.

use crate::bench::{self, BenchArguments};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::node::Node;
use crate::replay::{self, ReplayArguments};

/// Replays trajectories; fails if anything ran twice or got lost.
pub(crate) async fn replay(context: &Context, verb: ReplayArguments) -> Result<Exit, Failure> {
    let document = verb.document()?;
    let done = replay::replay(&verb, &document, context.given_address()).await.map_err(failed)?;
    print(context, done.to_text(), done.to_json())?;
    if done.is_clean() {
        return Ok(Exit::Ok);
    }
    Err(Failure::new(Exit::Failure, "something ran twice or got lost"))
}

/// Measures the server on this machine.
pub(crate) async fn bench(context: &Context, verb: BenchArguments) -> Result<Exit, Failure> {
    let done = bench::bench(&verb).await.map_err(failed)?;
    print(context, done.to_text(), done.to_json())?;
    Ok(Exit::Ok)
}

fn failed(error: anyhow::Error) -> Failure {
    Failure::new(Exit::Failure, format!("{error:#}"))
}

fn print(context: &Context, text: String, json: anyhow::Result<String>) -> Result<(), Failure> {
    let json = json.map_err(failed)?;
    if context.output.is_for_people() {
        context.output.data(&text);
        return Ok(());
    }
    context.output.one(&Node::Raw(json), String::new);
    Ok(())
}
