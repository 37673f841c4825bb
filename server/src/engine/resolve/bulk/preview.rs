//! Which questions can be answered at once, what differs among them, and which not.

use super::frozen::{Frozen, One};
use crate::domain::arguments;
use crate::domain::error::Error;
use crate::domain::escalation::bulk::{
    BULK_VALIDITY, BulkKind, Cells, LeftOut, MAX_BULK, MAX_COLUMNS, cells, outliers, varying,
};
use crate::domain::escalation::{Escalation, EscalationState};
use crate::domain::ids::EscalationId;
use crate::domain::principal::Principal;
use crate::domain::{digest::Digest, render, time::Timestamp};
use crate::engine::escalations::Filter;
use crate::engine::list::Page;
use crate::engine::operation::Tx;
use crate::engine::views::{Depth, EscalationView};
use crate::engine::{Engine, authorize};
use crate::store::CommitLane;

/// The most open questions that one preview looks at.
const MAX_LOOKED_AT: usize = 500;
/// The most characters of one value of the matrix.
const MAX_VALUE_CHARS: usize = 120;

/// Which questions are to be answered at once.
#[derive(Clone, Debug, Default)]
pub struct PreviewBulk {
    /// The open ones that this shows.
    pub filter: Filter,
    /// Or these; empty: by the filter.
    pub ids: Vec<EscalationId>,
    /// Whether those that stand out are among them.
    pub with_outliers: bool,
}

/// A question that would be answered.
#[derive(Clone, Debug, PartialEq)]
pub struct BulkItem {
    /// The question.
    pub view: EscalationView,
    /// What it has in each column, in safe text; empty: nothing.
    pub values: Vec<String>,
    /// In which column it stands out.
    pub outlier: Option<String>,
}

/// What would be answered, and what not.
#[derive(Clone, Debug, PartialEq)]
pub struct BulkPreview {
    /// Stands for the set; empty without one.
    pub token: String,
    /// The digest of the set.
    pub digest: Option<Digest>,
    /// Until when it can be answered.
    pub expire_time: Timestamp,
    /// What the questions share; none: there are none.
    pub kind: Option<BulkKind>,
    /// What differs: paths.
    pub columns: Vec<String>,
    /// How many more columns there are.
    pub more_columns: usize,
    /// The questions, most urgent first.
    pub items: Vec<BulkItem>,
    /// Those that stand out and are not answered.
    pub outliers: Vec<BulkItem>,
    /// What else was asked for, and why it is not answered.
    pub left_out: Vec<(EscalationId, LeftOut)>,
}

/// What fits, and what not.
#[derive(Default)]
struct Sorted {
    kind: Option<BulkKind>,
    fitting: Vec<(EscalationView, Cells)>,
    left_out: Vec<(EscalationId, LeftOut)>,
}

impl Sorted {
    /// Why a question cannot be among those answered.
    async fn objection(
        &mut self,
        tx: &mut Tx<'_>,
        question: &Escalation,
    ) -> Result<Option<LeftOut>, Error> {
        let kind = match question.bulk_kind() {
            Ok(kind) => kind,
            Err(why) => return Ok(Some(why)),
        };
        if self.kind.as_ref().is_some_and(|first| *first != kind) {
            return Ok(Some(LeftOut::OtherKind));
        }
        if question.live_claim(tx.now).is_some_and(|claim| claim.holder != tx.by.name()) {
            return Ok(Some(LeftOut::Claimed));
        }
        match tx.admit(question).await {
            Ok(_) if self.fitting.len() >= MAX_BULK => Ok(Some(LeftOut::NoRoom)),
            Ok(_) => {
                self.kind = Some(kind);
                Ok(None)
            }
            Err(
                Error::SelfReview { .. }
                | Error::RoleRequired { .. }
                | Error::AuthorityExceeded { .. }
                | Error::NotRouted { .. },
            ) => Ok(Some(LeftOut::NotYours)),
            Err(other) => Err(other),
        }
    }

