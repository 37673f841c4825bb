//! Thousands of random schedules: settings, chains and hours in zones whose clocks
//! change, claims and answers, jumps of the clock and restarts, against a model of what
//! time does to one question.

use std::collections::HashMap;
use std::fmt::Write as _;

use futures::future::join_all;
use serde_json::json;

use super::*;
use crate::domain::escalation::{CLAIM_REMINDER, EscalationState};
use crate::domain::queue::StepAction;
use crate::domain::time::Timestamp;
use crate::engine::escalations::ClaimStep;
use crate::engine::facts::Providers;
use crate::engine::resolve::Verb;
use crate::store::keys::TimerKind;

/// How many questions one round asks, each by a schedule of its own.
const PER_ROUND: usize = 50;
const LANES: usize = 6;
const ZONES: [&str; 6] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Gaza",
    "UTC",
];

/// How many schedules; `SCHEDULES` asks for more.
fn schedules() -> usize {
    std::env::var("SCHEDULES").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000)
}

/// The same numbers in every run: SplitMix64.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn up_to(&mut self, span: Span) -> Span {
        let most = usize::try_from(span.as_micros()).unwrap();
        Span::from_micros(i64::try_from(self.below(most)).unwrap())
    }
}

/// Lane by lane: from minutes to a week.
fn policy() -> String {
    let times =
        [("10m", "30m"), ("30m", "24h"), ("2h", "2h"), ("8h", "3d"), ("1d", "7d"), ("3d", "7d")];
    let mut text = "version: 1\ndefault: allow\nrules:\n".to_owned();
    for (lane, (due, expire)) in times.into_iter().enumerate() {
        writeln!(
            text,
            "  - {{id: r{lane}, tools: [t{lane}], effect: escalate, lane: l{lane}, due: {due}, \
             expire: {expire}, reason: Asked.}}"
        )
        .unwrap();
    }
    text
}

fn document(numbers: &mut Numbers) -> String {
    let mut text =
        "version: 1\nfriction: off\nteams: {desk: {members: [alice, bob]}}\ncalendars:\n"
            .to_owned();
    for calendar in 0..3 {
        let zone = ZONES[numbers.below(ZONES.len())];
        let (from, length) = (numbers.below(20), 1 + numbers.below(4));
        let days = ["mon, tue, wed, thu, fri", "sat, sun", "mon, sun", "wed"][numbers.below(4)];
        writeln!(
            text,
            "  c{calendar}: {{time_zone: {zone}, hours: [{{days: [{days}], from: \"{from:02}:15\", \
             to: \"{:02}:45\"}}]}}",
            from + length - 1
        )
        .unwrap();
    }
    let (mut lanes, mut chains) = ("lanes:\n".to_owned(), "chains:\n".to_owned());
    for lane in 0..LANES {
        let calendar = match numbers.below(5) {
            number @ 0..3 => format!(", calendar: c{number}"),
            _ => String::new(),
        };
        writeln!(lanes, "  l{lane}: {{chain: k{lane}{calendar}}}").unwrap();
        write!(chains, "  k{lane}: [").unwrap();
        let (count, mut after) = (numbers.below(4), 0);
        for step in 0..count {
            let most = [20, 200, 2_000][numbers.below(3)];
            after += 1 + numbers.below(most);
            let verb = match numbers.below(5) {
                0 => "widen, team: desk",
                1 => "supervisor",
                2 => "on_call, to: [\"channel:pager\"]",
                3 if step + 1 == count => "fallback",
                _ => "notify, to: [\"team:desk\"]",
            };
            write!(chains, "{{after: {after}m, do: {verb}}}, ").unwrap();
        }
        chains.push_str("]\n");
    }
    text + &lanes + &chains
}

/// What the model knows of a claim.
#[derive(Clone, Copy, Debug)]
struct Held {
    epoch: u64,
    until: Timestamp,
    is_reminder_due: bool,
    is_lapse_due: bool,
}

/// What the model knows of a question.
#[derive(Clone, Debug)]
struct Model {
    id: EscalationId,
    steps: Vec<(Timestamp, bool)>,
    due: Timestamp,
    expire: Timestamp,
    held: Option<Held>,
    state: EscalationState,
    is_overdue: bool,
    taken: Vec<Timestamp>,
    events: Vec<EventKind>,
    /// Whether its end was compared.
    is_settled: bool,
}

/// What time may do, in the order of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Does {
    Expire,
    Remind,
    Lapse,
    Step,
    Due,
}

