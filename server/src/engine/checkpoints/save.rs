//! Saving a state behind the newest one of its branch.

use uuid::Uuid;

use super::{of_run, states};
use crate::domain::action::Action;
use crate::domain::branch::{Branch, ORIGINAL};
use crate::domain::checkpoint::{Checkpoint, CheckpointContent, PendingCall};
use crate::domain::digest::{FieldHasher, sha256};
use crate::domain::error::{Error, PathError};
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::{CheckpointId, EscalationId, RunId};
use crate::domain::principal::Principal;
use crate::domain::run::Run;
use crate::domain::secrets::refuse_secrets;
use crate::engine::operation::{Answer, Operation, Tx, result_at};
use crate::engine::runs::own_running;
use crate::engine::views::CheckpointView;
use crate::engine::{Engine, authorize, branches, limits, read_error, validate};
use crate::store::records::CheckpointHead;
use crate::store::{CommitLane, Direction, keys};

/// Saves a state.
#[derive(Clone, Debug)]
pub struct SaveCheckpoint {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The run.
    pub run: RunId,
    /// The branch that the agent is on.
    pub branch: u32,
    /// The checkpoint from which the agent came, if that is to be checked.
    pub parent: Option<CheckpointId>,
    /// The state.
    pub content: CheckpointContent,
}

/// With what a state is saved.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::engine) struct Occasion<'a> {
    /// The action that is planned.
    pub(in crate::engine) action: Option<&'a Action>,
    /// The question about it.
    pub(in crate::engine) escalation: Option<EscalationId>,
    /// The checkpoint that must be the newest.
    pub(in crate::engine) parent: Option<CheckpointId>,
}

/// Saves the agent's state behind the newest one of the run's branch. Calls at once save
/// side by side, unless they name the parent.
pub(in crate::engine) async fn save(
    tx: &mut Tx<'_>,
    run: &Run,
    occasion: Occasion<'_>,
    content: &CheckpointContent,
) -> Result<Checkpoint, Error> {
    let tenant = tx.tenant();
    let parent = match occasion.parent {
        None => newest(tx.engine, tenant, run).await?,
        Some(named) => Some(require_newest(tx, run, named).await?),
    };
    let id = CheckpointId::new(tx.next_id());
    let kept = CheckpointContent {
        schema_version: content.schema_version.clone(),
        credentials: content.credentials.clone(),
        envelope: content.envelope.clone(),
        state_digest: Some(sha256(&content.state)),
        state: Vec::new(),
    };
    let mut checkpoint = Checkpoint {
        id,
        run: run.id,
        agent: run.agent.clone(),
        branch: run.branch,
        parent: parent.as_ref().map(|parent| parent.id),
        action: occasion.action.map(|action| action.id),
        escalation: occasion.escalation,
        content: tx.payload(&kept, None)?,
        state: Some(states::store(tx, run.id, parent.as_ref(), id, &content.state).await?),
        parent_digest: parent.and_then(|parent| parent.digest),
        digest: None,
        known_good: None,
        create_time: tx.now,
    };
    checkpoint.digest = Some(checkpoint.seal());
    tx.put(keys::checkpoint(tenant, id), &checkpoint)?;
    tx.mark(keys::run_checkpoint(tenant, run.id, id));
    tx.put(keys::checkpoint_head(tenant, run.id, run.branch), &CheckpointHead { id })?;
    let subjects = Subjects {
        run: Some(run.id),
        action: checkpoint.action,
        escalation: checkpoint.escalation,
        checkpoint: Some(id),
        ..Subjects::default()
    };
    let payloads: Vec<_> = [checkpoint.content]
        .into_iter()
        .chain(checkpoint.state.as_ref().map(|state| state.payload))
        .collect();
    tx.event_about(EventKind::CheckpointSaved, subjects, checkpoint.digest, &payloads);
    Ok(checkpoint)
}

