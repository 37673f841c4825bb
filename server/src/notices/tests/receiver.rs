//! A receiver as plain as can be, that notes what it is sent.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Got {
    pub(super) line: String,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Got {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// A receiver on loopback.
pub(super) struct Receiver {
    pub(super) port: u16,
    requests: Arc<Mutex<Vec<Got>>>,
    connections: Arc<AtomicUsize>,
}

/// What it says behind the bytes of its answer, for ever.
#[derive(Clone)]
pub(super) enum Then {
    /// Nothing; the connection ends.
    End,
    /// The same bytes again and again, as fast as they are taken.
    Flood(&'static [u8]),
    /// Nothing, and the connection stays.
    Silence,
}

impl Receiver {
    pub(super) async fn answering(answer: &str) -> Self {
        Self::start(answer, Then::End, None).await
    }

    pub(super) async fn start(answer: &str, then: Then, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests: Arc<Mutex<Vec<_>>> = Arc::default();
        let connections: Arc<AtomicUsize> = Arc::default();
        let (notes, count, answer) =
            (Arc::clone(&requests), Arc::clone(&connections), answer.to_owned());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (notes, answer, then) = (Arc::clone(&notes), answer.clone(), then.clone());
                let tls = tls.clone();
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &notes, &answer, then).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &notes, &answer, then).await;
                            }
                        }
                    }
                });
            }
        });
        Self { port, requests, connections }
    }

    pub(super) fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.authority())
    }

    pub(super) fn requests(&self) -> Vec<Got> {
        self.requests.lock().unwrap().clone()
    }

    /// How often anybody connected.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    notes: &Mutex<Vec<Got>>,
    answer: &str,
    then: Then,
) {
    let Some(got) = read(&mut stream).await else { return };
    notes.lock().unwrap().push(got);
    if stream.write_all(answer.as_bytes()).await.is_err() {
        return;
    }
    match then {
        Then::End => drop(stream.shutdown().await),
        Then::Flood(bytes) => while stream.write_all(bytes).await.is_ok() {},
        Then::Silence => drop(stream.read(&mut [0]).await),
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Got> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let mut lines = head.split("\r\n");
    let line = lines.next()?.to_owned();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length")?.1.parse().ok()?;
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Got { line, headers, body })
}
