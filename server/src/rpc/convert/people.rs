//! People: principals, roles and authority.

use pointsman_api::v1;

use super::{duration, known, point, text_of, time, unspecified};
use crate::domain::authority::{Authority, Holder, Limit};
use crate::domain::directory::{Availability, Entry};
use crate::domain::error::Error;
use crate::domain::money::{Money, Stake};
use crate::domain::principal::Role;
use crate::domain::time::Timestamp;

/// The largest amount that a limit may name, in units of its currency: more is no
/// limit.
const MAX_UNITS: f64 = 1e12;

/// A role for the wire.
pub(in crate::rpc) const fn role(role: Role) -> v1::Role {
    match role {
        Role::Agent => v1::Role::Agent,
        Role::Reviewer => v1::Role::Reviewer,
        Role::Supervisor => v1::Role::Supervisor,
        Role::PolicyAuthor => v1::Role::PolicyAuthor,
        Role::Auditor => v1::Role::Auditor,
        Role::Admin => v1::Role::Admin,
    }
}

/// Roles for the wire.
pub(in crate::rpc) fn roles(roles: &[Role]) -> Vec<i32> {
    roles.iter().map(|it| role(*it).into()).collect()
}

/// Reads a role that must be said.
pub(in crate::rpc) fn read_role(field: &str, role: i32) -> Result<Role, Error> {
    match known(field, role)? {
        v1::Role::Unspecified => Err(unspecified(field)),
        v1::Role::Agent => Ok(Role::Agent),
        v1::Role::Reviewer => Ok(Role::Reviewer),
        v1::Role::Supervisor => Ok(Role::Supervisor),
        v1::Role::PolicyAuthor => Ok(Role::PolicyAuthor),
        v1::Role::Auditor => Ok(Role::Auditor),
        v1::Role::Admin => Ok(Role::Admin),
    }
}

/// Whether somebody can be asked, for the wire.
pub(in crate::rpc) fn availability(availability: Availability) -> v1::Availability {
    v1::Availability {
        off_duty: availability.is_off_duty,
        absent_from: availability.absent_from.map(time),
        absent_until: availability.absent_until.map(time),
        delegate: availability.delegate.unwrap_or_default(),
    }
}

/// What is known of a principal, for the wire.
pub(in crate::rpc) fn principal(entry: Entry) -> v1::Principal {
    let etag = entry.etag();
    let roles = entry.assignments.into_iter().map(|it| v1::RoleAssignment {
        role: role(it.role).into(),
        start_time: Some(time(it.start_time)),
        end_time: it.end_time.map(time),
        assigner: it.assigner,
    });
    v1::Principal {
        principal: entry.name,
        person: entry.person.unwrap_or_default(),
        owner: entry.owner.unwrap_or_default(),
        roles: roles.collect(),
        availability: Some(availability(entry.availability)),
        capacity: entry.capacity,
        skills: entry.skills,
        create_time: Some(time(entry.create_time)),
        update_time: Some(time(entry.update_time)),
        etag,
        pause: entry.pause.map(|it| v1::Pause {
            pauser: it.by,
            pause_time: Some(time(it.time)),
            escalation_id: text_of(it.escalation),
        }),
    }
}

pub(in crate::rpc) fn money(money: &Money) -> v1::Money {
    v1::Money { units: money.units(), currency: money.currency.clone().unwrap_or_default() }
}

/// The amount that is at stake, for the wire.
pub(in crate::rpc) fn amount(stake: &Stake) -> Option<v1::Money> {
    match stake {
        Stake::Amount(amount) => Some(money(amount)),
        Stake::Unpriced | Stake::Unknown => None,
    }
}

/// An authority for the wire.
pub(in crate::rpc) fn authority(authority: Authority, reason: String) -> v1::Authority {
    use v1::authority::Holder as Wire;
    let holder = match authority.holder {
        Holder::Principal(name) => Wire::Principal(name),
        Holder::Role(held_by) => Wire::Role(role(held_by).into()),
    };
    let limit = authority.limit;
    let tier = limit.max_severity.map(super::escalations::severity);
    v1::Authority {
        authority_id: authority.id.to_string(),
        holder: Some(holder),
        limit: Some(v1::AuthorityLimit {
            lanes: limit.lanes,
            tools: limit.tools,
            max_severity: tier.unwrap_or(v1::SeverityTier::Unspecified).into(),
            max_amount: limit.max_amount.as_ref().map(money),
            condition: limit.condition.unwrap_or_default(),
        }),
        start_time: Some(time(authority.start_time)),
        end_time: authority.end_time.map(time),
        grantor: authority.grantor,
        reason,
        break_glass: authority.is_break_glass,
        create_time: Some(time(authority.create_time)),
        revoke_time: authority.revoke_time.map(time),
    }
}

/// Reads up to where an authority reaches; absent: everything.
pub(in crate::rpc) fn read_limit(limit: Option<v1::AuthorityLimit>) -> Result<Limit, Error> {
    let Some(limit) = limit else { return Ok(Limit::default()) };
    Ok(Limit {
        lanes: limit.lanes,
        tools: limit.tools,
        max_severity: super::escalations::read_severity(known(
            "limit.max_severity",
            limit.max_severity,
        )?),
        max_amount: limit.max_amount.map(|it| read_money("limit.max_amount", it)).transpose()?,
        condition: Some(limit.condition).filter(|it| !it.is_empty()),
    })
}

/// Reads the amount that is at stake; absent: none.
pub(in crate::rpc) fn read_stake(field: &str, amount: Option<v1::Money>) -> Result<Stake, Error> {
    let amount = amount.map(|it| read_money(field, it)).transpose()?;
    Ok(amount.map_or(Stake::Unpriced, Stake::Amount))
}

fn read_money(field: &str, money: v1::Money) -> Result<Money, Error> {
    if !(0.0..=MAX_UNITS).contains(&money.units) {
        let problem = format!("want 0 to {MAX_UNITS}; leave the amount out where there is none");
        return Err(Error::field(format!("{field}.units"), problem));
    }
    let currency = Some(money.currency.as_str()).filter(|it| !it.is_empty());
    if currency.is_some_and(|it| it.len() > 16 || !it.bytes().all(|it| it.is_ascii_alphanumeric()))
    {
        return Err(Error::field(format!("{field}.currency"), "want a code such as `USD`"));
    }
    Ok(Money::new(money.units, currency))
}

/// Reads who is to hold an authority.
pub(in crate::rpc) fn read_holder(
    holder: Option<v1::grant_authority_request::Holder>,
) -> Result<Holder, Error> {
    use v1::grant_authority_request::Holder as Wire;
    match holder {
        None => Err(Error::field("holder", "want a principal or a role")),
        Some(Wire::Principal(name)) => Ok(Holder::Principal(name)),
        Some(Wire::Role(role)) => read_role("role", role).map(Holder::Role),
    }
}

/// Reads a point in time that may be absent.
pub(in crate::rpc) fn read_time(time: Option<prost_types::Timestamp>) -> Option<Timestamp> {
    time.map(point)
}

/// One of those whose answer took effect, for the wire.
pub(in crate::rpc) fn approver(approver: crate::domain::escalation::Approver) -> v1::Approver {
    let reading = approver.reading;
    v1::Approver {
        principal: approver.name,
        authority_id: text_of(Some(approver.authority)),
        reading_time: reading.map(|it| duration(it.span)),
        faster_than_reading: reading.is_some_and(|it| it.is_too_fast()),
    }
}
