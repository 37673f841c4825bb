//! The contexts file: servers by name, and the token for each.
//!
//! It holds secrets: its folder and the file itself are for its owner alone, and a file
//! that others may read is refused. It is replaced as a whole, so that a reader never
//! sees half of one.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::exit::{Exit, Failure};

/// The largest contexts file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// The longest name of a context, in bytes.
const MAX_NAME_BYTES: usize = 64;
const FOLDER: &str = "pointsman";
const FILE: &str = "contexts.yaml";
const LOCK: &str = "contexts.lock";
const CONFIG_VARIABLE: &str = "XDG_CONFIG_HOME";

/// Every context, and which one is meant where none is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Contexts {
    /// The one that is meant where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    /// The contexts by name.
    #[serde(default)]
    pub(crate) contexts: BTreeMap<String, Login>,
}

/// A server, and what is shown to it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Login {
    /// Where the server is.
    pub(crate) address: String,
    /// The bearer token; none: a certificate says who calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
    /// The certificate authority to trust, and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// The certificate chain to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_cert: Option<PathBuf>,
    /// The certificate's private key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_key: Option<PathBuf>,
    /// Whether it is production: screens begin read-only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) prod: bool,
}

/// Where the contexts file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    folder: PathBuf,
}

// === impl Login ===

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A secret must not reach a screen by way of a debug print.
        f.debug_struct("Login").field("address", &self.address).finish_non_exhaustive()
    }
}

// === impl Contexts ===

impl Contexts {
    /// The context of a name.
    pub(crate) fn get(&self, name: &str) -> Result<&Login, Failure> {
        self.contexts.get(name).ok_or_else(|| {
            Failure::new(Exit::NotFound, format!("there is no context `{name}`"))
                .next("See: pointsman auth contexts. Make it: pointsman auth login NAME")
        })
    }

    /// The one that is meant where none is named.
    pub(crate) fn current(&self) -> Option<(&str, &Login)> {
        let name = self.current.as_deref()?;
        self.contexts.get(name).map(|login| (name, login))
    }
}

// === impl Place ===

impl Place {
    /// In the user's configuration folder; none: nobody says where that is.
    pub(crate) fn of_user() -> Option<Self> {
        let variable = |name| std::env::var_os(name).map(PathBuf::from);
        let configured = variable(CONFIG_VARIABLE).filter(|folder| folder.is_absolute());
        let home = || variable("HOME").filter(|home| home.is_absolute());
        let root = configured.or_else(|| home().map(|home| home.join(".config")))?;
        Some(Self::at(&root))
    }

    /// In a configuration folder.
    pub(crate) fn at(root: &Path) -> Self {
        Self { folder: root.join(FOLDER) }
    }

    /// The file.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// Reads the contexts; none: nobody has logged in yet.
    pub(crate) fn read(&self) -> Result<Contexts, Failure> {
        let path = self.file();
        let unreadable = |cause: &dyn fmt::Display| {
            Failure::new(Exit::Failure, format!("cannot read {}: {cause}", path.display()))
        };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Contexts::default());
            }
            Err(cause) => return Err(unreadable(&cause)),
        };
        require_private(&file, &path)?;
        let mut text = String::new();
        let read = file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text);
        let bytes = read.map_err(|cause| unreadable(&cause))?;
        if u64::try_from(bytes).is_ok_and(|bytes| bytes > MAX_FILE_BYTES) {
            return Err(unreadable(&"it is larger than any contexts file"));
        }
        serde_norway::from_str(&text).map_err(|cause| unreadable(&cause))
    }

    /// Changes the contexts, one command at a time, and keeps them durably.
    pub(crate) fn change(
        &self,
        change: impl FnOnce(&mut Contexts) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let unwritable = |cause: &dyn fmt::Display| {
            let path = self.file();
            Failure::new(Exit::Failure, format!("cannot write {}: {cause}", path.display()))
        };
        make_private_folder(&self.folder).map_err(|cause| unwritable(&cause))?;
        let lock = File::create(self.folder.join(LOCK)).map_err(|cause| unwritable(&cause))?;
        lock.lock().map_err(|cause| unwritable(&cause))?;
        let mut contexts = self.read()?;
        change(&mut contexts)?;
        let text = serde_norway::to_string(&contexts).map_err(|cause| unwritable(&cause))?;
        let write = || {
            // Made with the mode 0600.
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(self.file())?;
            Ok::<_, std::io::Error>(())
        };
        write().map_err(|cause| unwritable(&cause))
    }
}

/// Refuses a file that others on this machine may read.
#[cfg(unix)]
fn require_private(file: &File, path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = file.metadata().map_err(|cause| {
        Failure::new(Exit::Failure, format!("cannot read {}: {cause}", path.display()))
    })?;
    if metadata.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    let what = format!("others on this machine may read {}, which holds tokens", path.display());
    let next = "Close it: chmod 600. Then make the tokens anew, for they may be known.";
    Err(Failure::new(Exit::Failure, what).next(next))
}

#[cfg(not(unix))]
fn require_private(_: &File, _: &Path) -> Result<(), Failure> {
    Ok(())
}

#[cfg(unix)]
fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)
}

/// Reads a name of a context of the command line.
pub(crate) fn parse_name(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if text.is_empty() || text.len() > MAX_NAME_BYTES || !text.bytes().all(is_plain) {
        return Err(format!("want at most {MAX_NAME_BYTES} letters, digits and `_.-`"));
    }
    Ok(text.to_owned())
}

/// A name for the server at an address: its host.
pub(crate) fn name_of(address: &str) -> String {
    let behind_scheme = address.split_once("://").map_or(address, |(_, behind)| behind);
    let authority = behind_scheme.split(['/', '?', '#']).next().unwrap_or_default();
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    let name: String = authority.chars().map(|it| if it == '.' { it } else { plain(it) }).collect();
    name.trim_matches('-').chars().take(MAX_NAME_BYTES).collect()
}

#[cfg(test)]
mod tests;
