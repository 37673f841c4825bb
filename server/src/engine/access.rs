//! Who is calling, and what somebody may do, before anything is tried.
//!
//! No rule lives here: a check calls what the use cases themselves call. It commits
//! nothing, and tells nobody of what they may not see.

use super::operation::Tx;
use super::{Authorized, Engine, Need, authorize, limits, validate};
use crate::domain::authority::Matter;
use crate::domain::directory::{Answerer, Availability};
use crate::domain::error::{Error, Resource};
use crate::domain::escalation::{Escalation, SeverityTier};
use crate::domain::ids::{AuthorityId, EscalationId};
use crate::domain::money::Stake;
use crate::domain::principal::{Credential, Principal, Role, Token};
use crate::domain::time::Timestamp;
use crate::store::{CommitLane, keys};

/// What a question that there need not be is called in a refusal.
const MADE_UP: &str = "the question";

/// A role that counts now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRole {
    /// The role.
    pub role: Role,
    /// Whether somebody assigned it; else the credential gives it.
    pub is_assigned: bool,
    /// Until when; none: until it is taken back, or the credential ends.
    pub end_time: Option<Timestamp>,
}

/// Who is calling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The roles that count now.
    pub roles: Vec<HeldRole>,
    /// The server's own token that spoke; none: somebody else vouched.
    pub token: Option<Token>,
    /// Whether the caller can be asked; none: nothing is known of it.
    pub availability: Option<Availability>,
    /// Which person it is, where that is said.
    pub person: Option<String>,
}

/// A question that there need not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeUp {
    /// The lane.
    pub lane: String,
    /// The tool; empty: about no action.
    pub tool: String,
    /// How grave a mistake would be.
    pub severity: SeverityTier,
    /// The money at stake.
    pub stake: Stake,
}

/// What somebody wants to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Call what has this need of its callers.
    Call(Need),
    /// Claim and answer a question.
    Answer(EscalationId),
    /// Answer a question like this.
    AnswerLike(MadeUp),
}

/// Whether somebody may.
#[derive(Clone, Debug, PartialEq)]
pub enum Access {
    /// Yes; by this authority, where one is needed.
    Allowed(Option<AuthorityId>),
    /// No, for this reason.
    Refused {
        /// The refusal that whoever tried would get.
        error: Error,
        /// Whether the arguments of the call, which nobody named, decide.
        depends_on_call: bool,
    },
}

impl Access {
    /// Makes an answer of a refusal, and passes on what hinders the check itself.
    fn of(checked: Result<Option<AuthorityId>, Error>) -> Result<Self, Error> {
        match checked {
            Ok(authority) => Ok(Self::Allowed(authority)),
            Err(
                error @ (Error::RoleRequired { .. }
                | Error::SelfReview { .. }
                | Error::AuthorityExceeded { .. }
                | Error::NotRouted { .. }
                | Error::AlreadyVoted { .. }
                | Error::EscalationClosed { .. }),
            ) => Ok(Self::Refused { error, depends_on_call: false }),
            Err(other) => Err(other),
        }
    }
}

impl Engine {
    /// Says who is calling.
    pub async fn caller(&self, caller: &Principal) -> Result<Caller, Error> {
        let now = self.now();
        let token = match caller.credential.token {
            Some(id) => Some(self.existing_token(&caller.tenant, id).await?),
            None => None,
        };
        let people = self.people(&caller.tenant).await?;
        let entry = people.entry(&caller.name);
        let expire_time = token.as_ref().and_then(|token| token.expire_time);
        let given = caller.credential.roles.iter().map(|role| HeldRole {
            role: *role,
            is_assigned: false,
            end_time: expire_time,
        });
        let assigned = entry.into_iter().flat_map(|entry| entry.in_force(now));
        let assigned =
            assigned.map(|it| HeldRole { role: it.role, is_assigned: true, end_time: it.end_time });
        Ok(Caller {
            roles: given.chain(assigned).collect(),
            token,
            availability: entry.map(|entry| entry.availability.clone()),
            person: entry.and_then(|entry| entry.person.clone()),
        })
    }