    async fn sort(&mut self, tx: &mut Tx<'_>, view: EscalationView) -> Result<(), Error> {
        if let Some(why) = self.objection(tx, &view.escalation).await? {
            self.left_out.push((view.escalation.id, why));
            return Ok(());
        }
        let (target, bytes) = match &view.detail {
            Some(detail) => (detail.content.target.clone(), detail.content.arguments.clone()),
            None => Default::default(),
        };
        let arguments = arguments::parse("arguments", &bytes)?;
        let row = cells(&target, &arguments);
        self.fitting.push((view, row));
        Ok(())
    }
}

/// A value as one safe line; what is cut off is counted.
fn shown(row: &Cells, path: &str) -> String {
    let Some(value) = row.get(path) else { return String::new() };
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let length = text.chars().count();
    if length <= MAX_VALUE_CHARS {
        return render::line(&text);
    }
    let begin: String = text.chars().take(MAX_VALUE_CHARS).collect();
    format!("{}… ({} more)", render::line(&begin), length - MAX_VALUE_CHARS)
}

impl BulkPreview {
    fn of(sorted: Sorted, with_outliers: bool, caller: &Principal, now: Timestamp) -> Self {
        let Sorted { kind, fitting, left_out } = sorted;
        let (views, rows): (Vec<_>, Vec<_>) = fitting.into_iter().unzip();
        let all: Vec<_> = varying(&rows).into_iter().map(str::to_owned).collect();
        let more_columns = all.len().saturating_sub(MAX_COLUMNS);
        let columns: Vec<_> = all.into_iter().take(MAX_COLUMNS).collect();
        let (mut items, mut outside) = (Vec::new(), Vec::new());
        for ((view, row), outlier) in views.into_iter().zip(&rows).zip(outliers(&rows)) {
            let values = columns.iter().map(|path| shown(row, path)).collect();
            let item = BulkItem { view, values, outlier };
            match item.outlier.is_some() && !with_outliers {
                true => outside.push(item),
                false => items.push(item),
            }
        }
        let one = |item: &BulkItem| {
            let Escalation { id, revision, action_digest, .. } = item.view.escalation;
            One { escalation: id, revision, digest: action_digest }
        };
        let expire_time = now.plus(BULK_VALIDITY);
        let frozen = Frozen { expire_time, items: items.iter().map(one).collect() };
        let is_some = !frozen.items.is_empty();
        Self {
            token: if is_some { frozen.token(caller) } else { String::new() },
            digest: is_some.then(|| frozen.digest()),
            expire_time,
            kind,
            columns,
            more_columns,
            items,
            outliers: outside,
            left_out,
        }
    }
}

impl Engine {
    /// Says which questions the calling reviewer can answer at once; nothing is changed.
    pub async fn preview_bulk(
        &self,
        caller: &Principal,
        command: PreviewBulk,
    ) -> Result<BulkPreview, Error> {
        let by = authorize::reviewer(caller)?;
        if command.ids.len() > MAX_BULK {
            let problem = format!("{}, more than {MAX_BULK}", command.ids.len());
            return Err(Error::field("escalation_ids", problem));
        }
        let mut tx = Tx::new(self, &by, CommitLane::Normal);
        let mut sorted = Sorted::default();
        for view in self.candidates(caller, &command).await? {
            sorted.sort(&mut tx, view).await?;
        }
        Ok(BulkPreview::of(sorted, command.with_outliers, caller, tx.now))
    }

    async fn candidates(
        &self,
        caller: &Principal,
        command: &PreviewBulk,
    ) -> Result<Vec<EscalationView>, Error> {
        let mut found: Vec<EscalationView> = Vec::new();
        for id in &command.ids {
            let question = self.get_escalation(caller, *id).await?;
            question.escalation.require_open_at(self.now())?;
            if found.iter().all(|it| it.escalation.id != *id) {
                found.push(question);
            }
        }
        if !command.ids.is_empty() {
            return Ok(found);
        }
        let mut page = Page { size: MAX_LOOKED_AT as i32, token: String::new() };
        loop {
            let (state, depth) = (EscalationState::Open, Depth::Full);
            let listed =
                self.list_escalations(caller, page, state, &command.filter, depth).await?.listed;
            found.extend(listed.items);
            if listed.next_page_token.is_empty() || found.len() >= MAX_LOOKED_AT {
                found.truncate(MAX_LOOKED_AT);
                return Ok(found);
            }
            page = Page { size: MAX_LOOKED_AT as i32, token: listed.next_page_token };
        }
    }
}
