//! `heirloom vault newer list | bring | leave`.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::Value;

use super::super::{Common, output};
use crate::control::vault::kit::Words;
use crate::control::vault::newer::NewerCommand;

#[derive(Debug, Subcommand)]
pub(super) enum Newer {
    /// The newer states of this home that other homes and disks have.
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Say that a newer state is yours, and bring home what is missing here. Nothing here is changed or deleted by it.
    Bring {
        #[command(flatten)]
        common: Common,
        /// The state's id, or the beginning of that; may be left out when there is one only.
        state: Option<String>,
        /// A file with the 24 words of the recovery phrase, or - for standard input; needed for what another restored
        /// computer wrote.
        #[arg(long, value_name = "FILE")]
        phrase_file: Option<PathBuf>,
    },
    /// Leave a newer state where it is: it is not yours, or not wanted. You may bring it later all the same.
    Leave {
        #[command(flatten)]
        common: Common,
        /// The state's id, or the beginning of that; may be left out when there is one only.
        state: Option<String>,
    },
}

impl Newer {
    pub(super) fn common(&self) -> &Common {
        match self {
            Self::List { common } | Self::Bring { common, .. } | Self::Leave { common, .. } => common,
        }
    }

    pub(super) fn command(&self) -> anyhow::Result<NewerCommand> {
        Ok(match self {
            Self::List { .. } => NewerCommand::List,
            Self::Bring { state, phrase_file, .. } => NewerCommand::Bring {
                which: state.clone(),
                words: phrase_file.as_deref().map(output::read_phrase).transpose()?.map(Words),
            },
            Self::Leave { state, .. } => NewerCommand::Leave { which: state.clone() },
        })
    }
}

/// What a command's answer says to people.
pub(super) fn answer(command: &NewerCommand, line: &Value) -> String {
    match command {
        NewerCommand::List => {
            let states = line["states"].as_array().map(Vec::as_slice).unwrap_or_default();
            let states: Vec<String> = states.iter().map(state).collect();
            if states.is_empty() {
                "No home or disk has a newer state.".to_owned()
            } else {
                states.join("\n")
            }
        }
        NewerCommand::Bring { .. } | NewerCommand::Leave { .. } => state(line),
    }
}

fn state(line: &Value) -> String {
    let text = |name: &str| line[name].as_str().unwrap_or_default();
    let count = |name: &str| line[name].as_u64().unwrap_or_default();
    let so_far = format!("{} of {} photos are here", count("brought"), count("total"));
    let words = if line["needs_phrase"] == true { ", with --phrase-file" } else { "" };
    let what = match text("state") {
        "asks" => format!("say whether it is yours: `heirloom vault newer bring`{words}, or `leave`"),
        "bringing" => so_far,
        "waiting" => {
            format!("{so_far}; {}", line["note"].as_str().unwrap_or("nobody who was reached has the others"))
        }
        "brought" => format!("{} photos were brought", count("brought")),
        _ => "left where it is".to_owned(),
    };
    format!(
        "{}  {} has a state of {}: {what}",
        text("id"),
        text("place"),
        text("made_at").get(..10).unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said() {
        let line = |state: &str, note: Option<&str>| {
            serde_json::json!({
                "id": "ab12", "place": "Ben", "made_at": "2026-05-01T10:00:00.000Z", "why": "before", "state": state,
                "needs_phrase": false, "brought": 3, "total": 5, "missing": 2, "note": note,
            })
        };
        let check = |line: Value, expected: &str| assert_eq!(super::state(&line), expected);
        check(
            line("asks", None),
            "ab12  Ben has a state of 2026-05-01: say whether it is yours: `heirloom vault newer bring`, or `leave`",
        );
        check(
            line("waiting", Some("Ben is off")),
            "ab12  Ben has a state of 2026-05-01: 3 of 5 photos are here; Ben is off",
        );
        check(line("brought", None), "ab12  Ben has a state of 2026-05-01: 3 photos were brought");
    }
}
