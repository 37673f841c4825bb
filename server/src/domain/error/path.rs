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
    /// Something was saved behind the checkpoint that the caller named.
    #[error(
        "checkpoint `{checkpoint}` is not the newest of its branch of run `{run}`{}; read that \
         one and save again",
        which_is(newest.as_deref())
    )]
    StaleParent {
        /// The checkpoint that was named.
        checkpoint: String,
        /// The run.
        run: String,
        /// The newest; none: there is none on the branch.
        newest: Option<String>,
    },
    /// What is stored is not what was saved.
    #[error(
        "checkpoint `{checkpoint}` is not as it was saved, and is not handed out; tell the \
         operator, and go back to another one"
    )]
    CheckpointTampered {
        /// The checkpoint.
        checkpoint: String,
    },
    /// There is nothing to go back to.
    #[error(
        "no checkpoint on the path of run `{run}` is known to be good; mark one, or name the one \
         to go back to"
    )]
    NoGoodCheckpoint {
        /// The run.
        run: String,
    },
    /// Something ran, or was undone, since the caller looked.
    #[error(
        "going back in run `{run}` leaves {actual} effects behind, not {expected} as you were \
         shown; look again, nothing was changed"
    )]
    EffectsChanged {
        /// The run.
        run: String,
        /// How many the caller was shown.
        expected: u32,
        /// How many there are.
        actual: u32,
    },
}

fn which_is(newest: Option<&str>) -> String {
    newest.map(|id| format!(", which is `{id}`")).unwrap_or_default()
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
