//! The life of an escalation.

use super::*;
use crate::domain::digest::sha256;
use crate::domain::ids::AuthorityId;

#[test]
fn the_life_cycle_is_this_table() {
    let mut table = String::new();
    for state in EscalationState::ALL {
        for event in [EscalationEvent::Resolve, EscalationEvent::Expire, EscalationEvent::Cancel] {
            let next = state.after(event).map_or("-", EscalationState::name);
            table += &format!("{:9} {event:?} -> {next}\n", state.name());
        }
    }
    insta::assert_snapshot!(table, @r"
    open      Resolve -> resolved
    open      Expire -> expired
    open      Cancel -> cancelled
    resolved  Resolve -> -
    resolved  Expire -> -
    resolved  Cancel -> -
    expired   Resolve -> -
    expired   Expire -> -
    expired   Cancel -> -
    cancelled Resolve -> -
    cancelled Expire -> -
    cancelled Cancel -> -
    ");
}

/// An open question of which a test says what matters to it.
pub(crate) fn sample() -> Escalation {
    let id = uuid::Uuid::nil();
    let content = PayloadRef { id, size: 0, commitment: sha256(b"") };
    Escalation {
        id: EscalationId::new(id),
        state: EscalationState::Open,
        question: Question::ApproveAction,
        run: RunId::new(id),
        action: Some(ActionId::new(id)),
        tool: "refund".to_owned(),
        checkpoint: None,
        wait: WaitId::new(id),
        resume_mode: ResumeMode::Detached,
        agent: "claims".to_owned(),
        ancestors: Vec::new(),
        on_behalf_of: None,
        lane: "money".to_owned(),
        severity: SeverityTier::High,
        required_role: None,
        quorum: 1,
        stake: Stake::Unpriced,
        delay_cost: None,
        votes: Vec::new(),
        follows: None,
        conversation: Default::default(),
        rule: None,
        policy_revision: PolicyRevisionId::new(id),
        briefing: content,
        action_digest: sha256(b"action"),
        claim: None,
        snooze_until: None,
        resolution: None,
        due_time: Timestamp::from_micros(1),
        expire_time: Timestamp::from_micros(2),
        on_expiry: OnExpiry::Cancel,
        create_time: Timestamp::from_micros(0),
        update_time: Timestamp::from_micros(0),
        is_overdue: false,
        late: None,
        plan: None,
        repeats: Repeats::default(),
        close_time: None,
        revision: 1,
    }
}

fn vote(person: u8, kind: ResolutionKind, answer: u8) -> Vote {
    Vote {
        reviewer: format!("name-of-{person}"),
        person: person.to_string(),
        authority: AuthorityId::new(uuid::Uuid::nil()),
        kind,
        outcome: sha256(&[kind as u8, answer]),
        content: None,
        vote_time: Timestamp::from_micros(0),
        reading: None,
        standing: None,
    }
}

proptest::proptest! {
    /// Whatever people say, in whichever order: what takes effect was said by as many
    /// distinct people as are wanted, and exactly so by each, or is a rejection.
    #[test]
    fn what_takes_effect_was_said_so_by_enough_people(
        quorum in 1_u32..5,
        said in proptest::collection::vec((0_u8..6, 0_u8..5, 0_u8..2), 0..40),
    ) {
        let mut question = Escalation { quorum, ..sample() };
        for (person, kind, answer) in said {
            let kind = [
                ResolutionKind::Approved,
                ResolutionKind::Rejected,
                ResolutionKind::Modified,
                ResolutionKind::Responded,
                ResolutionKind::Instructed,
            ][usize::from(kind)];
            let vote = vote(person, kind, answer);
            let voted = question.votes.iter().any(|it| it.person == vote.person);
            match question.tally(&vote, 1) {
                Err(Error::AlreadyVoted { .. }) => proptest::prop_assert!(voted),
                Err(other) => panic!("{other}"),
                Ok(Tally::Wanting { agreed }) => {
                    proptest::prop_assert!(!voted && agreed < quorum);
                    proptest::prop_assert_ne!(kind, ResolutionKind::Rejected);
                    question.votes.push(vote);
                }
                Ok(Tally::Decided) => {
                    let mut people: Vec<_> = question
                        .votes
                        .iter()
                        .chain([&vote])
                        .filter(|it| it.outcome == vote.outcome)
                        .map(|it| it.person.clone())
                        .collect();
                    people.sort_unstable();
                    people.dedup();
                    let enough = people.len() as u32 >= quorum;
                    proptest::prop_assert!(enough || kind == ResolutionKind::Rejected);
                    break;
                }
            }
        }
    }
}
