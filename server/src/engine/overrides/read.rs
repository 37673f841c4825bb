//! What callers are shown of overrides.

use super::not_found;
use crate::domain::error::Error;
use crate::domain::ids::{OverrideId, RunId};
use crate::domain::overrides::{Account, Override, OverrideState, Progress, Receipt, Redirect};
use crate::domain::principal::Principal;
use crate::domain::run::Run;
use crate::engine::list::{Listed, Page};
use crate::engine::{Engine, authorize, limits, read_error, validate};
use crate::store::{Direction, keys, records};

/// The most receipts that are shown with an override.
const MAX_RECEIPTS: usize = 100;

/// Which overrides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those that concern this run, of whichever scope.
    pub run: Option<RunId>,
    /// Only those of this agent or its runs; empty: of any.
    pub agent: String,
    /// Only those whose part on the server is in force.
    pub is_in_force: bool,
}

/// How far one run is, with its agent's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptView {
    /// The run and how far it is.
    pub receipt: Receipt,
    /// What its agent said last.
    pub account: Account,
}

/// An override with its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverrideView {
    /// The override.
    pub it: Override,
    /// How far it is, with what other runs said.
    pub state: OverrideState,
    /// Why.
    pub reason: String,
    /// What the agent said last.
    pub account: Account,
    /// How far other runs are.
    pub receipts: Vec<ReceiptView>,
    /// What a redirect tells the run.
    pub redirect: Option<Redirect>,
}

impl Engine {
    /// An override with its words, for people.
    pub(super) async fn override_view(
        &self,
        tenant: &str,
        it: Override,
    ) -> Result<OverrideView, Error> {
        let (range, store) = (keys::receipts(tenant, it.id), &self.0.store);
        let found = store.scan(range, Direction::Ascending, MAX_RECEIPTS).await;
        let rows = found.map_err(read_error)?.rows;
        let mut receipts = Vec::with_capacity(rows.len());
        for (_, row) in rows {
            receipts.push(records::decode::<Receipt>(&row.value).map_err(read_error)?);
        }
        let state = it.state_among(&receipts);
        let mut views = Vec::with_capacity(receipts.len());
        for receipt in receipts {
            let account = self.account(&receipt.progress).await?;
            views.push(ReceiptView { receipt, account });
        }
        let reason = self.text(Some(&it.reason)).await?;
        let account = self.account(&it.progress).await?;
        let redirect = self.redirect(&it).await?;
        Ok(OverrideView { it, state, reason, account, receipts: views, redirect })
    }

    /// An override as the agent of one run is shown it: how far other runs are is not its
    /// concern.
    pub(super) async fn override_for(
        &self,
        tenant: &str,
        mut it: Override,
        run: &Run,
    ) -> Result<OverrideView, Error> {
        if !it.is_of(run.id) {
            let found = self.read::<Receipt>(&keys::receipt(tenant, it.id, run.id)).await?;
            if let Some(receipt) = found {
                it.progress = receipt.progress;
            }
        }
        let (reason, state) = (self.text(Some(&it.reason)).await?, it.progress.state);
        let account = self.account(&it.progress).await?;
        let redirect = self.redirect(&it).await?;
        Ok(OverrideView { it, state, reason, account, receipts: Vec::new(), redirect })
    }

    async fn redirect(&self, it: &Override) -> Result<Option<Redirect>, Error> {
        match &it.redirect {
            Some(reference) => Ok(Some(self.payload(reference).await?)),
            None => Ok(None),
        }
    }

    async fn account(&self, progress: &Progress) -> Result<Account, Error> {
        match &progress.account {
            Some(reference) => self.payload(reference).await,
            None => Ok(Account::default()),
        }
    }

    /// Returns one override.
    pub async fn get_override(
        &self,
        caller: &Principal,
        id: OverrideId,
    ) -> Result<OverrideView, Error> {
        authorize::overseer(caller)?;
        let found = self.read(&keys::overriding(&caller.tenant, id)).await?;
        self.override_view(&caller.tenant, found.ok_or_else(|| not_found(id))?).await
    }

    /// Lists overrides, the newest first.
    pub async fn list_overrides(
        &self,
        caller: &Principal,
        page: Page,
        filter: &Filter,
    ) -> Result<Listed<OverrideView>, Error> {
        authorize::overseer(caller)?;
        validate::length("agent", filter.agent.as_bytes(), limits::MAX_PRINCIPAL_BYTES)?;
        let tenant = &caller.tenant;
        let run = match filter.run {
            Some(id) => Some(self.run_record(caller, id).await?),
            None => None,
        };
        let tag = format!("overrides {filter:?}");
        let mut walk = self.walk(keys::overrides(tenant), Direction::Descending, &page, &tag)?;
        let (mut items, mut bytes) = (Vec::new(), 0);
        while items.len() < walk.size && bytes < limits::PAGE_BYTES {
            let Some((key, value)) = walk.next(self).await? else { break };
            let it: Override = records::decode(&value).map_err(read_error)?;
            let is_wanted = run.as_ref().is_none_or(|run| concerns(&it, run))
                && (filter.agent.is_empty() || it.agent.as_ref() == Some(&filter.agent))
                && (!filter.is_in_force || it.is_in_force());
            if is_wanted {
                let view = self.override_view(tenant, it).await?;
                bytes += view.reason.len() + view.account.words.len();
                items.push(view);
                walk.took(&key);
            }
        }
        let next_page_token = walk.next_token(self).await?;
        Ok(Listed { items, next_page_token })
    }
}

/// Whether an override concerns a run: one of a wider scope only from the run's start on.
fn concerns(it: &Override, run: &Run) -> bool {
    it.scope.covers(run) && (it.scope.run().is_some() || it.create_time >= run.create_time)
}
