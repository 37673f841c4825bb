//! Who is trusted.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tonic::transport::Identity;

use super::people::{GrpcDesk, HttpDesk};
use super::*;
use crate::outgoing::tests::{Made, acceptor, made};

/// A server of HTTP/1.1 behind TLS that answers every request alike.
async fn https(made: &Made) -> u16 {
    let acceptor = acceptor(made);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let body = http::VERIFIED;
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    port
}

#[tokio::test]
async fn an_answer_counts_from_whom_the_authority_signed() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, other) = (made(), made());
    let authority = write(dir.path(), "ours.pem", &ours.authority);
    let stranger = write(dir.path(), "other.pem", &other.authority);
    let desk = GrpcDesk::new(|| Ok(grpc::verified()));
    let identity = Identity::from_pem(&ours.certificate, &ours.key);
    let grpc = format!("grpcs://localhost:{}", desk.serve(Some(identity)).await.port());
    let http = format!("https://localhost:{}/facts", https(&ours).await);
    for url in [&grpc, &http] {
        let trusting = |ca_file: &PathBuf| FactProviderConfig {
            ca_file: Some(ca_file.clone()),
            ..config(url)
        };
        let answers = ask(&provider(&trusting(&authority))).await;
        assert_eq!(answers.unwrap()["verified"], seen(json!(true)), "{url}");
        let untrusted = refusal(&provider(&trusting(&stranger))).await;
        assert!(untrusted.contains("its certificate is not one to trust"), "{url}: {untrusted}");
        // Nor by whom the system trusts, if it trusts anybody.
        if let Ok(provider) = connect("desk", &config(url)) {
            assert!(refusal(&provider).await.contains("not one to trust"), "{url}");
        }
        // The certificate names the host, not its number.
        let elsewhere = FactProviderConfig {
            url: url.replace("localhost", "127.0.0.1"),
            ..trusting(&authority)
        };
        assert!(refusal(&provider(&elsewhere)).await.contains("not one to trust"), "{url}");
    }
}

#[tokio::test]
async fn what_is_to_be_encrypted_is_never_asked_in_the_clear() {
    let dir = tempfile::tempdir().unwrap();
    let authority = write(dir.path(), "ca.pem", &made().authority);
    let grpc = GrpcDesk::new(|| Ok(grpc::verified()));
    let http = HttpDesk::new(|| axum::http::Response::new(http::VERIFIED.into()));
    let grpc_url = format!("grpcs://localhost:{}", grpc.serve(None).await.port());
    let http_url = format!("https://localhost:{}/facts", http.serve().await.port());
    for url in [grpc_url, http_url] {
        let config = FactProviderConfig { ca_file: Some(authority.clone()), ..config(&url) };
        let refused = refusal(&provider(&config)).await;
        assert!(refused.contains("does not speak TLS"), "{url}: {refused}");
    }
    assert!(grpc.asked.lock().unwrap().is_empty() && http.asked.lock().unwrap().is_empty());
}
