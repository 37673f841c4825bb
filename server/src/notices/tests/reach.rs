//! No connection to where nothing is sent, whatever the address looks like.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Mutex;

use async_trait::async_trait;

use super::*;
use crate::outgoing::tests::made;

/// Answers as it was told, and nothing beyond that.
struct Told(Mutex<VecDeque<Vec<SocketAddr>>>);

#[async_trait]
impl Resolve for Told {
    async fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        let answer = self.0.lock().unwrap().pop_front();
        answer.ok_or_else(|| io::Error::other("asked too often"))
    }
}

fn told<const N: usize>(config: &WebhookConfig, answers: [Vec<String>; N]) -> WebhookCourier {
    let parsed = |all: Vec<String>| all.iter().map(|one| one.parse().unwrap()).collect();
    let answers = answers.into_iter().map(parsed).collect();
    connect("ops", config, env, Arc::new(Told(Mutex::new(answers)))).unwrap()
}

/// A configuration for encrypted receivers, with the file it needs.
fn encrypted(url: &str) -> (WebhookConfig, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.pem");
    std::fs::write(&path, made().authority).unwrap();
    (WebhookConfig { ca_file: Some(path), ..config(url) }, dir)
}

#[tokio::test]
async fn this_machine_is_not_reached_by_any_of_its_names() {
    let receiver = Receiver::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let port = receiver.port;
    for host in [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "0.0.0.0",
        "0",
        "[::]",
    ] {
        let (config, _dir) = encrypted(&format!("https://{host}:{port}/"));
        let problem = problem(&courier(&config)).await;
        // A resolver that takes a form for no address at all is as well.
        let is_refused = [DeliveryProblem::ForbiddenAddress, DeliveryProblem::NoAddress];
        assert!(is_refused.contains(&problem), "{host}: {problem}");
    }
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn neither_are_private_networks_and_what_clouds_keep_there() {
    for host in [
        "169.254.169.254",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "10.0.0.1",
        "192.168.0.1",
        "172.16.0.1",
        "100.100.100.200",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::]",
        "224.0.0.1",
        "255.255.255.255",
    ] {
        let (config, _dir) = encrypted(&format!("https://{host}/latest/meta-data"));
        assert_eq!(problem(&courier(&config)).await, DeliveryProblem::ForbiddenAddress, "{host}");
    }
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_what_was_judged_is_connected_to() {
    let receiver = Receiver::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let other = Receiver::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let config = config("http://localhost:1/");
    // The name leads elsewhere as soon as it has been judged.
    let courier = told(&config, [vec![receiver.authority()], vec!["10.0.0.1:80".to_owned()]]);
    deliver(&courier).await.unwrap();
    assert_eq!((receiver.connections(), other.connections()), (1, 0));
    assert_eq!(problem(&courier).await, DeliveryProblem::ForbiddenAddress);
    assert_eq!(problem(&courier).await, DeliveryProblem::NoAddress);
}

#[tokio::test]
async fn one_address_that_is_not_allowed_spoils_the_name() {
    let receiver = Receiver::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let private = "10.0.0.1:80".to_owned();
    let config = config("http://localhost:1/");
    for answer in [vec![receiver.authority(), private.clone()], vec![private, receiver.authority()]]
    {
        let courier = told(&config, [answer]);
        assert_eq!(problem(&courier).await, DeliveryProblem::ForbiddenAddress);
    }
    assert_eq!(problem(&told(&config, [vec![]])).await, DeliveryProblem::NoAddress);
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn the_next_address_is_tried_where_one_is_dead() {
    let receiver = Receiver::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let dead = Receiver::answering("").await.port;
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = closed.local_addr().unwrap().to_string();
    drop(closed);
    let config = config("http://localhost:1/");
    deliver(&told(&config, [vec![nobody.clone(), receiver.authority()]])).await.unwrap();
    assert_eq!(problem(&told(&config, [vec![nobody]])).await, DeliveryProblem::Unreachable);
    let broken = told(&config, [vec![format!("127.0.0.1:{dead}")]]);
    assert_eq!(problem(&broken).await, DeliveryProblem::BrokeOff);
}
