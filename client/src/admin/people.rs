//! People: principals, roles and authority.

use std::time::Duration;

use pointsman_api::v1;

use super::Admin;
use crate::connect::{promised, span};
use crate::error::Result;

/// Sends a request under a name of the service, and returns its answer.
macro_rules! call {
    ($self:ident, $method:ident, $request:expr) => {
        $self
            .connection
            .send($request, |request| {
                let mut service = $self.connection.admin_service();
                async move { service.$method(request).await }
            })
            .await
    };
}

impl Admin {
    /// Returns a page of what is known of principals.
    ///
    /// # Errors
    ///
    /// As `AdminService.ListPrincipals`.
    pub async fn list_principals(
        &self,
        request: v1::ListPrincipalsRequest,
    ) -> Result<v1::ListPrincipalsResponse> {
        call!(self, list_principals, request)
    }

    /// Changes what is known of a principal; what is none stays as it is. The
    /// request_id is made here.
    ///
    /// # Errors
    ///
    /// As `AdminService.UpdatePrincipal`.
    pub async fn update_principal(
        &self,
        mut request: v1::UpdatePrincipalRequest,
    ) -> Result<v1::Principal> {
        request.request_id = self.connection.new_request_id();
        promised(call!(self, update_principal, request)?.principal, "principal")
    }

    /// Assigns a role to a principal; without an end it lasts until it is taken back.
    ///
    /// # Errors
    ///
    /// As `AdminService.AssignRole`.
    pub async fn assign_role(
        &self,
        principal: impl Into<String>,
        role: v1::Role,
        (start_time, end_time): (Option<prost_types::Timestamp>, Option<prost_types::Timestamp>),
    ) -> Result<v1::Principal> {
        let request = v1::AssignRoleRequest {
            request_id: self.connection.new_request_id(),
            principal: principal.into(),
            role: role.into(),
            start_time,
            end_time,
        };
        promised(call!(self, assign_role, request)?.principal, "principal")
    }

    /// Takes an assigned role back.
    ///
    /// # Errors
    ///
    /// As `AdminService.UnassignRole`.
    pub async fn unassign_role(
        &self,
        principal: impl Into<String>,
        role: v1::Role,
    ) -> Result<v1::Principal> {
        let request = v1::UnassignRoleRequest {
            request_id: self.connection.new_request_id(),
            principal: principal.into(),
            role: role.into(),
        };
        promised(call!(self, unassign_role, request)?.principal, "principal")
    }

    /// Says whether somebody can be asked. The request_id is made here.
    ///
    /// # Errors
    ///
    /// As `AdminService.SetAvailability`.
    pub async fn set_availability(
        &self,
        mut request: v1::SetAvailabilityRequest,
    ) -> Result<v1::Principal> {
        request.request_id = self.connection.new_request_id();
        promised(call!(self, set_availability, request)?.principal, "principal")
    }

    /// Pauses an agent: what it proposes is refused from then on.
    ///
    /// # Errors
    ///
    /// As `AdminService.PauseAgent`.
    pub async fn pause_agent(
        &self,
        agent: impl Into<String>,
        reason: impl Into<String>,
    ) -> Result<v1::Principal> {
        let request_id = self.connection.new_request_id();
        let request =
            v1::PauseAgentRequest { request_id, agent: agent.into(), reason: reason.into() };
        promised(call!(self, pause_agent, request)?.principal, "principal")
    }

    /// Lets a paused agent in again.
    ///
    /// # Errors
    ///
    /// As `AdminService.ResumeAgent`.
    pub async fn resume_agent(
        &self,
        agent: impl Into<String>,
        reason: impl Into<String>,
    ) -> Result<v1::Principal> {
        let request_id = self.connection.new_request_id();
        let request =
            v1::ResumeAgentRequest { request_id, agent: agent.into(), reason: reason.into() };
        promised(call!(self, resume_agent, request)?.principal, "principal")
    }

    /// Grants authority from now on, until it is revoked.
    ///
    /// # Errors
    ///
    /// As `AdminService.GrantAuthority`.
    pub async fn grant_authority(
        &self,
        holder: v1::grant_authority_request::Holder,
        limit: v1::AuthorityLimit,
        reason: impl Into<String>,
    ) -> Result<v1::Authority> {
        self.grant_authority_for(holder, limit, reason, (None, None)).await
    }

    /// Grants authority from a start to an end; none: from now on, until it is
    /// revoked.
    ///
    /// # Errors
    ///
    /// As `AdminService.GrantAuthority`.
    pub async fn grant_authority_for(
        &self,
        holder: v1::grant_authority_request::Holder,
        limit: v1::AuthorityLimit,
        reason: impl Into<String>,
        (start_time, end_time): (Option<prost_types::Timestamp>, Option<prost_types::Timestamp>),
    ) -> Result<v1::Authority> {
        let request = v1::GrantAuthorityRequest {
            request_id: self.connection.new_request_id(),
            holder: Some(holder),
            limit: Some(limit),
            start_time,
            end_time,
            reason: reason.into(),
        };
        promised(call!(self, grant_authority, request)?.authority, "authority")
    }

    /// Revokes an authority.
    ///
    /// # Errors
    ///
    /// As `AdminService.RevokeAuthority`.
    pub async fn revoke_authority(&self, authority_id: impl Into<String>) -> Result<v1::Authority> {
        let request = v1::RevokeAuthorityRequest {
            request_id: self.connection.new_request_id(),
            authority_id: authority_id.into(),
        };
        promised(call!(self, revoke_authority, request)?.authority, "authority")
    }

    /// Returns a page of authority.
    ///
    /// # Errors
    ///
    /// As `AdminService.ListAuthorities`.
    pub async fn list_authorities(
        &self,
        request: v1::ListAuthoritiesRequest,
    ) -> Result<v1::ListAuthoritiesResponse> {
        call!(self, list_authorities, request)
    }

    /// Takes authority over everything for a short time, in an emergency.
    ///
    /// # Errors
    ///
    /// As `AdminService.BreakGlass`.
    pub async fn break_glass(
        &self,
        reason: impl Into<String>,
        ttl: Option<Duration>,
    ) -> Result<v1::Authority> {
        let request = v1::BreakGlassRequest {
            request_id: self.connection.new_request_id(),
            reason: reason.into(),
            ttl: ttl.map(span),
        };
        promised(call!(self, break_glass, request)?.authority, "authority")
    }
}
