//! `file:/path`: secrets in files that not everybody can get at.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use super::{LONGEST_SECRET, RefreshTokenKeeper, Resolver, Secret, Unresolved};

/// The rights of everybody who is neither the owner nor of the group.
const RIGHTS_OF_OTHERS: u32 = 0o007;
/// The rights of a file that is written here.
const OWNER_ONLY: u32 = 0o600;

/// Resolves to files below a folder, and to nothing that a link leads to outside of
/// it. A file is read anew each time; the newline at its end is left out.
#[derive(Clone, Debug)]
pub struct Files {
    folder: PathBuf,
}

/// Keeps one client's refresh token in a file, which is replaced at once or not at all.
#[derive(Clone, Debug)]
pub struct KeptInFile {
    path: PathBuf,
}

// === impl Files ===

impl Files {
    /// Allows the files below this folder.
    pub fn below(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    fn read(&self, path: &Path) -> Result<Secret, Unresolved> {
        let real = path.canonicalize().map_err(|cause| unreadable(path, &cause))?;
        let folder =
            self.folder.canonicalize().map_err(|cause| unreadable(&self.folder, &cause))?;
        if !real.starts_with(&folder) {
            let rule = format!("the file is not below `{}`", self.folder.display());
            return Err(Unresolved::NotAllowed { rule });
        }
        // Looked at before it is opened, too: opening a pipe waits for its writer.
        let metadata = real.metadata().map_err(|cause| unreadable(path, &cause))?;
        refuse_exposed(path, &metadata)?;
        let file = File::open(&real).map_err(|cause| unreadable(path, &cause))?;
        let metadata = file.metadata().map_err(|cause| unreadable(path, &cause))?;
        refuse_exposed(path, &metadata)?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST_SECRET + 3));
        file.take(LONGEST_SECRET as u64 + 3)
            .read_to_end(&mut bytes)
            .map_err(|cause| unreadable(path, &cause))?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| Unresolved::NoSecret { problem: "it is no text" })?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        Secret::new(text.strip_suffix('\r').unwrap_or(text))
    }
}

#[async_trait]
impl Resolver for Files {
    async fn resolve(&self, name: &str) -> Result<Secret, Unresolved> {
        let (files, path) = (self.clone(), PathBuf::from(name));
        if !path.is_absolute() {
            let rule = "a file is named by its whole path".to_owned();
            return Err(Unresolved::NotAllowed { rule });
        }
        spawn_blocking(move || files.read(&path)).await.unwrap_or_else(|_| Err(interrupted()))
    }
}

// === impl KeptInFile ===

impl KeptInFile {
    /// Keeps the token in this file: the one that the program reads it from, and that
    /// no other client has.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn replace(&self, text: &str) -> io::Result<()> {
        let mut beside = self.path.clone().into_os_string();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        match std::fs::remove_file(&beside) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
            Ok(()) | Err(_) => {}
        }
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, &self.path)?;
        let folder = self.path.parent().filter(|it| !it.as_os_str().is_empty());
        File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
    }
}

#[async_trait]
impl RefreshTokenKeeper for KeptInFile {
    async fn keep(&self, _name: &str, token: &Secret) -> Result<(), Unresolved> {
        let (kept, token) = (self.clone(), token.clone());
        let done = spawn_blocking(move || kept.replace(token.expose())).await;
        let done = done.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::Interrupted)));
        done.map_err(|cause| Unresolved::Other {
            problem: format!("`{}` cannot be written: {cause}", self.path.display()),
            is_retryable: true,
        })
    }
}

fn refuse_exposed(path: &Path, metadata: &Metadata) -> Result<(), Unresolved> {
    if !metadata.is_file() {
        return Err(Unresolved::NoSecret { problem: "it is not a file" });
    }
    if metadata.mode() & RIGHTS_OF_OTHERS != 0 {
        return Err(Unresolved::Exposed { path: path.to_owned() });
    }
    Ok(())
}

fn unreadable(path: &Path, cause: &io::Error) -> Unresolved {
    let what = format!("`{}`", path.display());
    match cause.kind() {
        io::ErrorKind::NotFound => Unresolved::Missing { what },
        _ => Unresolved::Unreadable { what, problem: cause.to_string() },
    }
}

fn interrupted() -> Unresolved {
    Unresolved::Unavailable { what: "the file", problem: "reading was broken off".to_owned() }
}
