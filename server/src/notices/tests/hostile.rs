//! Receivers that want something else than notices.

use super::receiver::Then;
use super::*;

#[tokio::test]
async fn nobody_is_followed_elsewhere() {
    let secret = Receiver::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    for code in [301, 302, 303, 307, 308] {
        let to = secret.url("/");
        let receiver =
            Receiver::answering(&format!("HTTP/1.1 {code} Go\r\nlocation: {to}\r\n\r\n")).await;
        let courier = courier(&config(&receiver.url("/")));
        assert_eq!(problem(&courier).await, DeliveryProblem::Redirected(code));
    }
    assert_eq!(secret.connections(), 0);
}

#[tokio::test]
async fn what_is_behind_the_status_is_not_waited_for() {
    let ten_gigabytes = "HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n";
    for then in [Then::Flood(&[b'x'; 4096]), Then::Silence] {
        let receiver = Receiver::start(ten_gigabytes, then, None).await;
        deliver(&courier(&config(&receiver.url("/")))).await.unwrap();
    }
    let chunked = "HTTP/1.1 500 Oops\r\ntransfer-encoding: chunked\r\n\r\n";
    let receiver = Receiver::start(chunked, Then::Flood(b"1\r\nx\r\n"), None).await;
    let courier = courier(&config(&receiver.url("/")));
    assert_eq!(problem(&courier).await, DeliveryProblem::Status(500));
}

#[tokio::test]
async fn a_head_without_end_or_without_sense_is_no_answer() {
    for (answer, then) in [
        ("HTTP/1.1 200 OK\r\n", Then::Flood(b"x-more: and more\r\n")),
        ("HTTP/1.1 200 OK\r\nx: ", Then::Flood(&[b'x'; 1024])),
        ("SSH-2.0-OpenSSH_9\r\n", Then::Silence),
        ("HTTP/1.1 20", Then::End),
        ("", Then::End),
    ] {
        let receiver = Receiver::start(answer, then, None).await;
        let courier = courier(&config(&receiver.url("/")));
        assert_eq!(problem(&courier).await, DeliveryProblem::BrokeOff, "{answer:?}");
    }
}

#[tokio::test]
async fn whoever_says_nothing_is_left_when_the_time_is_up() {
    let receiver = Receiver::start("", Then::Silence, None).await;
    let courier = courier(&config(&receiver.url("/")));
    let letter = letter();
    let mut waiting = courier.deliver(&letter);
    while receiver.requests().is_empty() {
        assert!(futures::poll!(&mut waiting).is_pending());
        tokio::task::yield_now().await;
    }
    // The engine's clock is up: it drops what waits, and the connection with it.
    drop(waiting);
}
