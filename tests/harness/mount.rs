//! A disk of a few megabytes, to fill up or to make read-only.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A mounted tmpfs; unmounted on drop. Declared before the folder it is mounted in is made, it is dropped
/// after everything in it.
pub(crate) struct SmallDisk {
    place: PathBuf,
}

impl SmallDisk {
    /// Mounts a disk of this size at `place`, which must be a folder. `None`, with a line that says so, where
    /// this user may not mount.
    pub(crate) fn mount(place: &Path, megabytes: u32) -> Option<Self> {
        let size = format!("size={megabytes}m");
        if mount(&["-t", "tmpfs", "-o", &size, "tmpfs"], place) {
            return Some(Self { place: place.to_owned() });
        }
        println!("SKIPPED: this user may not mount a tmpfs, so a small disk cannot be tried");
        None
    }

    /// Changes its options, like `size=64m` or `ro`.
    pub(crate) fn remount(&self, options: &str) {
        assert!(mount(&["-o", &format!("remount,{options}")], &self.place), "cannot remount with {options}");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(&self.place).status());
    }
}

fn mount(arguments: &[&str], place: &Path) -> bool {
    let mut command = Command::new("mount");
    command.args(arguments).arg(place).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