    /// Says of each of several needs whether somebody meets it. Empty `name`: the caller.
    pub async fn check_needs(
        &self,
        caller: &Principal,
        name: &str,
        needs: &[Need],
    ) -> Result<Vec<bool>, Error> {
        let who = self.asked_for(caller, name).await?;
        Ok(needs.iter().map(|need| need.check(&who).is_ok()).collect())
    }

    /// Says whether somebody may do something. Empty `name`: the caller.
    pub async fn check_access(
        &self,
        caller: &Principal,
        name: &str,
        wanted: &Wanted,
    ) -> Result<Access, Error> {
        let who = self.asked_for(caller, name).await?;
        match wanted {
            Wanted::Call(need) => Access::of(need.check(&who).map(|()| None)),
            Wanted::Answer(id) => {
                let question = self.visible_question(caller, *id).await?;
                Access::of(self.try_answer(&who, &question).await.map(Some))
            }
            Wanted::AnswerLike(made_up) => self.try_made_up(&who, made_up).await,
        }
    }

    /// The caller, or another in whose place an admin asks.
    async fn asked_for(&self, caller: &Principal, name: &str) -> Result<Principal, Error> {
        if name.is_empty() || name == caller.name {
            return Ok(caller.clone());
        }
        let by = authorize::admin(caller)?;
        validate::principal("principal", name)?;
        let entry = self.known_principal(&caller.tenant, name).await?;
        let roles = Tx::new(self, &by, CommitLane::Normal).token_roles(name).await?;
        let credential = Credential { token: None, roles };
        let mut who = Principal::new(caller.tenant.clone(), entry.name.clone(), credential);
        who.roles.extend(entry.roles(self.now()));
        Ok(who)
    }

    async fn visible_question(
        &self,
        caller: &Principal,
        id: EscalationId,
    ) -> Result<Escalation, Error> {
        let found = self.read::<Escalation>(&keys::escalation(&caller.tenant, id)).await?;
        found
            .filter(|question| authorize::may_see(caller, &question.agent))
            .ok_or_else(|| Error::not_found(Resource::Escalation, id))
    }

    /// Goes the way of an answer as far as it rests on who gives it; commits nothing.
    async fn try_answer(
        &self,
        who: &Principal,
        question: &Escalation,
    ) -> Result<AuthorityId, Error> {
        let by: Authorized = authorize::reviewer(who)?;
        let mut tx = Tx::new(self, &by, CommitLane::Normal);
        tx.require_four_eyes(question).await?;
        question.require_open_at(tx.now)?;
        let authority = tx.admit(question).await?;
        tx.require_no_vote(question).await?;
        Ok(authority)
    }

    async fn try_made_up(&self, who: &Principal, made_up: &MadeUp) -> Result<Access, Error> {
        validate::required("matter.lane", made_up.lane.as_bytes())?;
        validate::length("matter.lane", made_up.lane.as_bytes(), limits::MAX_LANE_BYTES)?;
        if !made_up.tool.is_empty() {
            validate::tool("matter.tool", &made_up.tool)?;
        }
        if let Err(error) = authorize::reviewer(who) {
            return Ok(Access::Refused { error, depends_on_call: false });
        }
        let MadeUp { lane, tool, severity, stake } = made_up;
        let matter = Matter { lane, tool, severity: *severity, stake, called: None };
        let people = self.people(&who.tenant).await?;
        let answerer = Answerer { name: &who.name, roles: &who.roles };
        let now = self.now();
        let admitted = people.admit(answerer, &matter, MADE_UP, now).map(|it| Some(it.id));
        Ok(match Access::of(admitted)? {
            Access::Refused { error, .. } => {
                let depends_on_call = people.covers(answerer, &matter, now);
                Access::Refused { error, depends_on_call }
            }
            allowed @ Access::Allowed(_) => allowed,
        })
    }
}
