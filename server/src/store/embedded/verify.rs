//! Checks a store that is not running.

use std::path::Path;

use crate::store::damage::OpenError;

/// What was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {}

/// Verifies.
pub fn verify(dir: &Path) -> Result<VerifyReport, OpenError> {
    Err(OpenError::Format { path: dir.to_owned() })
}
