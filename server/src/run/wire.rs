//! A connection's bytes: plain or encrypted, and not silent at the start.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;

use super::workloads;
use crate::engine::identity::Chain;

/// How many bytes must have come before a peer counts as speaking: the length
/// of HTTP/2's preface. Up to here the protocol is not known, and no time limit
/// of HTTP applies.
const FIRST_BYTES: usize = 24;

/// One connection's bytes.
pub(super) struct Wire {
    bytes: Bytes,
    silence: Option<Silence>,
}

enum Bytes {
    Plain(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
}

struct Silence {
    until: Pin<Box<Sleep>>,
    missing: usize,
}

// === impl Wire ===

impl Wire {
    /// Bytes as they are; the first ones must come within `patience`.
    pub(super) fn plain(stream: TcpStream, patience: Duration) -> Self {
        Self { bytes: Bytes::Plain(stream), silence: Some(Silence::new(patience)) }
    }

    /// The certificate that the client showed in the handshake.
    pub(super) fn certificate(&self) -> Option<Arc<Chain>> {
        match &self.bytes {
            Bytes::Plain(_) => None,
            Bytes::Encrypted(stream) => workloads::chain(stream.get_ref().1.peer_certificates()?),
        }
    }

    /// Encrypted bytes; the first ones must come within `patience`.
    pub(super) fn encrypted(stream: TlsStream<TcpStream>, patience: Duration) -> Self {
        Self { bytes: Bytes::Encrypted(Box::new(stream)), silence: Some(Silence::new(patience)) }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = match &mut self.bytes {
            Bytes::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Bytes::Encrypted(stream) => Pin::new(stream).poll_read(context, buffer),
        };
        let Some(silence) = &mut self.silence else {
            return read;
        };
        if read.is_ready() {
            silence.missing = silence.missing.saturating_sub(buffer.filled().len() - before);
            if silence.missing == 0 {
                self.silence = None;
            }
            return read;
        }
        silence.until.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.bytes {
            Bytes::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Bytes::Encrypted(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.bytes {
            Bytes::Plain(stream) => Pin::new(stream).poll_flush(context),
            Bytes::Encrypted(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.bytes {
            Bytes::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Bytes::Encrypted(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.bytes {
            Bytes::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Bytes::Encrypted(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.bytes {
            Bytes::Plain(stream) => stream.is_write_vectored(),
            Bytes::Encrypted(stream) => stream.is_write_vectored(),
        }
    }
}

// === impl Silence ===

impl Silence {
    fn new(patience: Duration) -> Self {
        Self { until: Box::pin(tokio::time::sleep(patience)), missing: FIRST_BYTES }
    }
}
