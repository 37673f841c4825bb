//! Encrypted connections: with the right authority and the right name, or none.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::make::{Place, mk_place_on};
use crate::store::Store;
use crate::store::cluster::{Cluster, sql};
use crate::store::conformance::make::mk_put;
use crate::store::damage::OpenError;
use crate::store::postgres::{PostgresOptions, PostgresStore};

const ENCRYPTED: &str = "\
    SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
    WHERE application_name = 'pointsman'";

/// An authority's certificate, and what it signed for a name: certificate and key.
fn certificates(name: &str) -> (String, [String; 2]) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    (authority, [params.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem()])
}

/// A database server that shows a certificate for a name, and its authority.
fn mk_encrypted(name: &str) -> (Cluster, Place, PathBuf) {
    let cluster = Cluster::start();
    let (authority, server) = certificates(name);
    let folder = cluster.folder();
    let owner = fs::metadata(folder.join("data")).unwrap();
    for (file, text) in ["server.pem", "server.key"].iter().zip(server) {
        let path = folder.join(file);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    let place = mk_place_on(&cluster);
    place.outside(&format!("ALTER SYSTEM SET ssl_cert_file = '{}'", shown(folder, "server.pem")));
    place.outside(&format!("ALTER SYSTEM SET ssl_key_file = '{}'", shown(folder, "server.key")));
    place.outside("ALTER SYSTEM SET ssl = on");
    place.outside("SELECT pg_reload_conf()");
    let ca_file = place.path("authority.pem");
    fs::write(&ca_file, authority).unwrap();
    (cluster, place, ca_file)
}

fn shown(folder: &Path, file: &str) -> String {
    folder.join(file).display().to_string()
}

async fn open(place: &Place, ca_file: Option<PathBuf>) -> Result<PostgresStore, OpenError> {
    let options = PostgresOptions { ca_file, ..place.options("one") };
    PostgresStore::open(options).await.map(|(store, _)| store)
}

async fn refusal(place: &Place, ca_file: Option<PathBuf>) -> String {
    open(place, ca_file).await.err().expect("it must not connect").to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_connection_is_encrypted_and_the_database_must_prove_its_name() {
    let (_cluster, place, ca_file) = mk_encrypted("127.0.0.1");
    let store = open(&place, Some(ca_file)).await.unwrap();
    store.commit(mk_put("a", "1")).await.unwrap();
    assert_eq!(place.sql(ENCRYPTED), "t");
    store.close().await;

    let (stranger, _) = certificates("127.0.0.1");
    let other = place.path("stranger.pem");
    fs::write(&other, stranger).unwrap();
    let said = refusal(&place, Some(other)).await;
    assert!(said.contains("UnknownIssuer") || said.contains("BadSignature"), "{said}");
    let said = refusal(&place, Some(place.path("absent.pem"))).await;
    assert!(said.contains("absent.pem"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_for_another_name_is_refused() {
    let (_cluster, place, ca_file) = mk_encrypted("db.example");
    let said = refusal(&place, Some(ca_file)).await;
    assert!(said.contains("not valid for name"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_without_encryption_is_refused_if_an_authority_is_named() {
    let place = super::make::mk_place();
    let ca_file = place.path("authority.pem");
    fs::write(&ca_file, certificates("127.0.0.1").0).unwrap();
    let said = refusal(&place, Some(ca_file)).await;
    assert!(said.contains("TLS"), "{said}");
    let url = format!("{}?sslmode=require", place.url);
    let options = PostgresOptions { url, ..place.options("one") };
    let said = PostgresStore::open(options).await.err().unwrap().to_string();
    assert!(said.contains("no certificate authority"), "{said}");
    assert_eq!(sql(&place.url, "SELECT 1").unwrap(), "1");
}
