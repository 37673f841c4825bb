//! Compares a server's state with a [`Book`]: nothing acknowledged is missing,
//! nothing is there that nobody asked for.

use std::collections::{BTreeMap, BTreeSet};

use pointsman_api::v1;
use pointsman_client::Connection;
use serde_json::Value;

use super::api::{ADMIN, called, connect};
use super::ledger::{Book, Known};

/// The goal of runs that a test makes beside its load; they are not compared.
pub const PROBE: &str = "probe";

/// Every state of an escalation.
const STATES: [v1::escalation::State; 4] = [
    v1::escalation::State::Open,
    v1::escalation::State::Resolved,
    v1::escalation::State::Expired,
    v1::escalation::State::Cancelled,
];

/// Everything a server shows of its runs.
struct Shown {
    runs: Vec<v1::Run>,
    actions: Vec<v1::Action>,
    escalations: BTreeMap<String, v1::Escalation>,
    sequence: u64,
}

/// Fails with every difference between the book and the server's state.
pub async fn verify(address: &str, book: &Book) {
    let shown = Shown::read(&connect(address, ADMIN)).await;
    let mut findings = Vec::new();
    if shown.sequence < book.sequence {
        findings.push(format!(
            "sequence {} was answered, the server is at {}",
            book.sequence, shown.sequence
        ));
    }
    shown.check_runs(book, &mut findings);
    shown.check_actions(book, &mut findings);
    shown.check_resolutions(book, &mut findings);
    assert!(
        findings.is_empty(),
        "{} differences between what was acknowledged and what is there:\n  {}",
        findings.len(),
        findings.join("\n  ")
    );
}

/// All that a server shows, to compare before with after.
pub async fn state(address: &str) -> String {
    let shown = Shown::read(&connect(address, ADMIN)).await;
    let Shown { runs, actions, escalations, sequence } = shown;
    format!("{sequence}\n{runs:#?}\n{actions:#?}\n{escalations:#?}")
}

impl Shown {
    async fn read(admin: &Connection) -> Self {
        let info =
            called(admin.admin_service().get_server_info(v1::GetServerInfoRequest {}).await).done();
        let mut runs: Vec<v1::Run> = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = v1::ListRunsRequest { page_size: 500, page_token, ..Default::default() };
            let page = called(admin.run_service().list_runs(request).await).done();
            runs.extend(page.runs.into_iter().filter(|run| run.goal != PROBE));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let mut actions = Vec::new();
        for run in &runs {
            actions.extend(actions_of(admin, &run.run_id).await);
        }
        let compared: BTreeSet<_> = runs.iter().map(|run| &*run.run_id).collect();
        let mut escalations = BTreeMap::new();
        for state in STATES {
            for escalation in escalations_of(admin, state).await {
                if compared.contains(&*escalation.run_id) {
                    escalations.insert(escalation.escalation_id.clone(), escalation);
                }
            }
        }
        Self { runs, actions, escalations, sequence: info.sequence }
    }

    fn check_runs(&self, book: &Book, findings: &mut Vec<String>) {
        let mut there = BTreeMap::new();
        for run in &self.runs {
            if there.insert(run.goal.as_str(), run).is_some() {
                findings.push(format!("`{}` was started twice", run.goal));
            }
            if !book.runs.contains_key(&run.goal) {
                findings.push(format!("{} (`{}`) was never asked for", run.run_id, run.goal));
            }
            use v1::run::State;
            let is_over = !matches!(run.state(), State::Running | State::Paused);
            // Its agent may have finished it just before it was stopped; that it does not
            // afterwards is looked at when it asks.
            let may_be_finished = book.finished.contains_key(&run.run_id) && is_over;
            let is_stopped = run.state() == State::Stopped;
            if book.is_stopped(&run.run_id) && !is_stopped && !may_be_finished {
                findings.push(format!("{} was stopped, it is {:?}", run.run_id, run.state()));
            }
            let may_be_stopped = book.stopped.contains_key(&run.run_id);
            match book.finished.get(&run.run_id) {
                Some(Known::Done) if !is_over => {
                    findings.push(format!("{} was finished and runs again", run.run_id));
                }
                None if is_over
                    && !may_be_stopped
                    && book.runs.get(&run.goal).is_some_and(Option::is_some) =>
                {
                    findings.push(format!("{} is over, and nobody ended it", run.run_id));
                }
                _ => {}
            }
        }
        for (goal, run_id) in &book.runs {
            let Some(run_id) = run_id else { continue };
            if there.get(goal.as_str()).is_none_or(|run| run.run_id != *run_id) {
                findings.push(format!("{run_id} (`{goal}`) is missing"));
            }
        }
    }

