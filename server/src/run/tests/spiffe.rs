//! Callers whom a client's certificate names, through real handshakes.

use pointsman_api::v1::admin_service_client::AdminServiceClient;
use pointsman_api::v1::escalation_service_client::EscalationServiceClient;
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
    date_time_ymd,
};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::tls::{Made, certificates, put};
use super::*;
use crate::config::SpiffeConfig;
use crate::engine::clock::{Clock as _, SystemClock};

const CLAIMS: &str = "spiffe://bank.example/agents/claims";
const NOBODY: &str = "spiffe://bank.example/others/x";

/// Signs certificates of workloads.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn signed(&self, uris: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        let uris = uris.iter().map(|uri| SanType::URI(Ia5String::try_from(*uri).unwrap()));
        params.subject_alt_names.extend(uris);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        Identity::from_pem(params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    fn svid(&self, uri: &str) -> Identity {
        self.signed(&[uri], |_| {})
    }
}

/// A server that believes the authorities of a bundle.
struct Believing {
    server: Server,
    made: Made,
}

async fn believing(authorities: &[&Authority], is_optional: bool) -> Believing {
    let made = certificates();
    let server = server_with(|config| {
        let dir = config.data_dir.parent().unwrap().to_owned();
        let bundle = dir.join("bundle.pem");
        let pems: Vec<_> = authorities.iter().map(|it| it.pem.as_str()).collect();
        std::fs::write(&bundle, pems.concat()).unwrap();
        config.tls = put(&dir, &made);
        config.tls.client_ca_file = Some(bundle);
        config.tls.client_cert_optional = is_optional;
        config.identity.spiffe = SpiffeConfig {
            trust_domain: Some("bank.example".to_owned()),
            roles: [
                (Role::Agent, vec!["/agents/*".to_owned()]),
                (Role::Reviewer, vec!["/desk/*".to_owned()]),
            ]
            .into(),
        };
    })
    .await;
    Believing { server, made }
}

fn request<T>(token: Option<&str>, message: T) -> Request<T> {
    match token {
        Some(token) => with_token(token, message),
        None => Request::new(message),
    }
}

impl Believing {
    async fn channel(&self, identity: Option<Identity>) -> Channel {
        let url = format!("https://localhost:{}", self.server.running.local_addr().port());
        let authority = Certificate::from_pem(&self.made.authority);
        let tls = ClientTlsConfig::new().ca_certificate(authority);
        let tls = match identity {
            Some(identity) => tls.identity(identity),
            None => tls,
        };
        Endpoint::from_shared(url).unwrap().tls_config(tls).unwrap().connect_lazy()
    }

    /// Who somebody is to the server, or the reason that it is not let in; empty where
    /// not even the handshake came about.
    async fn who(&self, identity: Option<Identity>, token: Option<&str>) -> Result<Who, String> {
        let mut admin = AdminServiceClient::new(self.channel(identity).await);
        let asked = request(token, v1::GetServerInfoRequest {});
        let answer = soon(admin.get_server_info(asked)).await.map_err(|status| reason(&status))?;
        let info = answer.into_inner();
        let roles = info.roles.into_iter().map(|it| v1::Role::try_from(it).unwrap()).collect();
        Ok((info.principal, roles))
    }
}

type Who = (String, Vec<v1::Role>);

fn agent() -> Result<Who, String> {
    Ok((CLAIMS.to_owned(), vec![v1::Role::Agent]))
}

fn refused(reason: &str) -> Result<Who, String> {
    Err(reason.to_owned())
}

#[tokio::test]
async fn the_id_of_a_certificate_is_the_caller_of_every_authority_of_the_bundle() {
    let (one, two) = (Authority::new(), Authority::new());
    let server = believing(&[&one, &two], false).await;
    assert_eq!(server.who(Some(one.svid(CLAIMS)), None).await, agent());
    assert_eq!(server.who(Some(two.svid(CLAIMS)), None).await, agent());
    let mut runs =
        v1::run_service_client::RunServiceClient::new(server.channel(Some(one.svid(CLAIMS))).await);
    let run = runs.start_run(v1::StartRunRequest::default()).await.unwrap().into_inner().run;
    assert_eq!(run.unwrap().agent, CLAIMS);
}