/// The newest checkpoint of the run's branch; on a new one, where it goes on from.
async fn newest(engine: &Engine, tenant: &str, run: &Run) -> Result<Option<Checkpoint>, Error> {
    let head = keys::checkpoint_head(tenant, run.id, run.branch);
    let found = engine.read::<CheckpointHead>(&head).await?.map(|head| head.id);
    let id = match found {
        Some(id) => Some(id),
        None => start_of(engine, tenant, run).await?,
    };
    match id {
        Some(id) => engine.read::<Checkpoint>(&keys::checkpoint(tenant, id)).await,
        None => Ok(None),
    }
}

/// Where a branch without a checkpoint of its own goes on from.
async fn start_of(engine: &Engine, tenant: &str, run: &Run) -> Result<Option<CheckpointId>, Error> {
    if run.branch != ORIGINAL {
        let key = keys::branch(tenant, run.id, run.branch);
        let from = engine.read::<Branch>(&key).await?.and_then(|branch| branch.checkpoint);
        if from.is_some() {
            return Ok(from);
        }
    }
    let range = keys::run_checkpoints(tenant, run.id);
    let found = engine.0.store.scan(range, Direction::Descending, 1).await.map_err(read_error)?;
    Ok(found.rows.first().and_then(|(key, _)| keys::listed_checkpoint(key)))
}

/// The parent that the caller names, if nothing was saved behind it since.
async fn require_newest(
    tx: &mut Tx<'_>,
    run: &Run,
    named: CheckpointId,
) -> Result<Checkpoint, Error> {
    let parent = of_run(tx, run.id, named).await?;
    let head = keys::checkpoint_head(tx.tenant(), run.id, run.branch);
    let found = tx.get::<CheckpointHead>(head).await?.map(|head| head.id);
    let newest = match found {
        Some(id) => Some(id),
        None => start_of(tx.engine, tx.tenant(), run).await?,
    };
    if newest == Some(named) {
        return Ok(parent);
    }
    let (checkpoint, run) = (named.to_string(), run.id.to_string());
    let newest = newest.map(|id| id.to_string());
    Err(Error::Path(PathError::StaleParent { checkpoint, run, newest }))
}

struct Saving<'a>(&'a SaveCheckpoint);

impl Operation for Saving<'_> {
    type Output = Checkpoint;
    const METHOD: &'static str = "SaveCheckpoint";
    const LANE: CommitLane = CommitLane::Intake;

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        let it = self.0;
        hasher
            .field(it.run.as_bytes())
            .field(&it.branch.to_be_bytes())
            .optional(it.parent.as_ref().map(|id| id.as_bytes().as_slice()));
        it.content.fingerprint(hasher);
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Checkpoint, Vec<Uuid>), Error> {
        let run = own_running(tx, self.0.run).await?;
        branches::require_acknowledged(tx, &run, self.0.branch).await?;
        let occasion = Occasion { parent: self.0.parent, ..Occasion::default() };
        let checkpoint = save(tx, &run, occasion, &self.0.content).await?;
        let id = Uuid::from_bytes(*checkpoint.id.as_bytes());
        Ok((checkpoint, vec![id]))
    }

    async fn replay(
        &self,
        engine: &Engine,
        tenant: &str,
        results: &[Uuid],
    ) -> Result<Checkpoint, Error> {
        engine.existing_checkpoint(tenant, CheckpointId::new(result_at(results, 0)?)).await
    }
}

impl CheckpointContent {
    /// Adds everything that a client says to the digest of its request.
    pub(in crate::engine) fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.schema_version.as_bytes()).field(&self.state);
        for credential in &self.credentials {
            hasher.field(credential.name.as_bytes()).field(credential.reference.as_bytes());
        }
        let it = &self.envelope;
        if *it == Default::default() {
            return;
        }
        hasher
            .field(b"envelope")
            .field(it.framework.as_bytes())
            .field(it.framework_version.as_bytes())
            .field(&it.message_count.to_be_bytes())
            .field(it.planned_action.as_bytes())
            .field(it.reasoning.as_bytes());
        for call in &it.pending_calls {
            let PendingCall { tool, tool_call_id, arguments } = call;
            hasher.field(tool.as_bytes()).field(tool_call_id.as_bytes()).field(arguments);
        }
    }
}