    fn check_actions(&self, book: &Book, findings: &mut Vec<String>) {
        use v1::action::State;
        let mut proposed = BTreeMap::new();
        for action in &self.actions {
            let marker = marker_of(action);
            if action.modified_from.is_empty() && proposed.insert(marker, action).is_some() {
                findings.push(format!("marker {marker} was proposed twice"));
            }
            if !book.proposals.contains_key(&marker) {
                findings.push(format!("{} was never asked for", action.action_id));
            }
            let id = &action.action_id;
            let has_run = matches!(
                action.state(),
                State::Redeemed | State::Executed | State::Failed | State::ExecutionUnknown
            );
            match book.redemptions.get(id) {
                Some(Known::Done) if !has_run => {
                    findings.push(format!("{id} was redeemed, it is {:?}", action.state()));
                }
                None if has_run && !book.redeeming.contains(&marker) => {
                    findings.push(format!("{id} is {:?}, nobody redeemed it", action.state()));
                }
                _ => {}
            }
            let has_outcome = action.outcome.is_some();
            match book.outcomes.get(id) {
                Some(Known::Done) if !has_outcome => {
                    findings.push(format!("{id} lost its outcome"));
                }
                None if has_outcome => findings.push(format!("{id} has an outcome of nobody's")),
                _ => {}
            }
        }
        for (marker, answer) in &book.proposals {
            let Some(answer) = answer else { continue };
            match proposed.get(marker) {
                None => findings.push(format!("{} (marker {marker}) is missing", answer.action_id)),
                Some(action) => {
                    let same = action.action_id == answer.action_id
                        && action.action_digest == answer.action_digest
                        && action.decision == answer.decision;
                    if !same {
                        findings.push(format!("{} changed: {action:?}", answer.action_id));
                    }
                }
            }
        }
    }

    fn check_resolutions(&self, book: &Book, findings: &mut Vec<String>) {
        use v1::escalation::State;
        let asked = self.actions.iter().map(|action| &action.escalation_id);
        for id in book.shown.iter().chain(asked.filter(|id| !id.is_empty())) {
            if !self.escalations.contains_key(id) {
                findings.push(format!("{id} is missing"));
            }
        }
        for (id, tries) in &book.tries {
            let done: Vec<_> = tries.iter().filter(|one| one.known == Known::Done).collect();
            if done.len() > 1 {
                findings.push(format!("{id} was resolved {} times", done.len()));
            }
        }
        for (id, escalation) in &self.escalations {
            let tries = book.tries.get(id).map(Vec::as_slice).unwrap_or_default();
            let done = tries.iter().find(|one| one.known == Known::Done);
            let said = escalation.resolution.as_ref().map(v1::Resolution::kind);
            match (done, said) {
                (Some(done), said) if said != Some(done.kind) => {
                    findings.push(format!("{id} was {:?}, the server says {said:?}", done.kind));
                }
                (None, Some(said)) if !tries.iter().any(|one| one.kind == said) => {
                    findings.push(format!("{id} is {said:?}, and nobody said so"));
                }
                _ => {}
            }
            if escalation.state() == State::Expired {
                findings.push(format!("{id} expired, days too early"));
            }
        }
    }
}

async fn escalations_of(admin: &Connection, state: v1::escalation::State) -> Vec<v1::Escalation> {
    let mut escalations = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListEscalationsRequest {
            page_size: 500,
            page_token,
            state: state.into(),
            view: v1::EscalationView::Full.into(),
            ..Default::default()
        };
        let page = called(admin.escalation_service().list_escalations(request).await).done();
        escalations.extend(page.escalations);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return escalations;
        }
    }
}

async fn actions_of(admin: &Connection, run_id: &str) -> Vec<v1::Action> {
    let mut actions = Vec::new();
    let mut page_token = String::new();
    loop {
        let request =
            v1::ListActionsRequest { run_id: run_id.to_owned(), page_size: 500, page_token };
        let page = called(admin.action_service().list_actions(request).await).done();
        actions.extend(page.actions);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return actions;
        }
    }
}

fn marker_of(action: &v1::Action) -> u64 {
    let arguments: Value = serde_json::from_slice(&action.arguments).unwrap();
    arguments["marker"].as_u64().unwrap()
}
