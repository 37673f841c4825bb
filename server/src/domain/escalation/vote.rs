//! Votes: what one of several people said, where one is not enough.
//!
//! Each person is blind to what the others said until it is decided. An answer takes
//! effect when as many distinct people as are wanted gave exactly the same one: the
//! same kind and, for an edit or an answer in the tool's place, the same bytes. One
//! rejection decides at once.

use serde::{Deserialize, Serialize};

use super::{Escalation, Reading, ResolutionKind, Standing, Upkeep};
use crate::domain::digest::Digest;
use crate::domain::error::{AnswerError, Error};
use crate::domain::ids::AuthorityId;
use crate::domain::payload::PayloadRef;
use crate::domain::time::Timestamp;

/// The most answers that are kept of one question while more are wanted.
pub const MAX_VOTES: usize = 16;

/// What one person said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// Who.
    pub reviewer: String,
    /// Who that is, whichever name was used.
    pub person: String,
    /// By which authority.
    pub authority: AuthorityId,
    /// Which answer.
    pub kind: ResolutionKind,
    /// The digest of everything that the answer would do.
    pub outcome: Digest,
    /// The words.
    pub content: Option<PayloadRef>,
    /// When.
    pub vote_time: Timestamp,
    /// How long they had, if it is an approval; none: not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<Reading>,
    /// By what they answered; none: not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
}

/// What a vote came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tally {
    /// The answer takes effect.
    Decided,
    /// More people must say the same.
    Wanting {
        /// How many said it so far, this one included.
        agreed: u32,
    },
}

impl Escalation {
    /// Refuses a person who has answered.
    pub fn require_no_vote(&self, person: &str) -> Result<(), Error> {
        let Some(earlier) = self.votes.iter().find(|earlier| earlier.person == person) else {
            return Ok(());
        };
        Err(Error::AlreadyVoted {
            escalation: self.id.to_string(),
            by: earlier.reviewer.clone(),
            at: earlier.vote_time,
        })
    }

    /// Keeps a vote that does not decide, and gives the claim of who gave it back. The
    /// record has room for so many; then only a rejection, or time, ends the question.
    pub fn keep_vote(&mut self, vote: Vote, now: Timestamp) -> Result<(), Error> {
        if self.votes.len() >= MAX_VOTES {
            let (escalation, limit) = (self.id.to_string(), MAX_VOTES);
            return Err(Error::Answer(AnswerError::VotesFull { escalation, limit }));
        }
        self.votes.push(vote);
        if let Some(claim) = &mut self.claim {
            claim.expire_time = claim.expire_time.min(now);
            claim.upkeep = Upkeep::Nothing;
        }
        Ok(())
    }

    /// Counts a vote, after the earlier ones; refuses a second one of the same person.
    /// Of an edit so many must say the same as the edit wants, if those are more.
    pub fn tally(&self, vote: &Vote, quorum: u32) -> Result<Tally, Error> {
        self.require_no_vote(&vote.person)?;
        let same = |earlier: &&Vote| earlier.outcome == vote.outcome;
        let agreed = self.votes.iter().filter(same).count() as u32 + 1;
        if vote.kind == ResolutionKind::Rejected || agreed >= quorum.max(self.quorum) {
            return Ok(Tally::Decided);
        }
        Ok(Tally::Wanting { agreed })
    }
}
