//! References are resolved where the program allows it, and nowhere else.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;

use super::*;
use crate::clock::ManualClock;
use crate::error::{Effect, Error, ErrorKind};

/// A variable that every process of cargo has.
const VARIABLE: &str = "CARGO_PKG_NAME";

fn write(path: &Path, text: &str, mode: u32) -> String {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    format!("file:{}", path.display())
}

fn reference(name: &str, reference: impl Into<String>) -> v1::CredentialRef {
    v1::CredentialRef { name: name.to_owned(), reference: reference.into() }
}

/// Secrets that live for a while from when they are asked for.
#[derive(Debug)]
struct Living {
    clock: Arc<ManualClock>,
    life: Duration,
    /// Moves the clock with each secret.
    takes: Duration,
    count: Arc<AtomicU64>,
}

#[async_trait]
impl Resolver for Living {
    async fn resolve(&self, _name: &str) -> Result<Secret, Unresolved> {
        let since = self.clock.now();
        self.clock.advance(self.takes);
        let number = self.count.fetch_add(1, Ordering::SeqCst);
        Ok(Secret::new(format!("secret {number}"))?.living(since, self.life))
    }
}

#[tokio::test]
async fn a_variable_is_read_if_the_program_names_it() {
    let resolvers = Resolvers::new().with("env", Environment::allowing([VARIABLE, "NOT_SET_9A1"]));
    let secret = resolvers.resolve_one(&format!("env:{VARIABLE}")).await.unwrap();
    assert_eq!(secret.expose(), "pointsman-client");
    assert_eq!(secret.expire_time(), None);
    let missing = resolvers.resolve_one("env:NOT_SET_9A1").await.unwrap_err();
    assert_eq!(missing, Unresolved::Missing { what: "the variable `NOT_SET_9A1`".to_owned() });
    let other = resolvers.resolve_one("env:PATH").await.unwrap_err();
    assert!(matches!(other, Unresolved::NotAllowed { .. }), "{other}");
}

#[tokio::test]
async fn a_file_is_read_anew_without_its_newline() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("crm");
    let resolvers = Resolvers::new().with("file", Files::below(folder.path()));
    for (text, secret) in [("one\n", "one"), ("two\r\n", "two"), ("a\nb\n", "a\nb"), ("x ", "x ")] {
        let reference = write(&path, text, 0o640);
        assert_eq!(resolvers.resolve_one(&reference).await.unwrap().expose(), secret);
    }
    let longest = write(&path, &format!("{}\r\n", "x".repeat(LONGEST_SECRET)), 0o600);
    let secret = resolvers.resolve_one(&longest).await.unwrap();
    assert_eq!(secret.expose().len(), LONGEST_SECRET);
}

#[tokio::test]
async fn a_file_that_is_no_secret_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("crm");
    let resolvers = Resolvers::new().with("file", Files::below(folder.path()));
    let refused = async |reference: &str| resolvers.resolve_one(reference).await.unwrap_err();
    for mode in [0o604, 0o602, 0o644] {
        let exposed = refused(&write(&path, "secret", mode)).await;
        assert_eq!(exposed, Unresolved::Exposed { path: path.clone() });
    }
    fs::remove_file(&path).unwrap();
    for (text, problem) in [("", "it is empty"), ("\n", "it is empty")] {
        assert_eq!(refused(&write(&path, text, 0o600)).await, Unresolved::NoSecret { problem });
    }
    let long = write(&path, &"x".repeat(LONGEST_SECRET + 1), 0o600);
    let problem = "it is longer than 64 KiB";
    assert_eq!(refused(&long).await, Unresolved::NoSecret { problem });
    fs::write(&path, [0xff, 0xfe]).unwrap();
    assert_eq!(refused(&long).await, Unresolved::NoSecret { problem: "it is no text" });
    let itself = format!("file:{}", folder.path().display());
    assert_eq!(refused(&itself).await, Unresolved::NoSecret { problem: "it is not a file" });
    let gone = format!("{itself}/gone");
    assert!(matches!(refused(&gone).await, Unresolved::Missing { .. }));
}

