//! What a handler needs of a request: who sent it and what it says.

use tonic::{Request, Status};

use super::auth::Pass;
use crate::domain::error::Error;
use crate::domain::principal::Principal;

/// A request taken apart.
pub(super) struct Call<T> {
    /// Who calls, as the door found out.
    pub(super) caller: Principal,
    /// What the request says.
    pub(super) message: T,
}

/// A request for a stream, whose token is looked at again and again.
pub(super) struct StreamCall<T> {
    /// Who calls, as the door found out.
    pub(super) caller: Principal,
    /// What the caller showed.
    pub(super) pass: Pass,
    /// What the request says.
    pub(super) message: T,
}

/// Takes a request apart. Without the door there is no caller.
pub(super) fn open<T>(request: Request<T>) -> Result<Call<T>, Status> {
    let (_, mut extensions, message) = request.into_parts();
    let caller = extensions.remove::<Principal>().ok_or(Error::TokenInvalid)?;
    Ok(Call { caller, message })
}

/// Takes a request for a stream apart.
pub(super) fn open_stream<T>(request: Request<T>) -> Result<StreamCall<T>, Status> {
    let pass = request.extensions().get::<Pass>().cloned().ok_or(Error::TokenInvalid)?;
    let Call { caller, message } = open(request)?;
    Ok(StreamCall { caller, pass, message })
}
