//! What the command line asks of a home, and how it gets there.
//!
//! A [`Command`] is the same whether the home is being served or not. With the node up it travels as one line
//! of JSON over a socket in the home that only the owner can open; with it down the command opens the home
//! itself. Either way [`execute`] answers with lines of JSON, which the caller shows or passes on.
//!
//! ```text
//! client → one line: Command
//! server → any number of lines {"line": …}, then {"end": null} or {"error": "…"}
//! ```
//! The client closing its end stops the command at the next line.

pub mod albums;
mod execute;
pub mod peers;
mod socket;
pub mod vault;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

pub use albums::AlbumCommand;
pub use execute::execute;
pub use peers::PeerCommand;
pub use socket::{ask, bind, connect as knock, serve};
pub use vault::VaultCommand;

use crate::home::Home;
use crate::home::layout::Layout;
use crate::home::lock::InUse;
use crate::home::reconcile;
use crate::workers::Workers;

/// What can be asked of a home.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command {
    /// One line: the node in numbers.
    Status,
    /// A line per file, then a summary.
    Import {
        /// The owner's email; the first account when absent.
        account: Option<String>,
        /// Absolute paths, as the system's bytes.
        paths: Vec<Vec<u8>>,
        /// Whether to wait until every thumbnail is made.
        wait: bool,
    },
    /// One line: the account.
    AccountAdd {
        /// Must not be in use.
        email: String,
        /// As the page shows it; made from the email when absent.
        name: Option<String>,
        /// In clear; hashed at once.
        password: Zeroizing<String>,
        /// Whether they may manage accounts.
        admin: bool,
    },
    /// A line per account.
    AccountList,
    /// No line; every session of the account ends.
    AccountResetPassword {
        /// Whose.
        email: String,
        /// In clear; hashed at once.
        password: Zeroizing<String>,
    },
    /// One line: the key, shown this once.
    AccountApiKey {
        /// Whom it stands for.
        email: String,
        /// What to call it.
        name: String,
    },
    /// Progress lines, then the findings.
    Doctor {
        /// Whether to read every byte.
        verify: bool,
    },
    /// Progress lines until everything is derived again.
    Rebuild,
    /// One line: the phrase is right.
    PhraseVerify {
        /// What somebody typed.
        phrase: Zeroizing<String>,
    },
    /// A line per original, then a summary.
    Export {
        /// Absolute path of the target folder, as the system's bytes.
        to: Vec<u8>,
    },
    /// About other homes.
    Peer(PeerCommand),
    /// About albums.
    Album(AlbumCommand),
    /// About copies in other homes.
    Vault(VaultCommand),
}

/// Where the lines of an answer go; `false` means that nobody listens any more.
pub type Say<'a> = dyn FnMut(Value) -> bool + 'a;

/// Runs a command against the home at `root`: over the socket when it is being served, alone otherwise.
///
/// # Errors
/// What the command says, or why the home cannot be reached.
pub fn run(root: &Path, command: &Command, say: &mut Say<'_>) -> anyhow::Result<()> {
    let layout = Layout::of(root)?;
    layout.must_exist()?;
    match Home::open(root) {
        Ok(home) => alone(&home, command, say),
        Err(error) if error.is::<InUse>() => match socket::connect(&layout.socket()) {
            Ok(stream) => ask(stream, command, say),
            // Another command has the home to itself, or the node is only just starting.
            Err(_) => Err(error),
        },
        Err(error) => Err(error),
    }
}

fn alone(home: &Arc<Home>, command: &Command, say: &mut Say<'_>) -> anyhow::Result<()> {
    if home.was_unclean {
        reconcile::adopt_orphans(home)?;
    }
    let workers = match command {
        Command::Import { .. } | Command::Rebuild | Command::Album(AlbumCommand::Add { .. }) => {
            Some(Workers::start(home).context("cannot start workers")?)
        }
        _ => None,
    };
    let outcome = execute(home, command, say);
    if matches!(command, Command::Album(AlbumCommand::Add { .. })) && outcome.is_ok() {
        // A photo goes into its album when its pictures are made.
        crate::workers::wait_until_idle(home, &mut |_| true)?;
    }
    drop(workers);
    home.close();
    outcome
}

/// A path as bytes for a [`Command`], absolute.
///
/// # Errors
/// When the current folder is gone.
pub fn path_bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    use std::os::unix::ffi::OsStringExt;
    let absolute = std::path::absolute(path).with_context(|| format!("what path is {}?", path.display()))?;
    Ok(absolute.into_os_string().into_vec())
}

fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A command inside a command is one flat line.
    #[test]
    fn commands_come_back_from_the_socket() {
        let check = |command: &Command, expected: &str| {
            let line = serde_json::to_string(command).unwrap();
            assert_eq!(line, expected);
            let back: Command = serde_json::from_str(&line).unwrap();
            assert_eq!(serde_json::to_string(&back).unwrap(), line);
        };
        check(&Command::Status, r#"{"command":"status"}"#);
        check(&Command::Peer(PeerCommand::List), r#"{"command":"peer","verb":"list"}"#);
        check(
            &Command::Peer(PeerCommand::Block { household: "Nonna".to_owned(), blocked: true }),
            r#"{"command":"peer","verb":"block","household":"Nonna","blocked":true}"#,
        );
        check(
            &Command::Album(AlbumCommand::Create { account: None, title: "Summer".to_owned() }),
            r#"{"command":"album","verb":"create","account":null,"title":"Summer"}"#,
        );
        check(
            &Command::Vault(VaultCommand::Ask { household: "Nonna".to_owned(), bytes: Some(2) }),
            r#"{"command":"vault","verb":"ask","household":"Nonna","bytes":2}"#,
        );
        let bucket = vault::Bucket {
            endpoint: "https://s3.example.org".to_owned(),
            bucket: "family".to_owned(),
            prefix: String::new(),
            region: String::new(),
            access_key: Zeroizing::new("me".to_owned()),
            secret_key: Zeroizing::new("hush".to_owned()),
            bytes_max: None,
        };
        check(
            &Command::Vault(VaultCommand::AddBucket(bucket)),
            r#"{"command":"vault","verb":"add-bucket","endpoint":"https://s3.example.org","bucket":"family","prefix":"","region":"","access_key":"me","secret_key":"hush"}"#,
        );
    }
}