#[tokio::test]
async fn no_file_outside_of_the_folder_is_read() {
    let (folder, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let outside = write(&elsewhere.path().join("key"), "secret", 0o600);
    symlink(elsewhere.path().join("key"), folder.path().join("link")).unwrap();
    write(&folder.path().join("key"), "inside", 0o600);
    symlink(folder.path().join("key"), folder.path().join("inside")).unwrap();
    let resolvers = Resolvers::new().with("file", Files::below(folder.path()));
    let below = format!("file:{}", folder.path().display());
    let name = elsewhere.path().file_name().unwrap().to_str().unwrap();
    for reference in [outside, format!("{below}/link"), format!("{below}/../{name}/key")] {
        let refused = resolvers.resolve_one(&reference).await.unwrap_err();
        assert!(matches!(refused, Unresolved::NotAllowed { .. }), "{reference}: {refused}");
    }
    let relative = resolvers.resolve_one("file:key").await.unwrap_err();
    assert!(matches!(relative, Unresolved::NotAllowed { .. }));
    let secret = resolvers.resolve_one(&format!("{below}/inside")).await.unwrap();
    assert_eq!(secret.expose(), "inside");
}

#[tokio::test]
async fn what_has_no_resolver_is_refused() {
    let resolvers = Resolvers::new();
    let none = resolvers.resolve_one("vault:claims/api").await.unwrap_err();
    assert_eq!(none, Unresolved::NoResolver { scheme: "vault".to_owned() });
    for odd in ["", "crm", ":crm", "env:"] {
        assert_eq!(resolvers.resolve_one(odd).await.unwrap_err(), Unresolved::Malformed);
    }
}

#[tokio::test]
async fn all_are_resolved_or_none_and_the_first_that_is_not_is_named() {
    let resolvers = Resolvers::new().with("env", Environment::allowing([VARIABLE]));
    let good = reference("name", format!("env:{VARIABLE}"));
    let both = [good.clone(), reference("crm", "env:CRM_TOKEN")];
    let failed = resolvers.resolve(&both).await.unwrap_err();
    assert_eq!((&*failed.name, &*failed.reference), ("crm", "env:CRM_TOKEN"));

    let all = resolvers.resolve(std::slice::from_ref(&good)).await.unwrap();
    assert_eq!(all.get("name").unwrap().expose(), "pointsman-client");
    assert_eq!((all.names().collect::<Vec<_>>(), all.get("crm").is_none()), (vec!["name"], true));
    assert_eq!(resolvers.resolve(&[]).await.unwrap().names().count(), 0);

    let twice = [good.clone(), good.clone()];
    assert_eq!(resolvers.resolve(&twice).await.unwrap_err().cause, Unresolved::SameName);
    let named = |at| reference(&format!("n{at}"), format!("env:{VARIABLE}"));
    let most: Vec<_> = (0..MOST_CREDENTIALS).map(named).collect();
    assert_eq!(resolvers.resolve(&most).await.unwrap().names().count(), MOST_CREDENTIALS);
    let more: Vec<_> = (0..=MOST_CREDENTIALS).map(named).collect();
    assert_eq!(resolvers.resolve(&more).await.unwrap_err().cause, Unresolved::TooMany);
}

#[tokio::test]
async fn a_resolver_that_never_answers_is_given_up() {
    #[derive(Debug)]
    struct Never;
    #[async_trait]
    impl Resolver for Never {
        async fn resolve(&self, _name: &str) -> Result<Secret, Unresolved> {
            std::future::pending().await
        }
    }
    let limit = Duration::from_millis(10);
    let resolvers = Resolvers::new().with("never", Never).limit(limit);
    let failed = resolvers.resolve(&[reference("crm", "never:crm")]).await.unwrap_err();
    assert_eq!(failed.cause, Unresolved::TooSlow { limit });
    assert!(failed.cause.is_retryable());
}

fn living(life: Duration, takes: Duration) -> (Resolvers, Arc<ManualClock>, Arc<AtomicU64>) {
    let clock = Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH));
    let count = Arc::new(AtomicU64::new(0));
    let living = Living { clock: Arc::clone(&clock), life, takes, count: Arc::clone(&count) };
    let resolvers = Resolvers::new().with("living", living);
    let resolvers = resolvers.clock(Arc::clone(&clock) as Arc<dyn Clock>);
    (resolvers, clock, count)
}

#[tokio::test]
async fn what_lapses_before_it_is_used_is_resolved_again_a_few_times() {
    let hour = Duration::from_secs(3600);
    let (resolvers, _, count) = living(hour, Duration::ZERO);
    resolvers.resolve(&[reference("crm", "living:crm")]).await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 1);

    let (resolvers, _, count) = living(hour, hour);
    let failed = resolvers.resolve(&[reference("crm", "living:crm")]).await.unwrap_err();
    assert_eq!((failed.cause, &*failed.name), (Unresolved::Lapsed, "crm"));
    assert_eq!(count.load(Ordering::SeqCst), MOST_ROUNDS as u64);
}

#[test]
fn a_secret_counts_as_lapsed_shortly_before_it_does() {
    let start = SystemTime::UNIX_EPOCH;
    let after = |seconds| start + Duration::from_secs(seconds);
    let living = |seconds| Secret::new("x").unwrap().living(start, Duration::from_secs(seconds));
    let hour = living(3600);
    assert_eq!(hour.expire_time(), Some(after(3600)));
    assert!(hour.is_fresh(after(3539)) && !hour.is_fresh(after(3540)));
    let brief = living(10);
    assert!(brief.is_fresh(after(4)) && !brief.is_fresh(after(5)));
    assert!(!living(0).is_fresh(start));
    assert_eq!(living(u64::MAX).expire_time(), Some(after(24 * 3600)), "at most a day");
}

#[test]
fn no_secret_is_printed() {
    let secret = Secret::new("hunter2").unwrap();
    let credentials = Credentials(vec![("crm".to_owned(), secret.clone())]);
    let printed = format!("{secret:?} {credentials:?} {credentials:#?}");
    assert!(!printed.contains("hunter2") && printed.contains("crm"), "{printed}");
}

#[test]
fn the_error_names_the_reference_and_says_that_nothing_is_redeemed() {
    let cause = Unresolved::NoResolver { scheme: "vault".to_owned() };
    let failed = CredentialError::new(&reference("crm", "vault:c\nrm"), cause);
    let error = Error::credential(&failed, false);
    assert_eq!(
        error.to_string(),
        "the credential `crm` is not resolved (`vault:c\\nrm`): this program has no resolver for \
         `vault:…`; the grant is not redeemed, and the tool did not run"
    );
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Credential, Effect::None));
    assert_eq!(error.metadata("credential"), Some("crm"));
    assert_eq!(error.metadata("reference"), Some("vault:c\nrm"));
    assert!(!error.is_retryable(), "somebody must register it first");
    let later = Unresolved::Unavailable { what: "the token endpoint", problem: "down".into() };
    assert!(Error::credential(&CredentialError { cause: later, ..failed }, false).is_retryable());
}
