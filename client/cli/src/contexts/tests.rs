//! Contexts on the disk.

use super::*;

fn login(address: &str) -> Login {
    Login { address: address.to_owned(), token: Some("pmt_secret".into()), ..Login::default() }
}

#[test]
fn what_was_kept_is_read_back_and_what_was_not_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::at(folder.path());
    assert_eq!(place.read(), Ok(Contexts::default()));
    place
        .change(|contexts| {
            contexts.contexts.insert("prod".into(), login("https://a"));
            contexts.current = Some("prod".into());
            Ok(())
        })
        .unwrap();
    let refused = place.change(|contexts| {
        contexts.contexts.clear();
        Err(Failure::usage("no"))
    });
    assert!(refused.is_err());
    let contexts = place.read().unwrap();
    assert_eq!(contexts.current(), Some(("prod", &login("https://a"))));
    assert_eq!(contexts.get("test").unwrap_err().exit, Exit::NotFound);
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let place = Place::at(folder.path());
    place.change(|_| Ok(())).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&place.file()), 0o600);
    assert_eq!(mode(&folder.path().join(FOLDER)), 0o700);
    fs::set_permissions(place.file(), fs::Permissions::from_mode(0o640)).unwrap();
    let refused = place.read().unwrap_err().to_string();
    assert!(refused.contains("others on this machine may read"), "{refused}");
}

#[test]
fn what_cannot_be_read_is_said_and_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::at(folder.path());
    place.change(|_| Ok(())).unwrap();
    fs::write(place.file(), "contexts: 7").unwrap();
    assert!(place.read().is_err());
    assert!(place.change(|_| Ok(())).is_err());
    assert_eq!(fs::read_to_string(place.file()).unwrap(), "contexts: 7");
}

#[test]
fn a_debug_print_has_no_token() {
    assert!(!format!("{:?}", login("https://a")).contains("pmt_secret"));
}

#[test]
fn an_address_gives_a_name() {
    assert_eq!(name_of("https://prod.example.org:7420/x"), "prod.example.org-7420");
    assert_eq!(name_of("http://[::1]:7420"), "1--7420");
    assert_eq!(parse_name("prod.eu-1"), Ok("prod.eu-1".to_owned()));
    assert!(parse_name("a/b").is_err());
    assert!(parse_name("").is_err());
}
