//! Withdrawing what waits on a path that a run has left.
//!
//! The timer is always set: what was proposed while the path changed, and committed just
//! before, is found by it. The branch remembers how far it is, so that a restart loses
//! nothing.

use futures::future::try_join_all;

use super::subjects;
use crate::domain::action::{Action, ActionState};
use crate::domain::branch::Branch;
use crate::domain::error::{Error, Resource};
use crate::domain::escalation::{Escalation, EscalationState};
use crate::domain::event::EventKind;
use crate::domain::ids::{ActionId, EscalationId, RunId};
use crate::domain::run::Run;
use crate::engine::operation::Tx;
use crate::engine::views::missing;
use crate::engine::{closing, read_error};
use crate::store::keys::{self, Timer, TimerKind};
use crate::store::{Direction, KeyRange};

/// How many questions are withdrawn in one commit.
const QUESTIONS_AT_ONCE: usize = 64;
/// How many questions about the run itself, which stay, there may be among them.
const STAYING_QUESTIONS: usize = 16;
/// How many actions are looked at in one commit.
const ACTIONS_AT_ONCE: usize = 256;

/// The timer that goes on settling what a run has left.
fn timer(tx: &Tx<'_>, run: RunId) -> Timer {
    let (kind, id) = (TimerKind::Branch, *run.as_bytes());
    Timer { time: tx.now, kind, id, tenant: tx.tenant().to_owned() }
}

/// Withdraws what there is, as far as one commit goes, and sets the timer for the rest.
pub(super) async fn begin(tx: &mut Tx<'_>, run: &Run, branch: &mut Branch) -> Result<(), Error> {
    withdraw_questions(tx, run).await?;
    revoke_grants(tx, run, branch).await?;
    // What came into the store while this was decided is found from the newest on.
    branch.settle_before = None;
    tx.mark(timer(tx, run.id).key());
    Ok(())
}

/// The timer of a run that has changed its path has fired.
pub(in crate::engine) async fn go_on(tx: &mut Tx<'_>, id: RunId) -> Result<(), Error> {
    let found = tx.get::<Run>(keys::run(tx.tenant(), id)).await?;
    let run = found.ok_or_else(|| missing(Resource::Run, &id))?;
    let key = keys::branch(tx.tenant(), id, run.branch);
    let Some(mut branch) = tx.get::<Branch>(key.clone()).await? else { return Ok(()) };
    if branch.settle_time.is_some() {
        return Ok(());
    }
    let has_more_questions = withdraw_questions(tx, &run).await?;
    let has_more_actions = revoke_grants(tx, &run, &mut branch).await?;
    if has_more_questions || has_more_actions {
        tx.mark(timer(tx, id).key());
    } else {
        branch.settle_time = Some(tx.now);
        tx.event(EventKind::BranchSettled, subjects(&branch));
    }
    tx.put(key, &branch)
}

/// Cancels open questions about actions of the paths that the run has left, oldest
/// first. Answers whether there may be more.
async fn withdraw_questions(tx: &mut Tx<'_>, run: &Run) -> Result<bool, Error> {
    let range = keys::run_opens(tx.tenant(), run.id);
    let limit = QUESTIONS_AT_ONCE + STAYING_QUESTIONS;
    let store = &tx.engine.0.store;
    let found = store.scan(range, Direction::Ascending, limit).await.map_err(read_error)?;
    let mut withdrawn = 0;
    for id in found.rows.iter().filter_map(|(key, _)| keys::listed_escalation(key)) {
        if withdrawn == QUESTIONS_AT_ONCE {
            return Ok(true);
        }
        if is_left(tx, run, id).await? {
            closing::cancel_with_action(tx, id).await?;
            withdrawn += 1;
        }
    }
    Ok(found.has_more && withdrawn > 0)
}

/// Whether a question waits for an action of a path that the run has left. What is asked
/// about the run itself stays.
async fn is_left(tx: &mut Tx<'_>, run: &Run, id: EscalationId) -> Result<bool, Error> {
    let found = tx.get::<Escalation>(keys::escalation(tx.tenant(), id)).await?;
    let open = found.filter(|question| question.state == EscalationState::Open);
    let waiting = open.filter(|question| question.question.is_about_an_action());
    let Some(action) = waiting.and_then(|question| question.action) else { return Ok(false) };
    let action = tx.engine.existing_action(tx.tenant(), action).await?;
    Ok(action.branch < run.branch)
}

/// Revokes grants of the paths that the run has left, newest action first. Answers
/// whether there may be more, and notes in the branch from where on.
async fn revoke_grants(tx: &mut Tx<'_>, run: &Run, branch: &mut Branch) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let mut range = keys::run_actions(tenant, run.id);
    if let Some(before) = branch.settle_before {
        range = KeyRange { end: keys::run_action(tenant, run.id, before), ..range };
    }
    let store = &tx.engine.0.store;
    let found = store.scan(range, Direction::Descending, ACTIONS_AT_ONCE).await;
    let found = found.map_err(read_error)?;
    let ids: Vec<ActionId> =
        found.rows.iter().filter_map(|(key, _)| keys::listed_action(key)).collect();
    let actions = try_join_all(ids.iter().map(|id| tx.engine.existing_action(tenant, *id))).await?;
    for action in actions.iter().filter(|action| is_usable(action, run)) {
        revoke(tx, run, action.id).await?;
    }
    branch.settle_before = ids.last().copied();
    Ok(found.has_more)
}

/// Whether an action of a path that was left holds a grant. What undoes an action runs
/// on whatever path.
fn is_usable(action: &Action, run: &Run) -> bool {
    action.state == ActionState::Granted
        && action.branch < run.branch
        && action.compensates.is_none()
}

async fn revoke(tx: &mut Tx<'_>, run: &Run, id: ActionId) -> Result<(), Error> {
    let key = keys::action(tx.tenant(), id);
    let found = tx.get::<Action>(key.clone()).await?;
    let mut action = found.ok_or_else(|| missing(Resource::Action, &id))?;
    if !is_usable(&action, run) {
        return Ok(());
    }
    closing::revoke(tx, &mut action).await?;
    tx.put(key, &action)
}
