//! Addresses, tokens and unreachable servers.

use super::*;
use crate::admin::Admin;
use crate::error::{Effect, ErrorKind};

#[tokio::test]
async fn an_address_needs_no_scheme() {
    let connection = Connection::builder("127.0.0.1:7420").connect_lazy().unwrap();
    assert_eq!(connection.address(), "127.0.0.1:7420");
}

#[tokio::test]
async fn a_malformed_address_or_token_is_refused_here() {
    let error = Connection::builder("http://a b").connect_lazy().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let error = Connection::builder("a:1").token("line\nbreak").connect_lazy().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn nobody_there_is_a_connection_error_without_effect() {
    let error = Connection::builder("http://127.0.0.1:1").connect().await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Connection, Effect::None));
    assert!(error.message().starts_with("cannot reach http://127.0.0.1:1: "), "{error}");

    let limit = Duration::from_millis(200);
    let lazy = Connection::builder("http://127.0.0.1:1").call_limit(limit).connect_lazy().unwrap();
    let error = Admin::new(lazy).server_info().await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Connection, Effect::None));
}

#[tokio::test]
async fn a_debug_text_has_no_token() {
    let builder = Connection::builder("a:1").token("secret");
    assert!(!format!("{builder:?}").contains("secret"));
    assert!(!format!("{:?}", builder.connect_lazy().unwrap()).contains("secret"));
}
