//! Commands for another terminal: whoever pastes one calls this very program, for
//! this very server, from whatever folder.

use std::path::{Path, PathBuf};

use pointsman_client::{ADDRESS_VARIABLE, DEFAULT_ADDRESS, TOKEN_VARIABLE};

use crate::context::Capacity;
use crate::dev::dev_token;

/// How this program is called for a dev server.
pub(crate) fn command(address: &str) -> String {
    let called = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    let is_set = |name: &str| std::env::var_os(name).is_some();
    command_of(&called, std::env::current_exe().ok(), address, is_set)
}

/// A program that was found by its name is found again; any other is named in full.
/// What the environment says otherwise is said again, because the other terminal
/// has the same.
fn command_of(
    called: &Path,
    program: Option<PathBuf>,
    address: &str,
    is_set: impl Fn(&str) -> bool,
) -> String {
    let has_folder = called.parent().is_some_and(|folder| !folder.as_os_str().is_empty());
    let name = match program {
        Some(program) if has_folder => program,
        _ => called.to_owned(),
    };
    let mut command = quoted(&name.to_string_lossy());
    if address != DEFAULT_ADDRESS || is_set(ADDRESS_VARIABLE) {
        command += &format!(" --address {}", quoted(address));
    }
    if is_set(TOKEN_VARIABLE) {
        command += &format!(" --token {}", dev_token(Capacity::Reviewer));
    }
    command
}

/// One word of a shell.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-:".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ELSEWHERE: &str = "http://127.0.0.1:7421";

    fn pasted(called: &str, address: &str, set: &[&str]) -> String {
        let program = Some(PathBuf::from("/home/ann's/bin/pointsman"));
        command_of(Path::new(called), program, address, |name| set.contains(&name))
    }

    #[test]
    fn a_program_on_the_path_is_called_by_its_name() {
        assert_eq!(pasted("pointsman", DEFAULT_ADDRESS, &[]), "pointsman");
    }

    #[test]
    fn any_other_is_called_in_full() {
        let expected = r"'/home/ann'\''s/bin/pointsman'";
        assert_eq!(pasted("./pointsman", DEFAULT_ADDRESS, &[]), expected);
        assert_eq!(pasted("target/debug/pointsman", DEFAULT_ADDRESS, &[]), expected);
    }

    #[test]
    fn another_address_is_named() {
        let expected = format!("pointsman --address {ELSEWHERE}");
        assert_eq!(pasted("pointsman", ELSEWHERE, &[]), expected);
    }

    #[test]
    fn an_environment_that_points_elsewhere_is_overruled() {
        let set = [ADDRESS_VARIABLE, TOKEN_VARIABLE];
        let expected = format!("pointsman --address {DEFAULT_ADDRESS} --token dev-reviewer");
        assert_eq!(pasted("pointsman", DEFAULT_ADDRESS, &set), expected);
    }
}