#[tokio::test]
async fn no_other_certificate_gets_through_the_handshake() {
    let (ours, stranger) = (Authority::new(), Authority::new());
    let server = believing(&[&ours], false).await;
    let long_ago = |it: &mut CertificateParams| {
        (it.not_before, it.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    };
    let to_come = |it: &mut CertificateParams| {
        (it.not_before, it.not_after) = (date_time_ymd(2090, 1, 1), date_time_ymd(2091, 1, 1));
    };
    let authority = |it: &mut CertificateParams| {
        it.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    };
    for (name, identity) in [
        ("of another authority", Some(stranger.svid(CLAIMS))),
        ("expired", Some(ours.signed(&[CLAIMS], long_ago))),
        ("not yet valid", Some(ours.signed(&[CLAIMS], to_come))),
        ("an authority itself", Some(ours.signed(&[CLAIMS], authority))),
        ("none", None),
    ] {
        for token in [None, Some("dev-agent")] {
            assert_eq!(server.who(identity.clone(), token).await, refused(""), "{name}");
        }
    }
}

#[tokio::test]
async fn what_is_no_id_of_the_trust_domain_is_nobody_whatever_token_comes_with_it() {
    let ours = Authority::new();
    let server = believing(&[&ours], false).await;
    for uris in [
        &["spiffe://other.example/agents/claims"][..],
        &[CLAIMS, "spiffe://bank.example/desk/rita"],
        &["spiffe://bank.example/"],
        &["https://bank.example/agents/claims"],
    ] {
        for token in [None, Some("dev-agent")] {
            let who = server.who(Some(ours.signed(uris, |_| {})), token).await;
            assert_eq!(who, refused("TOKEN_INVALID"), "{uris:?}");
        }
    }
    let no_signature = |it: &mut CertificateParams| {
        it.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
    };
    let who = server.who(Some(ours.signed(&[CLAIMS], no_signature)), None).await;
    assert_eq!(who, refused("TOKEN_INVALID"));
    // Without any URI a certificate names nobody: the token does.
    let lock = || Some(ours.signed(&[], |_| {}));
    assert_eq!(server.who(lock(), None).await, refused("TOKEN_INVALID"));
    assert_eq!(server.who(lock(), Some("dev-reviewer")).await.unwrap().0, "reviewer");
}

#[tokio::test]
async fn a_token_beside_a_certificate_is_of_the_same_principal() {
    let ours = Authority::new();
    let server = believing(&[&ours], true).await;
    assert_eq!(server.who(None, Some("dev-admin")).await.unwrap().0, "admin");
    assert_eq!(server.who(None, None).await, refused("TOKEN_INVALID"));
    let both = server.who(Some(ours.svid(CLAIMS)), Some("dev-agent")).await;
    assert_eq!(both, refused("TOKEN_INVALID"), "each of them counts by itself");
    let mut admin = AdminServiceClient::new(server.channel(None).await);
    let create = v1::CreateTokenRequest {
        principal: CLAIMS.to_owned(),
        roles: vec![v1::Role::Agent as i32],
        ..Default::default()
    };
    let made = admin.create_token(with_token("dev-admin", create)).await.unwrap().into_inner();
    assert_eq!(server.who(Some(ours.svid(CLAIMS)), Some(&made.secret)).await, agent());
}

#[tokio::test]
async fn whom_no_pattern_gives_a_role_has_those_that_are_assigned() {
    let ours = Authority::new();
    let server = believing(&[&ours], true).await;
    assert_eq!(server.who(Some(ours.svid(NOBODY)), None).await, refused("NO_ROLE"));
    let assign = v1::AssignRoleRequest {
        principal: NOBODY.to_owned(),
        role: v1::Role::Auditor as i32,
        ..Default::default()
    };
    let mut admin = AdminServiceClient::new(server.channel(None).await);
    admin.assign_role(with_token("dev-admin", assign)).await.unwrap();
    let who = server.who(Some(ours.svid(NOBODY)), None).await.unwrap();
    assert_eq!(who, (NOBODY.to_owned(), vec![v1::Role::Auditor]));
}

#[tokio::test]
async fn a_stream_ends_soon_after_its_certificate_though_the_connection_stays() {
    let ours = Authority::new();
    let server = believing(&[&ours], false).await;
    let (now, _) = SystemClock.now().to_seconds_nanos();
    let end = date_time_ymd(1970, 1, 1) + Duration::from_secs(now as u64 + 3);
    let short = ours.signed(&["spiffe://bank.example/desk/rita"], |it| it.not_after = end);
    let mut queue = EscalationServiceClient::new(server.channel(Some(short)).await);
    let request = v1::WatchEscalationsRequest::default();
    let mut watch = queue.watch_escalations(request).await.unwrap().into_inner();
    let ended = soon(async {
        loop {
            match watch.message().await {
                Ok(Some(_)) => {}
                ended => break ended,
            }
        }
    });
    let ended = ended.await.unwrap_err();
    assert_eq!((ended.code(), &*reason(&ended)), (Code::Unauthenticated, "TOKEN_INVALID"));
    let again = queue.watch_escalations(v1::WatchEscalationsRequest::default()).await;
    assert_eq!(reason(&again.unwrap_err()), "TOKEN_INVALID");
}