impl Model {
    fn of(question: &Escalation) -> Self {
        let plan = question.plan.as_ref().unwrap();
        let fallback = |action: &StepAction| *action == StepAction::Fallback;
        Self {
            id: question.id,
            steps: plan.steps.iter().map(|it| (it.time, fallback(&it.action))).collect(),
            due: question.due_time,
            expire: question.expire_time,
            held: None,
            state: EscalationState::Open,
            is_overdue: false,
            taken: Vec::new(),
            events: vec![EventKind::ActionEscalated, EventKind::EscalationOpened],
            is_settled: false,
        }
    }

    fn is_open(&self) -> bool {
        self.state == EscalationState::Open
    }

    /// Everything that is to happen by `now`, in order, as long as it is open.
    fn tick(&mut self, now: Timestamp) {
        while let Some((time, does)) = self.agenda().into_iter().min()
            && time <= now
        {
            match does {
                Does::Expire => self.expire(),
                Does::Remind => {
                    self.held.as_mut().unwrap().is_reminder_due = false;
                    self.events.push(EventKind::EscalationClaimReminded);
                }
                Does::Lapse => {
                    self.held.as_mut().unwrap().is_lapse_due = false;
                    self.events.push(EventKind::EscalationReleased);
                }
                Does::Step => {
                    let (_, is_fallback) = self.steps[self.taken.len()];
                    self.taken.push(now);
                    self.events.push(EventKind::EscalationStepped);
                    if is_fallback {
                        self.expire();
                    }
                }
                Does::Due => {
                    self.is_overdue = true;
                    self.events.push(EventKind::EscalationOverdue);
                }
            }
        }
    }

    fn expire(&mut self) {
        self.state = EscalationState::Expired;
        self.events.push(EventKind::EscalationExpired);
    }

    fn agenda(&self) -> Vec<(Timestamp, Does)> {
        if !self.is_open() {
            return Vec::new();
        }
        let mut agenda = vec![(self.expire, Does::Expire)];
        if let Some(held) = self.held {
            let before = Span::from_micros(-CLAIM_REMINDER.as_micros());
            if held.is_reminder_due {
                agenda.push((held.until.plus(before), Does::Remind));
            } else if held.is_lapse_due {
                agenda.push((held.until, Does::Lapse));
            }
        }
        agenda.extend(self.steps.get(self.taken.len()).map(|(time, _)| (*time, Does::Step)));
        if !self.is_overdue {
            agenda.push((self.due, Does::Due));
        }
        agenda
    }

    /// Somebody does something at random, as the engine lets them.
    async fn act(&mut self, world: &World, numbers: &mut Numbers) {
        let now = world.engine.now();
        let live = self.held.filter(|held| held.is_lapse_due && now < held.until);
        let (step, kind) = match (numbers.below(8), live) {
            (0, Some(held)) => {
                (ClaimStep::Release { epoch: held.epoch }, EventKind::EscalationReleased)
            }
            (1 | 2, _) => return self.answer(world, live, numbers).await,
            (3, Some(held)) => {
                let lease = Some(lease(numbers));
                (ClaimStep::Renew { epoch: held.epoch, lease }, EventKind::EscalationRenewed)
            }
            (4..7, None) => (ClaimStep::Claim(Some(lease(numbers))), EventKind::EscalationClaimed),
            _ => return,
        };
        let claimed = world.engine.claim(&reviewer(), "", self.id, step).await.unwrap();
        self.events.push(kind);
        let claim = claimed.value.escalation.claim.unwrap();
        let length = claim.expire_time.since(now);
        self.held = Some(Held {
            epoch: claim.epoch,
            until: claim.expire_time,
            is_reminder_due: length.as_micros() >= 2 * CLAIM_REMINDER.as_micros(),
            is_lapse_due: length > Span::ZERO,
        });
    }

    async fn answer(&mut self, world: &World, live: Option<Held>, numbers: &mut Numbers) {
        let shown = world.escalation(self.id).await;
        let (verb, kind) = match numbers.one_in(2) {
            true => (Verb::Approve, EventKind::EscalationApproved),
            false => {
                let reason_code = String::new();
                (Verb::Reject { reason_code }, EventKind::EscalationRejected)
            }
        };
        let mut command = world::resolution(&shown, verb);
        command.claim_epoch = live.map_or(0, |held| held.epoch);
        world.engine.resolve(&reviewer(), command).await.unwrap();
        self.state = EscalationState::Resolved;
        self.events.push(kind);
    }

    fn compare(&self, found: &Escalation, now: Timestamp) {
        assert_eq!((found.state, found.is_overdue), (self.state, self.is_overdue), "{self:?}");
        let steps = &found.plan.as_ref().unwrap().steps;
        let taken: Vec<_> = steps.iter().filter_map(|step| step.take_time).collect();
        assert_eq!(taken, self.taken, "{self:?} at {now:?}");
        for step in steps {
            let early = step.take_time.is_some_and(|taken| taken < step.time);
            assert!(!early && step.time > found.create_time, "{step:?}");
        }
        assert_eq!(found.late.is_some(), self.is_overdue || self.state == EscalationState::Expired);
    }
}

