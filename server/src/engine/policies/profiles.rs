//! The novelty profiles in force: how new a call is, and another set in their place.
//!
//! One record names the set in force; whoever judges by it makes that record a
//! condition of the commit, so that a decision and the version that it names belong
//! together. A set never changes: what was read of it stays at hand.

use std::sync::Arc;

use quick_cache::sync::Cache;
use uuid::Uuid;

use super::learn::Learnt;
use super::no_policy;
use crate::domain::call::ToolCall;
use crate::domain::digest::FieldHasher;
use crate::domain::error::Error;
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::PolicyRevisionId;
use crate::domain::policy::{Newness, Profiles};
use crate::domain::principal::Principal;
use crate::engine::operation::{Answer, Operation, Tx};
use crate::engine::{Engine, authorize};
use crate::store::keys;
use crate::store::records::ProfilesRecord;

/// The sets that were read, by their payload.
pub(in crate::engine) type ProfilesAtHand = Cache<Uuid, Arc<Profiles>>;

/// How new a call is to the profiles of a version.
pub(in crate::engine) struct Compared {
    pub(in crate::engine) newness: Newness,
    /// 0: none had been learnt.
    pub(in crate::engine) version: u64,
}

/// Has the profiles learnt anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LearnProfiles {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The version that the caller believes to be in force; 0: none.
    pub current: u64,
}

/// What is known of one agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentProfile {
    /// The agent.
    pub agent: String,
    /// How many calls its profile was taught.
    pub calls: u64,
    /// Of how many tools.
    pub tools: u32,
}

/// The profiles in force, and whom they know.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfilesView {
    /// The set.
    pub record: ProfilesRecord,
    /// The agents, by name.
    pub agents: Vec<AgentProfile>,
}

impl Tx<'_> {
    /// How new a call is to its agent's profile; the commit fails if another set is
    /// in force by then.
    pub(in crate::engine) async fn compare(
        &mut self,
        agent: &str,
        call: &ToolCall<'_>,
        goal: &str,
    ) -> Result<Compared, Error> {
        let key = keys::policy_profiles(self.tenant());
        let Some(record) = self.get::<ProfilesRecord>(key).await? else {
            return Ok(Compared { newness: Newness::UNKNOWN, version: 0 });
        };
        let profiles = self.engine.profiles_of(&record).await?;
        let newness = profiles.newness(agent, call.tool(), call.arguments(), goal);
        Ok(Compared { newness, version: record.version })
    }

    /// Puts what was learnt in force, for the revision that is to be.
    pub(super) async fn put_profiles(
        &mut self,
        learnt: &Learnt,
        policy: PolicyRevisionId,
    ) -> Result<ProfilesRecord, Error> {
        let key = keys::policy_profiles(self.tenant());
        let before = self.get::<ProfilesRecord>(key.clone()).await?;
        let profiles = self.payload(&learnt.profiles, None)?;
        let record = ProfilesRecord {
            version: before.map_or(0, |record| record.version) + 1,
            profiles,
            learn_time: self.now,
            actions: learnt.actions,
            agents: u32::try_from(learnt.profiles.agents().len()).unwrap_or(u32::MAX),
            policy,
            learner: self.by.name().to_owned(),
        };
        self.put(key, &record)?;
        let subjects = Subjects { policy: Some(policy), ..Subjects::default() };
        self.event_about(EventKind::PolicyProfilesLearnt, subjects, None, &[profiles]);
        Ok(record)
    }
}

struct Learning<'a> {
    command: &'a LearnProfiles,
    learnt: Learnt,
}

impl Operation for Learning<'_> {
    type Output = ProfilesRecord;
    const METHOD: &'static str = "LearnProfiles";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(&self.command.current.to_be_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(ProfilesRecord, Vec<Uuid>), Error> {
        let before = tx.get::<ProfilesRecord>(keys::policy_profiles(tx.tenant())).await?;
        let current = before.map_or(0, |record| record.version);
        if current != self.command.current {
            return Err(Error::ProfilesChanged { current });
        }
        let policy = tx.in_force().await?.ok_or_else(no_policy)?.id;
        Ok((tx.put_profiles(&self.learnt, policy).await?, Vec::new()))
    }

    async fn replay(
        &self,
        engine: &Engine,
        tenant: &str,
        _: &[Uuid],
    ) -> Result<Self::Output, Error> {
        let found = engine.read(&keys::policy_profiles(tenant)).await?;
        found.ok_or_else(|| Error::DataDamaged { cause: "the profiles are gone".to_owned() })
    }
}

impl Engine {
    /// Learns the profiles anew for the policy in force.
    pub async fn learn_profiles(
        &self,
        caller: &Principal,
        command: LearnProfiles,
    ) -> Result<Answer<ProfilesView>, Error> {
        let by = authorize::policy_author(caller)?;
        let _place = self.place_for_records()?;
        let learnt = self.learn(by.tenant()).await?;
        let learning = Learning { command: &command, learnt };
        let answer = self.transact(&by, &command.request_id, &learning).await?;
        let view = self.profiles_view(answer.value.clone()).await?;
        Ok(answer.map(|_| view))
    }

    /// Which profiles are in force, and of whom; none: none were learnt yet.
    pub async fn profiles(&self, caller: &Principal) -> Result<Option<ProfilesView>, Error> {
        authorize::overseer(caller)?;
        let found = self.read::<ProfilesRecord>(&keys::policy_profiles(&caller.tenant)).await?;
        match found {
            Some(record) => self.profiles_view(record).await.map(Some),
            None => Ok(None),
        }
    }

    async fn profiles_view(&self, record: ProfilesRecord) -> Result<ProfilesView, Error> {
        let profiles = self.profiles_of(&record).await?;
        let agents = profiles.agents().map(|(agent, profile)| AgentProfile {
            agent: agent.to_owned(),
            calls: profile.calls(),
            tools: u32::try_from(profile.tool_count()).unwrap_or(u32::MAX),
        });
        Ok(ProfilesView { record, agents: agents.collect() })
    }

    /// The set that a record names: read once, whoever asks first.
    async fn profiles_of(&self, record: &ProfilesRecord) -> Result<Arc<Profiles>, Error> {
        let reference = &record.profiles;
        let read = async { self.payload::<Profiles>(reference).await.map(Arc::new) };
        self.0.profiles.get_or_insert_async(&reference.id, read).await
    }
}