/// Checks every field of a state to be saved, which stands in the field `at`.
pub(in crate::engine) fn form(at: &str, content: &CheckpointContent) -> Result<(), Error> {
    let field = |name: &str| format!("{at}.{name}");
    let short =
        |name: &str, text: &str, most: usize| validate::length(&field(name), text.as_bytes(), most);
    validate::length(&field("state"), &content.state, limits::MAX_STATE_BYTES)?;
    short("schema_version", &content.schema_version, limits::MAX_SCHEMA_VERSION_BYTES)?;
    let it = &content.envelope;
    short("envelope.framework", &it.framework, limits::MAX_SCHEMA_VERSION_BYTES)?;
    short("envelope.framework_version", &it.framework_version, limits::MAX_SCHEMA_VERSION_BYTES)?;
    short("envelope.planned_action", &it.planned_action, limits::MAX_PLANNED_ACTION_BYTES)?;
    short("envelope.reasoning", &it.reasoning, limits::MAX_REASONING_BYTES)?;
    if content.credentials.len() > limits::MAX_CREDENTIALS {
        let problem = format!("more than {} references", limits::MAX_CREDENTIALS);
        return Err(Error::field(field("credentials"), problem));
    }
    for (place, credential) in content.credentials.iter().enumerate() {
        let part = |name: &str| format!("credentials[{place}].{name}");
        short(&part("name"), &credential.name, limits::MAX_PRINCIPAL_BYTES)?;
        short(&part("reference"), &credential.reference, limits::MAX_REFERENCE_BYTES)?;
    }
    if it.pending_calls.len() > limits::MAX_PENDING_CALLS {
        let problem = format!("more than {} calls", limits::MAX_PENDING_CALLS);
        return Err(Error::field(field("envelope.pending_calls"), problem));
    }
    for (place, call) in it.pending_calls.iter().enumerate() {
        let part = |name: &str| field(&format!("envelope.pending_calls[{place}].{name}"));
        validate::tool(&part("tool"), &call.tool)?;
        let id = call.tool_call_id.as_bytes();
        validate::length(&part("tool_call_id"), id, limits::MAX_TOOL_CALL_ID_BYTES)?;
        let most = limits::MAX_PENDING_ARGUMENTS_BYTES;
        validate::length(&part("arguments"), &call.arguments, most)?;
    }
    Ok(())
}

/// Refuses secrets in a state to be saved, which stands in the field `at`.
pub(in crate::engine) fn secrets(at: &str, content: &CheckpointContent) -> Result<(), Error> {
    let look = |name: &str, bytes: &[u8]| refuse_secrets(&format!("{at}.{name}"), bytes);
    look("state", &content.state)?;
    look("schema_version", content.schema_version.as_bytes())?;
    for (place, credential) in content.credentials.iter().enumerate() {
        look(&format!("credentials[{place}].reference"), credential.reference.as_bytes())?;
    }
    let it = &content.envelope;
    look("envelope.framework", it.framework.as_bytes())?;
    look("envelope.framework_version", it.framework_version.as_bytes())?;
    look("envelope.planned_action", it.planned_action.as_bytes())?;
    look("envelope.reasoning", it.reasoning.as_bytes())?;
    for (place, call) in it.pending_calls.iter().enumerate() {
        look(&format!("envelope.pending_calls[{place}].arguments"), &call.arguments)?;
    }
    Ok(())
}

impl Engine {
    /// Saves the state of the calling agent's run.
    pub async fn save_checkpoint(
        &self,
        caller: &Principal,
        command: SaveCheckpoint,
    ) -> Result<Answer<CheckpointView>, Error> {
        let by = authorize::agent(caller)?;
        form("draft", &command.content)?;
        secrets("draft", &command.content)?;
        let answer = self.transact(&by, &command.request_id, &Saving(&command)).await?;
        let view = self.checkpoint_view(caller, answer.value.clone()).await?;
        Ok(answer.map(|_| view))
    }
}
