//! A TCP proxy that cuts connections after a number of bytes, or lets them hang.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Never cut.
const NEVER: u64 = u64::MAX;
const BUFFER_BYTES: usize = 16 * 1024;

/// Which half of a connection is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// What the client sends: a request cut short.
    Request,
    /// What the server sends: an answer that gets lost.
    Answer,
}

/// A running proxy; dropping it closes the door.
pub struct Proxy {
    address: SocketAddr,
    budget: Arc<Budget>,
    task: JoinHandle<()>,
}

/// How many bytes each half may still carry, over all connections.
struct Budget {
    request: AtomicU64,
    answer: AtomicU64,
    cuts: AtomicU64,
    /// Which halves carry nothing for now: a network that is down, and tells nobody.
    hanging: watch::Sender<[bool; 2]>,
}

impl Proxy {
    /// Forwards a new port of loopback to `target`.
    pub async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let budget = Arc::new(Budget {
            request: AtomicU64::new(NEVER),
            answer: AtomicU64::new(NEVER),
            cuts: AtomicU64::new(0),
            hanging: watch::Sender::new([false; 2]),
        });
        let shared = Arc::clone(&budget);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, target, Arc::clone(&shared)));
            }
        });
        Self { address, budget, task }
    }

    /// Where clients connect.
    pub fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The host and port where clients connect.
    pub const fn socket(&self) -> SocketAddr {
        self.address
    }

    /// Carries nothing more of some halves, on all connections, and says so to nobody:
    /// what is sent waits for [`Proxy::heal`].
    pub fn hang(&self, halves: &[Half]) {
        let is_hanging = [Half::Request, Half::Answer].map(|half| halves.contains(&half));
        self.budget.hanging.send_replace(is_hanging);
    }

    /// Carries everything again, what has waited first.
    pub fn heal(&self) {
        self.hang(&[]);
    }

    /// Cuts the connection that carries the byte after the next `bytes` of this
    /// half. What was forwarded before has arrived. Later connections pass.
    pub fn cut_after(&self, half: Half, bytes: u64) {
        self.budget.of(half).store(bytes, Ordering::SeqCst);
    }

    /// Cuts nothing from here on.
    pub fn let_through(&self) {
        self.cut_after(Half::Request, NEVER);
        self.cut_after(Half::Answer, NEVER);
    }

    /// How many connections were cut.
    pub fn cuts(&self) -> u64 {
        self.budget.cuts.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Budget {
    fn of(&self, half: Half) -> &AtomicU64 {
        match half {
            Half::Request => &self.request,
            Half::Answer => &self.answer,
        }
    }

    /// Waits until a half carries something.
    async fn carries(&self, half: Half) {
        let mut hanging = self.hanging.subscribe();
        let at = usize::from(half == Half::Answer);
        // The sender lives as long as this.
        let _ = hanging.wait_for(|hanging| !hanging[at]).await;
    }

    /// Takes up to `wanted` bytes; fewer mean that the connection is to be cut.
    fn take(&self, half: Half, wanted: usize) -> usize {
        let wanted_bytes = wanted as u64;
        let before = self
            .of(half)
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                Some(match left {
                    NEVER => NEVER,
                    left if left < wanted_bytes => NEVER,
                    left => left - wanted_bytes,
                })
            })
            .unwrap();
        if before == NEVER || before >= wanted_bytes {
            wanted
        } else {
            self.cuts.fetch_add(1, Ordering::SeqCst);
            usize::try_from(before).unwrap()
        }
    }
}

async fn forward(client: TcpStream, target: SocketAddr, budget: Arc<Budget>) {
    let Ok(server) = TcpStream::connect(target).await else { return };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    // The end of either half ends both: dropping the streams closes them.
    tokio::select! {
        () = pump(client_reads, server_writes, Half::Request, &budget) => {}
        () = pump(server_reads, client_writes, Half::Answer, &budget) => {}
    }
}

async fn pump(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    half: Half,
    budget: &Budget,
) {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else { return };
        budget.carries(half).await;
        let passed = budget.take(half, read);
        if to.write_all(&buffer[..passed]).await.is_err() || passed < read {
            return;
        }
    }
}
