//! `heirloom phrase`.

use std::path::PathBuf;

use clap::Subcommand;

use super::{Common, output};
use crate::control::{self, Command};

/// Arguments of `heirloom phrase`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Check that a sheet has this household's 24 words. In a home that is older than the vault this also lets the vault
    /// begin.
    Verify(VerifyArguments),
}

#[derive(Debug, clap::Args)]
struct VerifyArguments {
    #[command(flatten)]
    common: Common,
    /// A file with the 24 words, or - for standard input.
    #[arg(long, value_name = "FILE")]
    phrase_file: PathBuf,
}

impl Arguments {
    pub(super) fn wants_json(&self) -> bool {
        let Verb::Verify(arguments) = &self.verb;
        arguments.common.json
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let Verb::Verify(arguments) = &arguments.verb;
    let phrase = output::read_phrase(&arguments.phrase_file)?;
    let command = Command::PhraseVerify { phrase };
    control::run(&arguments.common.home(), &command, &mut |line| {
        if arguments.common.json {
            return output::json_line(&line);
        }
        output::line("The words are right: this sheet restores your home.");
        if line.get("vault_enabled").and_then(serde_json::Value::as_bool) == Some(true) {
            output::line("The vault is on now: other homes can keep encrypted copies for you.");
        }
        true
    })
}
