//! Frames of HTTP/2, written by hand: what no well-behaved client would send.

use bytes::BufMut as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEAD: usize = 9;

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A peer that keeps to no rule.
pub struct Peer {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
}

/// How the server ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It said why, with an error code of HTTP/2.
    GoAway(u32),
    /// It closed without a word.
    Closed,
}

/// A frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(FRAME_HEAD + payload.len());
    frame.put_uint(payload.len() as u64, 3);
    frame.put_u8(kind);
    frame.put_u8(flags);
    frame.put_u32(stream);
    frame.put_slice(payload);
    frame
}

/// One header, not indexed and not compressed; both parts under 127 bytes.
pub fn header(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for part in [name, value] {
        bytes.push(part.len().try_into().unwrap());
        bytes.extend(part.as_bytes());
    }
    bytes
}

/// The headers of a call of gRPC.
fn call_headers(path: &str) -> Vec<u8> {
    let parts = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "x"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    parts.iter().flat_map(|(name, value)| header(name, value)).collect()
}

/// A call without a token, whose message does not come.
pub fn call(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &call_headers(path))
}

/// A call that is given up at once.
pub fn call_and_reset(stream: u32, path: &str) -> Vec<u8> {
    let mut frames = call(stream, path);
    frames.extend(reset(stream));
    frames
}

fn reset(stream: u32) -> Vec<u8> {
    const CANCEL: [u8; 4] = [0, 0, 0, 8];
    frame(RST_STREAM, 0, stream, &CANCEL)
}

/// A call whose headers go on.
pub fn endless_call(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_STREAM, stream, &call_headers(path))
}

/// More headers of it, without an end.
pub fn more_headers(stream: u32, block: &[u8]) -> Vec<u8> {
    frame(CONTINUATION, 0, stream, block)
}

// === impl Peer ===

impl Peer {
    /// Connects and begins as every client does.
    pub async fn connect(address: &str) -> Self {
        let address = address.trim_start_matches("http://");
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (read, write) = stream.into_split();
        let mut peer = Self { read, write };
        let settings = frame(SETTINGS, 0, 0, &[]);
        peer.write.write_all(&[PREFACE, &settings].concat()).await.unwrap();
        peer
    }

    /// Sends as fast as the server reads until it has enough or there is no more;
    /// answers how many pieces went out, and how the server ended the connection,
    /// if it did.
    pub async fn flood(self, pieces: impl Iterator<Item = Vec<u8>>) -> (usize, Option<End>) {
        let Self { read, mut write } = self;
        let mut ended = Box::pin(end(read));
        let mut sent = 0;
        for piece in pieces {
            let written = tokio::select! {
                biased;
                end = &mut ended => return (sent, Some(end)),
                written = write.write_all(&piece) => written,
            };
            if written.is_err() {
                return (sent, Some(ended.await));
            }
            sent += 1;
        }
        drop(write);
        (sent, None)
    }

    /// Gives each call up when its answer begins; answers how many there were.
    pub async fn give_up_answered(mut self, calls: impl Iterator<Item = Vec<u8>>) -> usize {
        let mut answered = 0;
        for call in calls {
            self.write.write_all(&call).await.unwrap();
            loop {
                let (kind, _) = next(&mut self.read).await.expect("the connection goes on");
                if kind == HEADERS {
                    break;
                }
            }
            answered += 1;
            let stream = u32::from_be_bytes(call[5..9].try_into().unwrap());
            self.write.write_all(&reset(stream)).await.unwrap();
        }
        answered
    }
}

/// Reads until the server says that it has enough, or closes.
async fn end(mut read: OwnedReadHalf) -> End {
    loop {
        match next(&mut read).await {
            None => return End::Closed,
            Some((GOAWAY, payload)) => {
                return End::GoAway(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
            }
            Some(_) => {}
        }
    }
}

/// The next frame's kind and payload; none at the end.
async fn next(read: &mut OwnedReadHalf) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; FRAME_HEAD];
    read.read_exact(&mut head).await.ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    let mut payload = vec![0; length];
    read.read_exact(&mut payload).await.ok()?;
    Some((head[3], payload))
}