/// A length that claims may have.
fn lease(numbers: &mut Numbers) -> Span {
    Span::from_micros(10_000_000 + numbers.up_to(minutes(29)).as_micros())
}

/// The timers of questions: one for each open one, of the time that the model says.
async fn compare_timers(world: &World, models: &[Model]) {
    let found = world.store.scan(keys::timers(), Direction::Ascending, MAX_SCAN).await.unwrap();
    let timers = found.rows.iter().map(|(key, _)| Timer::from_key(key).unwrap());
    let of_questions = timers.filter(|it| !matches!(it.kind, TimerKind::Outcome | TimerKind::Run));
    let mut timers: Vec<_> = of_questions.map(|it| (it.id, it.time)).collect();
    let open = models.iter().filter(|model| model.is_open());
    let next = |model: &Model| model.agenda().into_iter().min().unwrap().0;
    let mut expected: Vec<_> = open.map(|it| (*it.id.as_bytes(), next(it))).collect();
    timers.sort_unstable();
    expected.sort_unstable();
    assert_eq!(timers, expected);
}

/// One round: settings, questions by them, and time until all are closed.
async fn round(mut world: World, numbers: &mut Numbers) -> (World, Vec<Model>) {
    put(&world, &document(numbers)).await.unwrap();
    let run = world.run().await;
    let tools: Vec<_> = (0..PER_ROUND).map(|_| format!("t{}", numbers.below(LANES))).collect();
    let asked = tools.iter().map(|tool| world.propose(run, tool, json!({"number": 1})));
    let asked = join_all(asked).await.into_iter().map(|it| it.escalation.unwrap());
    let mut models: Vec<_> = asked.map(|question| Model::of(&question)).collect();
    for _ in 0..4 {
        let longest = [minutes(3), minutes(40), HOUR, minutes(1_500)][numbers.below(4)];
        world.clock.advance(numbers.up_to(longest));
        world = settle(world, numbers, &mut models).await;
        for model in &mut models {
            if model.is_open() && numbers.one_in(3) {
                model.act(&world, numbers).await;
            }
        }
        compare_timers(&world, &models).await;
    }
    world.clock.advance(minutes(8 * 24 * 60));
    world = settle(world, numbers, &mut models).await;
    assert!(models.iter().all(|model| !model.is_open()));
    (world, models)
}

/// Lets time do its work, now and then by an engine that has just started.
async fn settle(mut world: World, numbers: &mut Numbers, models: &mut [Model]) -> World {
    if numbers.one_in(8) {
        world = world.reopened(&policy(), false).await.at_rest();
    }
    world.engine.fire_due().await.unwrap();
    let now = world.engine.now();
    for model in models.iter_mut() {
        model.tick(now);
    }
    for model in models.iter_mut().filter(|model| !model.is_settled) {
        let found = world.engine.read(&keys::escalation("default", model.id)).await.unwrap();
        model.compare(&found.unwrap(), now);
        model.is_settled = !model.is_open();
    }
    compare_timers(&world, models).await;
    world
}

/// Every event of every question is there, once and in order.
async fn compare_events(world: &World, models: &[Model], from: &mut u64) {
    let mut events: HashMap<EscalationId, Vec<EventKind>> = HashMap::new();
    loop {
        let commits = world.store.tail(TailFrom::Commit(*from), 1_000).await.unwrap();
        let Some(last) = commits.last() else { break };
        *from = last.commit;
        for event in commits.iter().flat_map(|commit| &commit.events) {
            let Some(id) = event.subjects.escalation else { continue };
            // Whether people were told is another matter.
            if event.subjects.notice.is_some() {
                continue;
            }
            events.entry(id).or_default().push(event.kind);
        }
    }
    for model in models {
        let mut found = events.remove(&model.id).unwrap();
        // That its action is escalated is said of the action.
        if !found.contains(&EventKind::ActionEscalated) {
            found.insert(0, EventKind::ActionEscalated);
        }
        assert_eq!(found, model.events, "{model:?}");
    }
}

#[tokio::test]
async fn time_does_to_every_question_what_its_settings_say_once_and_in_order() {
    let mut world = World::asking(&policy(), Providers::default()).await.at_rest();
    let mut numbers = Numbers(2_027);
    let mut from = 0;
    for _ in 0..schedules().div_ceil(PER_ROUND) {
        let models;
        (world, models) = round(world, &mut numbers).await;
        compare_events(&world, &models, &mut from).await;
    }
}
