//! New households in scratch folders: one account, loopback only.

use std::path::Path;

use heirloom::home::create::{Founded, Founding, create};
use tempfile::TempDir;

/// The password of everybody.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A folder in memory where the system has one: real fsyncs would only take time.
pub(crate) fn quick_folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Makes a home of this name, whose one account is called as it is.
pub(crate) fn found(root: &Path, name: &str, now_ms: i64) -> Founded {
    let email = format!("{}@example.org", name.to_lowercase().replace([' ', '\''], ""));
    let founded =
        create(root, &Founding { name, email: &email, password: PASSWORD, passphrase: None, now_ms })
            .unwrap();
    let config = "workers = 1\nmdns = false\np2p_listen = \"127.0.0.1:0\"\nleave_free_mb = 16\n";
    std::fs::write(root.join("config.toml"), config).unwrap();
    founded
}
