//! Who is trusted to be the receiver.

use tokio::io::AsyncWriteExt as _;

use super::receiver::Then;
use super::*;
use crate::outgoing::tests::{acceptor, made};

/// The port of somebody who does not speak TLS.
async fn plain() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    port
}

#[tokio::test]
async fn only_whom_the_authority_signed_is_told_anything() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, other) = (made(), made());
    let [authority, stranger] = [("ours", &ours), ("other", &other)].map(|(name, made)| {
        let path = dir.path().join(name);
        std::fs::write(&path, &made.authority).unwrap();
        path
    });
    let answer = "HTTP/1.1 204 No Content\r\n\r\n";
    let receiver = Receiver::start(answer, Then::End, Some(acceptor(&ours))).await;
    let plain = plain().await;
    let trusting = |host: &str, port: u16, ca_file: &std::path::Path| {
        courier(&WebhookConfig {
            ca_file: Some(ca_file.to_owned()),
            allow: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
            ..config(&format!("https://{host}:{port}/"))
        })
    };
    deliver(&trusting("localhost", receiver.port, &authority)).await.unwrap();
    assert_eq!(receiver.requests().len(), 1);
    for (host, port, ca_file) in [
        ("localhost", receiver.port, &stranger),
        // The certificate names the host, not its number.
        ("127.0.0.1", receiver.port, &authority),
        ("localhost", plain, &authority),
    ] {
        let problem = problem(&trusting(host, port, ca_file)).await;
        assert_eq!(problem, DeliveryProblem::NotTrusted, "{host}:{port}");
    }
    assert_eq!(receiver.requests().len(), 1);
}
