//! What may not be found.

/// A kind of resource that may not be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A run.
    Run,
    /// An action.
    Action,
    /// An escalation.
    Escalation,
    /// A checkpoint.
    Checkpoint,
    /// A grant.
    Grant,
    /// A token.
    Token,
    /// A policy revision.
    Policy,
    /// The putting in force of a policy revision.
    PolicyActivation,
    /// A principal's authority.
    Authority,
    /// A principal.
    Principal,
    /// A question to an agent.
    Question,
    /// A notice.
    Notice,
    /// A channel that notices leave by.
    NoticeChannel,
    /// A revision of the queue's settings.
    QueueSettings,
    /// A review.
    Review,
    /// An incident.
    Incident,
    /// A drill.
    Drill,
    /// An override.
    Override,
}

impl Resource {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Action => "action",
            Self::Escalation => "escalation",
            Self::Checkpoint => "checkpoint",
            Self::Grant => "grant",
            Self::Token => "token",
            Self::Policy => "policy revision",
            Self::PolicyActivation => "policy activation",
            Self::Authority => "authority",
            Self::Principal => "principal",
            Self::Question => "question",
            Self::Notice => "notice",
            Self::NoticeChannel => "notice channel",
            Self::QueueSettings => "revision of the queue's settings",
            Self::Review => "review",
            Self::Incident => "incident",
            Self::Drill => "drill",
            Self::Override => "override",
        }
    }
}
