//! An agent whom the certificate of its connection names, from its run to the outcome.

use std::convert::Infallible;

use pointsman_api::v1::action::State as ActionState;
use pointsman_client::{
    Admin, Agent, Answer, Connection, ConnectionBuilder, Proposal, Reviewer, Runs, StartRun,
};
use pointsman_server::config::Config;
use rcgen::string::Ia5String;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};
use serde_json::json;

use crate::harness::api::{ADMIN, REVIEWER};
use crate::harness::fixture::{Fixture, asked};
use crate::harness::policy;
use crate::harness::poll::{PATIENCE, within};

const AGENT_ID: &str = "spiffe://bank.example/agents/claims";

/// An authority that signs the server's certificate and those of workloads.
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

    /// A certificate for this name of the net, and of this workload, and its key.
    fn signed(&self, name: &str, id: Option<&str>) -> (String, String) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let id = id.map(|id| SanType::URI(Ia5String::try_from(id).unwrap()));
        params.subject_alt_names.extend(id);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// Makes a server believe it: about workloads, and without a certificate for people.
    fn configure(&self, config: &mut Config) {
        let write = |name: &str, text: &str| {
            let path = config.data_dir.with_file_name(name);
            std::fs::write(&path, text).unwrap();
            Some(path)
        };
        let (chain, key) = self.signed("localhost", None);
        config.tls.cert_file = write("cert.pem", &chain);
        config.tls.key_file = write("key.pem", &key);
        config.tls.client_ca_file = write("bundle.pem", &self.pem);
        config.tls.client_cert_optional = true;
        let spiffe = json!({"trust_domain": "bank.example", "roles": {"agent": ["/agents/*"]}});
        config.identity.spiffe = serde_json::from_value(spiffe).unwrap();
    }

    fn connection(&self, fixture: &Fixture) -> ConnectionBuilder {
        let address = fixture.address().replace("http://127.0.0.1", "https://localhost");
        Connection::builder(address).tls_ca(self.pem.as_str())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_without_a_token_proposes_waits_and_runs_by_its_certificate() {
    let authority = Authority::new();
    let fixture = Fixture::start_with(policy::BY_NAME, |config| authority.configure(config)).await;
    let person = |token: &str| authority.connection(&fixture).token(token).connect_lazy().unwrap();
    let (chain, key) = authority.signed("claims.internal", Some(AGENT_ID));
    let connection = authority.connection(&fixture).tls_identity(chain, key);
    let connection = connection.connect().await.unwrap();

    let info = Admin::new(connection.clone()).server_info().await.unwrap();
    let run = Agent::new(connection).start_run(StartRun::default()).await.unwrap();
    let mut wait = asked(&run, Proposal::new("ask_refund", r#"{"amount": 600}"#)).await;
    let reviewer = Reviewer::new(person(REVIEWER));
    let claimed = reviewer.claim(wait.escalation_id(), None).await.unwrap();
    reviewer.approve(&claimed, "fine").await.unwrap();
    let answer = within("the agent is told", PATIENCE, wait.answer()).await.unwrap();
    let Answer::Approved(permit) = answer else { panic!("not approved: {answer:?}") };
    let action = permit.action_id().to_owned();
    let executed = permit.execute(|_| async { Ok::<_, Infallible>("sent") }).await.unwrap();

    executed.report.unwrap();
    assert_eq!(info.principal, AGENT_ID);
    let runs = Runs::new(person(ADMIN));
    assert_eq!(runs.get(run.run_id()).await.unwrap().agent, AGENT_ID);
    assert_eq!(runs.action(action).await.unwrap().state(), ActionState::Executed);
}
