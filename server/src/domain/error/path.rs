//! Why a call does not fit the path of a run: its branches and checkpoints.

/// Why a branch or a checkpoint could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The run is on another branch.
    #[error(
        "branch {given} of run `{run}` was left: `{by}` changed its path ({cause}); go on under \
         branch {current}{}{}",
        from_where(checkpoint.as_deref()),
        in_words(instruction)
    )]
    BranchAbandoned {
        /// The run.
        run: String,
        /// The branch that the caller is on.
        given: u32,
        /// The branch that counts.
        current: u32,
        /// The checkpoint to go back to; none: go on from where the agent is.
        checkpoint: Option<String>,
        /// Why the path changed.
        cause: &'static str,
        /// Who changed it.
        by: String,
        /// What to do otherwise; empty: nobody said.
        instruction: String,
    },
    /// The run has no such branch yet.
    #[error("run `{run}` has no branch {given}; its newest is {current}")]
    BranchUnknown {
        /// The run.
        run: String,
        /// The branch that was named.
        given: u32,
        /// The newest there is.
        current: u32,
    },
    /// The checkpoint belongs to another run.
    #[error("checkpoint `{checkpoint}` is of another run than `{run}`")]
    CheckpointForeign {
        /// The checkpoint.
        checkpoint: String,
        /// The run that was named.
        run: String,
    },
}

fn from_where(checkpoint: Option<&str>) -> String {
    checkpoint.map(|id| format!(", from checkpoint `{id}`")).unwrap_or_default()
}

fn in_words(instruction: &str) -> String {
    match instruction {
        "" => String::new(),
        words => format!("; you are told: {words}"),
    }
}
