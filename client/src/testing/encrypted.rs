//! An encrypted way to a server of a test, under a certificate of `localhost`.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

/// Takes encrypted connections and passes them on; it stops when it is dropped.
pub(crate) struct Encrypted {
    /// The authority to trust, as PEM.
    pub(crate) authority: String,
    /// Where it listens, on 127.0.0.1.
    pub(crate) port: u16,
    task: AbortHandle,
}

impl Encrypted {
    /// Starts on a free port, with an authority of its own.
    pub(crate) async fn way_to(server: SocketAddr) -> Self {
        let (authority, acceptor) = made();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let passing = async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut inner = TcpStream::connect(server).await.unwrap();
                    if let Ok(mut outer) = acceptor.accept(stream).await {
                        let _either_may_go = copy_bidirectional(&mut outer, &mut inner).await;
                    }
                });
            }
        };
        Self { authority, port, task: tokio::spawn(passing).abort_handle() }
    }
}

impl Drop for Encrypted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn made() -> (String, TlsAcceptor) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap().der().clone();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(rustls::DEFAULT_VERSIONS)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    (authority, TlsAcceptor::from(Arc::new(tls)))
}
