//! `heirloom keys`.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;

use super::{Common, output};
use crate::clock;
use crate::restore::keys;

/// Names the passphrase's file instead of the settings.
const PASSPHRASE_VARIABLE: &str = "HEIRLOOM_KEY_PASSPHRASE_FILE";

/// Arguments of `heirloom keys`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Give this computer new keys, above those of every other computer of your household that it knows of. For stolen keys,
    /// and when another computer has taken the place of this one and should not have. Everything else stays. Stop Heirloom
    /// first.
    Renew(RenewArguments),
    /// Lock this computer's keys with a passphrase. Stop Heirloom first.
    Lock(LockArguments),
}

#[derive(Debug, clap::Args)]
struct RenewArguments {
    #[command(flatten)]
    common: Common,
    /// A file with the 24 words of the recovery phrase, or - for standard input.
    #[arg(long, value_name = "FILE")]
    phrase_file: PathBuf,
}

#[derive(Debug, clap::Args)]
struct LockArguments {
    #[command(flatten)]
    common: Common,
    /// A file whose first line is the passphrase. Heirloom reads it at every start, so keep it where it can, and not on the
    /// disk that may be stolen: a stick, say.
    #[arg(long, value_name = "FILE")]
    passphrase_file: PathBuf,
}

impl Arguments {
    pub(super) fn wants_json(&self) -> bool {
        match &self.verb {
            Verb::Renew(arguments) => arguments.common.json,
            Verb::Lock(arguments) => arguments.common.json,
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.verb {
        Verb::Renew(RenewArguments { common, phrase_file }) => {
            let phrase = output::read_phrase(phrase_file)?;
            let generation = keys::renew(&common.home(), &phrase, clock::now_ms())?;
            if common.json {
                output::json_line(&json!({ "generation": generation }));
                return Ok(());
            }
            output::line(
                "This computer has new keys. Start Heirloom: the other homes learn of them by themselves.",
            );
            output::forget_words(phrase_file);
        }
        Verb::Lock(LockArguments { common, passphrase_file }) => {
            check_environment(passphrase_file)?;
            keys::lock(&common.home(), passphrase_file)?;
            if common.json {
                output::json_line(&json!({ "locked": true }));
                return Ok(());
            }
            output::line("The keys are locked. Heirloom reads the passphrase from that file at every start.");
        }
    }
    Ok(())
}

/// The environment wins over the settings at every start, so another file named there would keep the home shut.
fn check_environment(passphrase_file: &Path) -> anyhow::Result<()> {
    let Some(named) = std::env::var_os(PASSPHRASE_VARIABLE).map(PathBuf::from) else { return Ok(()) };
    anyhow::ensure!(
        std::path::absolute(&named)? == std::path::absolute(passphrase_file)?,
        "{PASSPHRASE_VARIABLE} names {}, which Heirloom would read at every start instead of this file; name that file here, \
         or remove the variable, also where Heirloom is started as a service",
        named.display()
    );
    Ok(())
}
