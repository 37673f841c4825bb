//! Redirecting a run: it goes on otherwise, on a branch of its own.

use super::enforce::{held, put_in_force, supersede};
use super::existing;
use super::expire::resume;
use crate::domain::branch::BranchCause;
use crate::domain::error::{Error, Resource};
use crate::domain::escalation::{Escalation, EscalationState};
use crate::domain::ids::{EscalationId, RunId};
use crate::domain::overrides::{Override, OverrideKind, OverrideScope, Redirect};
use crate::domain::run::Run;
use crate::engine::branches::{self, NewBranch};
use crate::engine::operation::Tx;
use crate::engine::{closing, run_questions};
use crate::store::keys;

/// Puts a redirect in force: changes the run's path, closes tools to it, and where it
/// names a team, asks that and pauses the run for it.
pub(super) async fn redirect(
    tx: &mut Tx<'_>,
    it: &mut Override,
    redirect: &Redirect,
) -> Result<(), Error> {
    let Some(id) = it.scope.run() else { return Ok(()) };
    let mut run = existing_run(tx, id).await?;
    let words = redirect.words();
    it.redirect = Some(tx.payload(redirect, Some(id))?);
    let request = NewBranch {
        checkpoint: redirect.checkpoint,
        instruction: match words.is_empty() {
            true => None,
            false => Some(tx.bytes(words.clone().into(), Some(id))?),
        },
        reason: Some(it.reason),
        override_id: Some(it.id),
        ..NewBranch::because(BranchCause::Override)
    };
    it.branch = Some(branches::start(tx, &mut run, request).await?.number);
    let mut hold = tx.hold(&it.scope).await?;
    hold.redirect(redirect, &held(it, tx.now))?;
    if !redirect.team.is_empty() {
        withdraw_question(tx, &it.scope).await?;
        it.question = Some(ask(tx, &run, it, redirect, &words).await?);
        let former = hold.end_pause(tx.now);
        hold.pause = Some(held(it, tx.now));
        if let Some(former) = former {
            supersede(tx, former.by, it.id).await?;
        }
    }
    put_in_force(tx, it, &hold)
}

/// Asks the team that a redirect names.
async fn ask(
    tx: &mut Tx<'_>,
    run: &Run,
    it: &Override,
    redirect: &Redirect,
    words: &str,
) -> Result<EscalationId, Error> {
    if tx.queue().await?.settings.team(&redirect.team).is_none() {
        return Err(Error::field("redirect.team", "the queue knows no team of this name"));
    }
    run_questions::may_it_go_on(tx, run, it.id, &redirect.team, words).await
}

async fn existing_run(tx: &mut Tx<'_>, id: RunId) -> Result<Run, Error> {
    let found = tx.get::<Run>(keys::run(tx.tenant(), id)).await?;
    found.ok_or_else(|| Error::not_found(Resource::Run, id))
}

/// Withdraws the question to a team whose pause a person is about to end or replace.
pub(super) async fn withdraw_question(tx: &mut Tx<'_>, scope: &OverrideScope) -> Result<(), Error> {
    let hold = tx.hold(scope).await?;
    let Some(held) = hold.pause.filter(|held| held.kind == OverrideKind::Redirect) else {
        return Ok(());
    };
    let Some(question) = existing(tx, held.by).await?.question else { return Ok(()) };
    let found = tx.get::<Escalation>(keys::escalation(tx.tenant(), question)).await?;
    match found.filter(|it| it.state == EscalationState::Open) {
        Some(open) => closing::cancel(tx, open.id).await,
        None => Ok(()),
    }
}

/// A team lets a run go on: the pause that waits for it ends, unless something else has
/// taken its place.
pub(in crate::engine) async fn let_go_on(
    tx: &mut Tx<'_>,
    question: &Escalation,
) -> Result<(), Error> {
    let hold = tx.hold(&OverrideScope::Run(question.run)).await?;
    let Some(held) = hold.pause.filter(|held| held.kind == OverrideKind::Redirect) else {
        return Ok(());
    };
    let it = existing(tx, held.by).await?;
    if it.question == Some(question.id) { resume(tx, &it).await } else { Ok(()) }
}
