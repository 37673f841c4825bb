//! The `pointsman` command: replay and bench.

mod bench;
#[allow(dead_code, reason = "the verb that starts it is not here yet")]
mod demo;
mod replay;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Puts a person at the switch: agents ask before they act, people answer.
#[derive(Debug, Parser)]
#[command(name = "pointsman", version)]
struct Arguments {
    /// A running dev server, for replay
    #[arg(long, global = true, value_name = "URL")]
    address: Option<String>,
    /// The form of the data
    #[arg(short, long, global = true, value_enum, default_value_t)]
    output: Format,
    #[command(subcommand)]
    verb: Verb,
}

/// The form of data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Table,
    /// Indented JSON.
    Json,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Measure the server on this machine
    Bench(bench::BenchArguments),
    /// Run recorded trajectories through a real server and simulated reviewers
    Replay(replay::ReplayArguments),
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let is_json = arguments.output == Format::Json;
    let (text, is_clean) = match arguments.verb {
        Verb::Bench(verb) => {
            let done = bench::bench(&verb).await?;
            (if is_json { done.to_json()? } else { done.to_text() }, true)
        }
        Verb::Replay(verb) => {
            let done = replay::replay(&verb, arguments.address).await?;
            let text = if is_json { done.to_json()? } else { done.to_text() };
            (text, done.is_clean())
        }
    };
    bench::print(&text);
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
