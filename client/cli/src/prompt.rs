//! Asking a person at the terminal, and comparing digests.

use std::io::{self, BufRead as _, Write as _};

use crate::exit::{Exit, Failure};

/// How many hexadecimal digits a person types and a script must give at least.
pub(crate) const DIGITS: usize = 8;

/// The digits of a digest that people compare.
pub(crate) fn digits(digest: &[u8]) -> String {
    hex::encode(digest).chars().take(DIGITS).collect()
}

/// Checks that the digest somebody names is the one that is stored.
///
/// At least eight digits, every one of them right.
pub(crate) fn check_digest(named: &str, digest: &[u8]) -> Result<(), Failure> {
    let named = named.trim().to_ascii_lowercase();
    let whole = hex::encode(digest);
    if named.len() < DIGITS || !named.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let what = format!("a digest has at least {DIGITS} hexadecimal digits");
        return Err(Failure::usage(what));
    }
    if whole.starts_with(&named) {
        return Ok(());
    }
    let what = format!("the digest is {}…, not {named}", digits(digest));
    Err(Failure::new(Exit::Conflict, what)
        .next("What you saw is not what is asked now. Read it again."))
}

/// Asks for one line on standard error.
pub(crate) async fn ask(question: &str) -> Result<String, Failure> {
    let question = question.to_owned();
    let asked = tokio::task::spawn_blocking(move || {
        let mut err = io::stderr().lock();
        write!(err, "{question}")?;
        err.flush()?;
        drop(err);
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line)?;
        Ok::<_, io::Error>((read > 0).then(|| line.trim().to_owned()))
    });
    match asked.await {
        Ok(Ok(Some(line))) => Ok(line),
        Ok(Ok(None)) => Err(not_done()),
        Ok(Err(cause)) => Err(Failure::new(Exit::Failure, format!("cannot ask: {cause}"))),
        Err(cause) => Err(Failure::new(Exit::Failure, format!("cannot ask: {cause}"))),
    }
}

/// Asks to type the digits of a digest; anything else means no.
pub(crate) async fn confirm(what: &str, digest: &[u8]) -> Result<(), Failure> {
    let digits = digits(digest);
    let typed = ask(&format!("{what}? Type {digits}: ")).await?;
    if typed.eq_ignore_ascii_case(&digits) { Ok(()) } else { Err(not_done()) }
}

fn not_done() -> Failure {
    Failure::new(Exit::Failure, "not confirmed, nothing was sent")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: [u8; 32] = [0x9c; 32];

    #[test]
    fn a_beginning_of_eight_digits_is_enough_and_the_whole_is_right() {
        assert_eq!(check_digest("9c9c9c9c", &DIGEST), Ok(()));
        assert_eq!(check_digest(" 9C9C9C9C9C ", &DIGEST), Ok(()));
        assert_eq!(check_digest(&hex::encode(DIGEST), &DIGEST), Ok(()));
    }

    #[test]
    fn fewer_or_other_digits_are_refused() {
        for named in ["", "9c9c9c9", "9c9c9c9g", "xyz"] {
            assert_eq!(check_digest(named, &DIGEST).unwrap_err().exit, Exit::Usage, "{named}");
        }
        let longer = format!("{}00", hex::encode(DIGEST));
        for named in ["9c9c9c9d", "00000000", longer.as_str()] {
            assert_eq!(check_digest(named, &DIGEST).unwrap_err().exit, Exit::Conflict, "{named}");
        }
    }

    #[test]
    fn an_empty_digest_confirms_nothing() {
        assert!(check_digest("", &[]).is_err());
        assert!(check_digest("00000000", &[]).is_err());
    }
}
