//! The command line: one verb, one file. Help texts are the doc comments of the arguments.
//!
//! Every command has `--home` and `--json`; it ends with status 0 or with an error that says what failed,
//! why, and what to do.

mod account;
mod album;
mod care;
mod import;
mod init;
mod keys;
mod openapi;
mod output;
mod peer;
mod phrase;
mod restore;
mod serve;
mod status;
mod vault;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::home::layout;

/// A photo network that belongs to the families who use it. This program keeps one household's photos.
#[derive(Debug, Parser)]
#[command(name = "heirloom", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

/// What every command takes.
#[derive(Debug, clap::Args)]
struct Common {
    /// The folder of the home; the platform's data folder when absent.
    #[arg(long, value_name = "DIR", env = "HEIRLOOM_HOME")]
    home: Option<PathBuf>,
    /// Answer in JSON, a line per thing, for scripts.
    #[arg(long)]
    json: bool,
}

impl Common {
    fn home(&self) -> PathBuf {
        self.home.clone().unwrap_or_else(layout::default_root)
    }
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a home for a household; shows the recovery phrase, once.
    Init(init::Arguments),
    /// Serve the home: the page, the phones, the background work.
    Serve(serve::Arguments),
    /// Copy photos into the library, with the node up or down.
    Import(import::Arguments),
    /// The people who sign in here.
    Account(account::Arguments),
    /// Other homes: invite, accept, list, remove, block.
    Peer(peer::Arguments),
    /// Albums, and with whom they are shared.
    Album(album::Arguments),
    /// Restore a household on a new machine, from its recovery phrase and a home or disk that keeps its copies.
    Restore(restore::Arguments),
    /// The recovery phrase: check that a sheet is right.
    Phrase(phrase::Arguments),
    /// This computer's keys: make new ones, lock them.
    Keys(keys::Arguments),
    /// Copies in other homes, and of other homes: ask, keep, check, repair.
    Vault(vault::Arguments),
    /// The node in numbers.
    Status(status::Arguments),
    /// Check that every photo is there and whole.
    Doctor(care::DoctorArguments),
    /// Throw the index and the thumbnails away and derive them again.
    Rebuild(care::RebuildArguments),
    /// Copy every original, with an XMP sidecar, to a folder that needs no Heirloom to be read.
    Export(care::ExportArguments),
    /// Print the description of the HTTP API.
    #[command(hide = true)]
    Openapi,
}

/// Parses the command line, runs the verb, and turns its outcome into an exit status.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    start_log(matches!(arguments.verb, Verb::Serve(_)));
    let json = arguments.verb.wants_json();
    match arguments.verb.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::failure(&error, json);
            ExitCode::FAILURE
        }
    }
}

impl Verb {
    fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Init(arguments) => init::run(&arguments),
            Self::Serve(arguments) => serve::run(&arguments),
            Self::Import(arguments) => import::run(&arguments),
            Self::Account(arguments) => account::run(&arguments),
            Self::Peer(arguments) => peer::run(&arguments),
            Self::Album(arguments) => album::run(&arguments),
            Self::Restore(arguments) => restore::run(&arguments),
            Self::Phrase(arguments) => phrase::run(&arguments),
            Self::Keys(arguments) => keys::run(&arguments),
            Self::Vault(arguments) => vault::run(&arguments),
            Self::Status(arguments) => status::run(&arguments),
            Self::Doctor(arguments) => care::doctor(&arguments),
            Self::Rebuild(arguments) => care::rebuild(&arguments),
            Self::Export(arguments) => care::export(&arguments),
            Self::Openapi => openapi::run(),
        }
    }

    fn wants_json(&self) -> bool {
        match self {
            Self::Init(arguments) => arguments.common.json,
            Self::Serve(arguments) => arguments.common.json,
            Self::Import(arguments) => arguments.common.json,
            Self::Account(arguments) => arguments.wants_json(),
            Self::Peer(arguments) => arguments.wants_json(),
            Self::Album(arguments) => arguments.wants_json(),
            Self::Restore(arguments) => arguments.common.json,
            Self::Phrase(arguments) => arguments.wants_json(),
            Self::Keys(arguments) => arguments.wants_json(),
            Self::Vault(arguments) => arguments.wants_json(),
            Self::Status(arguments) => arguments.common.json,
            Self::Doctor(arguments) => arguments.common.json,
            Self::Rebuild(arguments) => arguments.common.json,
            Self::Export(arguments) => arguments.common.json,
            Self::Openapi => false,
        }
    }
}

/// The log goes to standard error; `RUST_LOG` chooses how much of it. A command that answers and ends says
/// what matters in its answer, so its log is silent but for errors.
fn start_log(serving: bool) {
    let usual = if serving { "warn,heirloom=info,nom_exif=error" } else { "error" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi).init();
}
