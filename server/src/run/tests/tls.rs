//! Who gets through the handshake, and that certificates are renewed while the
//! server runs.

use std::path::Path;
use std::process::Command;

use pointsman_api::v1::run_service_client::RunServiceClient;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::*;
use crate::config::TlsConfig;

/// An authority, and what it signed for server and client.
pub(in crate::run) struct Made {
    pub(in crate::run) authority: String,
    pub(in crate::run) server: (String, String),
    client: (String, String),
}

pub(in crate::run) fn certificates() -> Made {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let signed = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem())
    };
    Made { authority, server: signed("localhost"), client: signed("client") }
}

/// Writes what the server shows into a folder.
pub(in crate::run) fn put(dir: &Path, made: &Made) -> TlsConfig {
    let write = |name: &str, text: &str| {
        let path = dir.join(name);
        std::fs::write(&path, text).unwrap();
        Some(path)
    };
    TlsConfig {
        cert_file: write("cert.pem", &made.server.0),
        key_file: write("key.pem", &made.server.1),
        client_ca_file: None,
        client_cert_optional: false,
    }
}

/// Whether whoever trusts this authority gets an answer.
async fn is_served(server: &RunningServer, tls: ClientTlsConfig) -> bool {
    let url = format!("https://localhost:{}", server.local_addr().port());
    let endpoint = Endpoint::from_shared(url).unwrap().tls_config(tls).unwrap();
    let Ok(channel) = endpoint.connect().await else { return false };
    let request = with_token("dev-admin", v1::ListRunsRequest::default());
    RunServiceClient::new(channel).list_runs(request).await.is_ok()
}

fn trusting(made: &Made) -> ClientTlsConfig {
    ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&made.authority))
}

#[tokio::test]
async fn tls_serves_those_who_trust_it_and_show_their_certificate() {
    let made = certificates();
    let server = server_with(|config| {
        let dir = config.data_dir.parent().unwrap().to_owned();
        config.tls = put(&dir, &made);
        let authority = dir.join("ca.pem");
        std::fs::write(&authority, &made.authority).unwrap();
        config.tls.client_ca_file = Some(authority);
    })
    .await;
    let identity = Identity::from_pem(&made.client.0, &made.client.1);
    assert!(soon(is_served(&server.running, trusting(&made).identity(identity))).await);
    assert!(!soon(is_served(&server.running, trusting(&made))).await);
}

/// A server whose certificates were made by one authority.
async fn server_of(made: &Made, look_every: Duration) -> Server {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { tls: put(dir.path(), made), ..config(&dir) };
    let mut settings = prepare::settings(config).await.unwrap();
    let certificates = settings.tls.as_mut().and_then(Arc::get_mut).unwrap();
    certificates.look_every = look_every;
    let options = store::embedded_options(&settings.config);
    let (store, _) = store::open_embedded(options).await.unwrap();
    Server { running: start_on(settings, store).await.unwrap(), dir }
}

async fn is_soon_renewed(server: &Server, former: &Made, renewed: &Made) {
    soon(async { while !is_served(&server.running, trusting(renewed)).await {} }).await;
    assert!(!soon(is_served(&server.running, trusting(former))).await);
}

#[tokio::test]
async fn files_that_change_are_taken_up() {
    let (former, renewed) = (certificates(), certificates());
    let server = server_of(&former, Duration::from_millis(1)).await;
    assert!(soon(is_served(&server.running, trusting(&former))).await);
    put(server.dir.path(), &renewed);
    is_soon_renewed(&server, &former, &renewed).await;
}

#[tokio::test]
async fn a_hangup_takes_them_up_at_once() {
    let (former, renewed) = (certificates(), certificates());
    let server = server_of(&former, Duration::from_secs(3_600)).await;
    put(server.dir.path(), &renewed);
    assert!(soon(is_served(&server.running, trusting(&former))).await);
    let id = std::process::id().to_string();
    assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    is_soon_renewed(&server, &former, &renewed).await;
}
