//! Disks to be cut, filled and thrown away, which needs root; and what is in a folder.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// `EXT4_IOC_SHUTDOWN` with `NOLOGFLUSH`: the file system stops at once, and what
/// its journal has not got is gone. The ioctl goes through Python, because the
/// workspace forbids unsafe code; it says when it is ready and waits for a line.
const SHUTDOWN: &str = "import fcntl, os, struct, sys
disk = os.open(sys.argv[1], os.O_RDONLY)
print('ready', flush=True)
sys.stdin.readline()
fcntl.ioctl(disk, 0x8004587d, struct.pack('I', 2))";

/// Where tests that could not run are noted; `make test` prints it at the end.
const FAILED_TO_RUN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/failed-to-run.txt");
/// Lets `make test` pass where nothing can be mounted, loudly.
const WITHOUT_MOUNTS: &str = "POINTSMAN_WITHOUT_MOUNTS";

/// An ext4 file system in a file, on a loop device.
pub struct Ext4 {
    folder: TempDir,
}

/// A power cut that is about to come.
pub struct Cut(Child);

/// A small file system in memory.
pub struct Tmpfs {
    folder: TempDir,
}

/// Takes the disk, or says loudly why the test cannot run: it fails then, unless
/// `POINTSMAN_WITHOUT_MOUNTS` is set.
pub fn or_failed_to_run<T>(test: &str, disk: Result<T, String>) -> Option<T> {
    match disk {
        Ok(disk) => Some(disk),
        Err(reason) => {
            let line = format!("FAILED TO RUN: {test}: {reason}\n");
            eprint!("{line}");
            let before = std::fs::read_to_string(FAILED_TO_RUN).unwrap_or_default();
            std::fs::write(FAILED_TO_RUN, before + &line).unwrap();
            let may_pass = std::env::var_os(WITHOUT_MOUNTS).is_some();
            assert!(may_pass, "{line}set {WITHOUT_MOUNTS}=1 to go on without");
            None
        }
    }
}

// === impl Ext4 ===

impl Ext4 {
    /// Makes and mounts a file system of `mib` MiB.
    pub fn new(mib: u64) -> Result<Self, String> {
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        let disk = Self { folder };
        std::fs::create_dir(disk.path()).map_err(|error| error.to_string())?;
        let image = File::create(disk.image()).map_err(|error| error.to_string())?;
        image.set_len(mib << 20).map_err(|error| error.to_string())?;
        run(Command::new("mkfs.ext4").arg("-q").arg("-F").arg(disk.image()))?;
        disk.mount()?;
        Ok(disk)
    }

    /// The folder where it is mounted.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// Gets a cut ready, so that it comes at once when it is made.
    pub fn prepare_cut(&self) -> Cut {
        let mut command = Command::new("python3");
        command.arg("-c").arg(SHUTDOWN).arg(self.path());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        Cut(process)
    }

    /// Mounts what is left after a cut. Nothing may have files open.
    pub fn replug(&self) {
        run(Command::new("umount").arg(self.path())).unwrap();
        self.mount().unwrap();
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn mount(&self) -> Result<(), String> {
        run(Command::new("mount").args(["-o", "loop"]).arg(self.image()).arg(self.path()))
    }
}

impl Drop for Ext4 {
    fn drop(&mut self) {
        let _may_not_be_mounted = run(Command::new("umount").arg("-l").arg(self.path()));
    }
}

// === impl Cut ===

impl Cut {
    /// Cuts the power: nothing more reaches the disk, and what was not synced is
    /// lost with [`Ext4::replug`].
    pub fn make(mut self) {
        self.0.stdin.take().unwrap().write_all(b"\n").unwrap();
        assert!(self.0.wait().unwrap().success(), "the file system was not shut down");
    }
}

// === impl Tmpfs ===

impl Tmpfs {
    /// Mounts a file system of `mib` MiB in memory.
    pub fn new(mib: u64) -> Result<Self, String> {
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        let size = format!("size={mib}m");
        run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()))?;
        Ok(Self { folder })
    }

    /// The folder where it is mounted.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// How many bytes are free.
    pub fn free(&self) -> u64 {
        let disk = rustix::fs::statvfs(self.path()).unwrap();
        disk.f_bavail * disk.f_frsize
    }

    /// Lets another program take all but so many bytes.
    pub fn fill(&self, leave: u64) {
        let mut filler = File::options().create(true).append(true).open(self.filler()).unwrap();
        while let Some(excess) = self.free().checked_sub(leave + 1) {
            let step = excess.clamp(1, 64 * 1024) as usize;
            if filler.write_all(&vec![7; step]).is_err() {
                return;
            }
        }
    }

    /// Gives back what the other program took.
    pub fn drain(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _may_be_busy = run(Command::new("umount").arg("-l").arg(self.path()));
    }
}

/// Every file of a folder and of those in it, with its bytes.
pub fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.insert(path.clone(), std::fs::read(path).unwrap());
        }
    }
    found
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
