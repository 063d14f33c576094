//! `heirloom init`.

use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;
use zeroize::Zeroizing;

use super::{Common, output};
use crate::clock;
use crate::home::create::{self, Founding, write_private};
use crate::home::keys;

/// Arguments of `heirloom init`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) common: Common,
    /// The household's name, like "The Smiths".
    #[arg(long)]
    name: String,
    /// The email of the first person; they may manage accounts.
    #[arg(long, value_name = "EMAIL")]
    account: String,
    /// A file with that person's password, or - for standard input.
    #[arg(long, value_name = "FILE")]
    password_file: PathBuf,
    /// Write the recovery phrase to this new file (readable by you only) instead of showing it.
    #[arg(long, value_name = "FILE")]
    phrase_file: Option<PathBuf>,
    /// Lock the node's keys with the passphrase in this file. The node needs it at every start: name the file as
    /// `key_passphrase_file` in config.toml or in HEIRLOOM_KEY_PASSPHRASE_FILE.
    #[arg(long, value_name = "FILE", env = "HEIRLOOM_KEY_PASSPHRASE_FILE")]
    key_passphrase_file: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let root = arguments.common.home();
    let password = output::read_secret(&arguments.password_file)?;
    let passphrase = arguments.key_passphrase_file.as_deref().map(keys::read_passphrase).transpose()?;
    let founding = Founding {
        name: arguments.name.trim(),
        email: &arguments.account,
        password: &password,
        passphrase: passphrase.as_ref().map(|text| text.as_str()),
        now_ms: clock::now_ms(),
    };
    // The place for the phrase is opened before the home is made: a phrase that nobody saw is worth nothing.
    if let Some(path) = &arguments.phrase_file {
        anyhow::ensure!(!path.exists(), "{} exists; name a new file for the phrase", path.display());
    }
    let founded = create::create(&root, &founding)?;
    let phrase = founded.phrase.text();
    if let Some(path) = &arguments.phrase_file {
        let mut line = Zeroizing::new(phrase.to_string());
        line.push('\n');
        let path = std::path::absolute(path)?;
        write_private(&path, line.as_bytes()).with_context(|| {
            format!(
                "the home is made, but its phrase could not be written; delete {} and begin again",
                root.display()
            )
        })?;
    }
    if arguments.common.json {
        let shown = if arguments.phrase_file.is_some() { None } else { Some(phrase.as_str()) };
        output::json_line(&json!({
            "household": founded.household, "node": founded.node, "account": founded.account, "phrase": shown,
        }));
        return Ok(());
    }
    output::line(&format!("The home of {} is at {}.", arguments.name.trim(), root.display()));
    match &arguments.phrase_file {
        Some(path) => output::line(&format!(
            "Its recovery phrase is in {}. Write the 24 words on paper, keep the paper safe, and delete the file.",
            path.display()
        )),
        None => show_phrase(&founded.phrase.words()),
    }
    output::line(&format!("Next: heirloom serve --home {}", root.display()));
    Ok(())
}

fn show_phrase(words: &[&str]) {
    output::line("\nThe recovery phrase, shown this once. Write it on paper and keep the paper safe:");
    output::line("whoever has it can restore your photos, and without it nobody can.\n");
    for (row, four) in words.chunks(4).enumerate() {
        let numbered =
            four.iter().enumerate().map(|(column, word)| format!("{:2} {word:<10}", row * 4 + column + 1));
        output::line(&format!("   {}", numbered.collect::<String>().trim_end()));
    }
    output::line("");
}
