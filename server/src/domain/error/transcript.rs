//! Why entries cannot join a transcript.

/// Why entries of a transcript were not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TranscriptError {
    /// Entries are missing before those that were sent.
    #[error("the transcript of run `{run}` goes on with entry {expected}; send from there on")]
    Gap {
        /// The run.
        run: String,
        /// The next number.
        expected: u64,
    },
    /// A later session of the run has taken over.
    #[error(
        "attempt {attempt} of run `{run}` has taken over; nothing of yours is taken any more, end \
         this one"
    )]
    Superseded {
        /// The run.
        run: String,
        /// The attempt that counts now.
        attempt: u64,
    },
}
