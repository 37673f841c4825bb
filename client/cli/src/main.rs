//! The `pointsman` command: server, inbox, decisions, gate.
//!
//! `args` is the command line, one file per group of verbs does what it says,
//! `output` prints, `exit` says how it ended.

#![warn(unreachable_pub)]

mod args;
mod auth;
mod backup;
mod bench;
mod briefing;
mod catalogue;
mod checkpoint;
mod completion;
mod context;
mod contexts;
mod demo;
mod dev;
mod drill;
mod escalation;
mod eval;
mod exit;
mod feedback;
mod follow;
mod gate;
mod id;
mod incident;
mod measured;
mod notice;
mod offline;
mod output;
mod pasted;
mod people;
mod policy;
mod prompt;
mod queue;
mod replay;
mod review;
mod run;
mod serve;
mod span;
mod store;
mod token;
mod top;
mod trajectory;
mod version;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Arguments, Command};
use crate::context::Context;
use crate::exit::{Exit, Failure};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|cause| Failure::new(Exit::Failure, format!("cannot start threads: {cause}")))
        .and_then(|runtime| {
            let ended = runtime.block_on(dispatch(arguments));
            // A prompt that nobody answered must not keep the command alive.
            runtime.shutdown_background();
            ended
        });
    match ended {
        Ok(exit) => exit.code().into(),
        Err(failure) => {
            output::write_error(&failure.to_string());
            failure.exit.code().into()
        }
    }
}

async fn dispatch(arguments: Arguments) -> Result<Exit, Failure> {
    let context = Context::new(arguments.globals);
    match arguments.command {
        Command::Serve(arguments) => serve::serve(arguments).await,
        Command::Migrate(arguments) => serve::migrate(&context, arguments).await,
        Command::Dev(arguments) => dev::dev(arguments).await,
        Command::Restore(arguments) => offline::restore(&context, arguments).await,
        Command::Doctor(arguments) => offline::doctor(&context, arguments).await,
        Command::Store(verb) => store::dispatch(&context, verb).await,
        Command::Replay(arguments) => measured::replay(&context, arguments).await,
        Command::Eval(verb) => eval::dispatch(&context, &verb),
        Command::Bench(arguments) => measured::bench(&context, arguments).await,
        Command::Top(top) => top::top(&context, top).await,
        Command::Inbox(inbox) => escalation::inbox(&context, inbox).await,
        Command::Escalation(verb) => escalation::dispatch(&context, verb).await,
        Command::Checkpoint(verb) => checkpoint::dispatch(&context, verb).await,
        Command::Run(verb) => run::dispatch(&context, verb).await,
        Command::Gate(gate) => gate::gate(&context, gate).await,
        Command::Policy(verb) => policy::dispatch(&context, verb).await,
        Command::Agent(verb) => people::agent(&context, verb).await,
        Command::Principal(verb) => people::principal(&context, verb).await,
        Command::Role(verb) => people::role(&context, verb).await,
        Command::Authority(verb) => people::authority(&context, verb).await,
        Command::Queue(verb) => queue::dispatch(&context, verb).await,
        Command::Drill(verb) => drill::dispatch(&context, verb).await,
        Command::Feedback(verb) => feedback::dispatch(&context, verb).await,
        Command::Incident(verb) => incident::dispatch(&context, verb).await,
        Command::Review(verb) => review::dispatch(&context, verb).await,
        Command::Auth(verb) => auth::dispatch(&context, verb).await,
        Command::Token(verb) => token::dispatch(&context, verb).await,
        Command::Notice(verb) => notice::dispatch(&context, verb).await,
        Command::Backup(backup) => backup::backup(&context, backup).await,
        Command::Completion(completion) => completion::completion(&context, &completion),
        Command::Version => version::version(&context).await,
    }
}
