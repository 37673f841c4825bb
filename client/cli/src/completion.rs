//! `pointsman completion`: what a shell needs to complete the command line.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::args::Arguments;
use crate::context::Context;
use crate::exit::{Exit, Failure};

/// For which shell.
#[derive(Debug, Args)]
#[command(after_help = "Example: pointsman completion bash > /etc/bash_completion.d/pointsman")]
pub(crate) struct CompletionArguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script.
pub(crate) fn completion(
    context: &Context,
    completion: &CompletionArguments,
) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    let mut command = Arguments::command();
    clap_complete::generate(completion.shell, &mut command, "pointsman", &mut script);
    context.output.data(&String::from_utf8_lossy(&script));
    Ok(Exit::Ok)
}
