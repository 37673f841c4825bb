//! A connection to an address that was judged before.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::TcpStream;

use super::address::Reach;
use crate::domain::notice::DeliveryProblem;

/// How long one address may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The most addresses of a name that are tried.
const MAX_ADDRESSES: usize = 8;

/// Looks up where a name leads.
#[async_trait]
pub(super) trait Resolve: Send + Sync + 'static {
    /// Every address of a name, or of an address in any of its forms.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// The system's resolver.
pub(super) struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

/// Connects to where a name leads: looked up once, every address judged, and then those
/// very addresses tried. One address that is not allowed is enough to try none: whoever
/// answers so for a name is up to something.
pub(super) async fn dial(
    resolver: &dyn Resolve,
    reach: &Reach,
    host: &str,
    port: u16,
) -> Result<TcpStream, DeliveryProblem> {
    let found = resolver.resolve(host, port).await.map_err(|_| DeliveryProblem::NoAddress)?;
    if found.is_empty() {
        return Err(DeliveryProblem::NoAddress);
    }
    if !found.iter().all(|address| reach.allows(address.ip())) {
        return Err(DeliveryProblem::ForbiddenAddress);
    }
    for address in found.into_iter().take(MAX_ADDRESSES) {
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
        if let Ok(Ok(stream)) = connected {
            return Ok(stream);
        }
    }
    Err(DeliveryProblem::Unreachable)
}
