//! What the server is, and its backup.

use std::path::PathBuf;

use super::{DEFAULT_TENANT, Engine, authorize, read_error, validate};
use crate::domain::error::Error;
use crate::domain::ids::PolicyRevisionId;
use crate::domain::principal::Principal;
use crate::store::{BackupReport, StoreInfo};

/// What the server is, to a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerInfo {
    /// The store.
    pub store: StoreInfo,
    /// The policy revision in force; none for a tenant that the server does not serve.
    pub policy_revision: Option<PolicyRevisionId>,
    /// The tenant's newest sequence.
    pub sequence: u64,
}

impl Engine {
    /// Says what the server is.
    pub async fn server_info(&self, caller: &Principal) -> Result<ServerInfo, Error> {
        let store = self.0.store.info().await.map_err(read_error)?;
        let sequence = self.0.store.sequence(&caller.tenant).await.map_err(read_error)?;
        let is_served = caller.tenant == DEFAULT_TENANT;
        let policy_revision = self.policy_revision().filter(|_| is_served);
        Ok(ServerInfo { store, policy_revision, sequence })
    }

    /// Copies everything durable into a new folder of the backup folder: every tenant's,
    /// so that it is for the one that the server serves alone.
    pub async fn create_backup(
        &self,
        caller: &Principal,
        name: &str,
    ) -> Result<(PathBuf, BackupReport), Error> {
        authorize::admin(caller)?;
        if caller.tenant != DEFAULT_TENANT {
            return Err(Error::RoleRequired { role: "admin of the tenant that is served" });
        }
        validate::file_name("name", name)?;
        let into = self.0.backup_dir.join(name);
        if into.exists() {
            return Err(Error::BackupExists { name: name.to_owned() });
        }
        let report = self.0.store.backup(&into).await;
        let report = report.map_err(|error| Error::BackupFailed { cause: error.to_string() })?;
        Ok((into, report))
    }
}
