//! `heirloom vault kit create | list | verify | revoke | requests | allow | refuse`.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::Value;

use super::super::{Common, output};
use crate::control::vault::kit::{KitCommand, Words};
use crate::vault::kits::DELAY_DEFAULT;

#[derive(Debug, Subcommand)]
pub(super) enum Kit {
    /// Make a kit: share the power of the recovery phrase among 3 or 5 homes or sheets of paper, of which 2 or 3 open it.
    Create {
        #[command(flatten)]
        common: Common,
        /// What you call it.
        #[arg(long, default_value = "")]
        name: String,
        /// A home that gets a part: its id, the beginning of that, or its name. May be given several times; all must be on.
        #[arg(long = "with", value_name = "PEER")]
        homes: Vec<String>,
        /// How many parts are printed. Paper knows no delay.
        #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=5))]
        papers: u8,
        /// How many days holders wait, and you can say no: 0, 1, 7, 15 or 30.
        #[arg(long, value_name = "DAYS", default_value_t = DELAY_DEFAULT)]
        delay: u32,
        /// A file with the 24 words of the recovery phrase, or - for standard input.
        #[arg(long, value_name = "FILE")]
        phrase_file: PathBuf,
    },
    /// The kits of this home.
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Have every home of a kit say whether its part is right.
    Verify {
        #[command(flatten)]
        common: Common,
        /// The kit's id, the beginning of that, or its name.
        kit: String,
    },
    /// End a kit: homes destroy their parts. Paper can't.
    Revoke {
        #[command(flatten)]
        common: Common,
        /// The kit's id, the beginning of that, or its name.
        kit: String,
    },
    /// Who asks this home for a part of a kit that it holds.
    Requests {
        #[command(flatten)]
        common: Common,
    },
    /// Say that it is really they who ask. Call them first and compare the six words.
    Allow {
        #[command(flatten)]
        common: Common,
        /// The request's id, or the beginning of that.
        request: String,
        /// The home that it is, where the name that they gave doesn't say it.
        #[arg(long, value_name = "PEER")]
        r#for: Option<String>,
    },
    /// Say no: to a request here, or to everybody who asks for parts of one of your own kits.
    Refuse {
        #[command(flatten)]
        common: Common,
        /// The request's id, or one of your kits.
        request: String,
    },
}

impl Kit {
    pub(super) fn common(&self) -> &Common {
        match self {
            Self::Create { common, .. }
            | Self::List { common }
            | Self::Verify { common, .. }
            | Self::Revoke { common, .. }
            | Self::Requests { common }
            | Self::Allow { common, .. }
            | Self::Refuse { common, .. } => common,
        }
    }

    pub(super) fn command(&self) -> anyhow::Result<KitCommand> {
        Ok(match self {
            Self::Create { name, homes, papers, delay, phrase_file, .. } => KitCommand::Create {
                name: name.clone(),
                homes: homes.clone(),
                papers: *papers,
                delay_days: *delay,
                words: Words(output::read_phrase(phrase_file)?),
            },
            Self::List { .. } => KitCommand::List,
            Self::Verify { kit, .. } => KitCommand::Verify { which: kit.clone() },
            Self::Revoke { kit, .. } => KitCommand::Revoke { which: kit.clone() },
            Self::Requests { .. } => KitCommand::Requests,
            Self::Allow { request, r#for, .. } => {
                KitCommand::Answer { which: request.clone(), allow: true, household: r#for.clone() }
            }
            Self::Refuse { request, .. } => {
                KitCommand::Answer { which: request.clone(), allow: false, household: None }
            }
        })
    }
}

/// What a command's answer says to people.
pub(super) fn answer(command: &KitCommand, line: &Value) -> String {
    match command {
        KitCommand::Create { .. } => made(line),
        KitCommand::List => {
            let kits: Vec<String> = list(line, "kits").iter().map(kit).collect();
            if kits.is_empty() { "There is no kit.".to_owned() } else { kits.join("\n") }
        }
        KitCommand::Verify { .. } if line["all_right"].as_bool() == Some(true) => {
            format!(
                "Every home compared its part with the kit and says that it is right. That is the word of their computers; paper only you can look at.\n{}",
                kit(line)
            )
        }
        KitCommand::Verify { .. } => format!(
            "Not every home could say so: one is off, or its part is lost or damaged. Try again when all are on.\n{}",
            kit(line)
        ),
        KitCommand::Requests => {
            let requests: Vec<String> = list(line, "requests").iter().map(request).collect();
            if requests.is_empty() { "Nobody asks.".to_owned() } else { requests.join("\n") }
        }
        KitCommand::Answer { allow: true, .. } => {
            "The part is given when the delay is over; `heirloom vault kit requests` says how long that is."
                .to_owned()
        }
        KitCommand::Answer { allow: false, .. } => "No part is given.".to_owned(),
        KitCommand::Revoke { .. } => String::new(),
    }
}

/// What is said at the end of a command that answers nothing.
pub(super) fn done(command: &KitCommand) {
    if matches!(command, KitCommand::Revoke { .. }) {
        output::line(
            "Ended. Homes destroy their parts, those that are off when they are on again. Burn the sheets: paper \
             hears of nothing.",
        );
    }
}

fn made(line: &Value) -> String {
    let mut text = "The kit is made, and every home has its part.".to_owned();
    for paper in list(line, "papers") {
        let (number, part) = (paper["number"].as_u64().unwrap_or(0), paper["text"].as_str().unwrap_or(""));
        text.push_str(&format!(
            "\n\nPart {number}. Write it down or print it; it is shown only now:\n{part}"
        ));
    }
    text
}

fn kit(line: &Value) -> String {
    let word = |name: &str| line[name].as_str().unwrap_or("").to_owned();
    let holders: Vec<String> = list(line, "holders")
        .iter()
        .map(|holder| match holder["state"].as_str() {
            Some("paper") => "paper".to_owned(),
            state => format!("{} ({})", holder["name"].as_str().unwrap_or(""), state.unwrap_or("")),
        })
        .collect();
    format!(
        "{}  {}  any {} of {}, after {} days, {}: {}",
        &word("id").chars().take(8).collect::<String>(),
        word("name"),
        line["threshold"],
        line["count"],
        line["delay_days"],
        word("state"),
        holders.join(", ")
    )
}

fn request(line: &Value) -> String {
    let word = |name: &str| line[name].as_str().unwrap_or("").to_owned();
    let left = line["hours_left"].as_u64().map(|hours| format!(", {hours} hours left")).unwrap_or_default();
    format!(
        "{}  says to be \"{}\" ({}{left})\n  words to compare: {}",
        word("id").chars().take(8).collect::<String>(),
        word("claimed"),
        word("state"),
        word("words")
    )
}

fn list<'a>(line: &'a Value, name: &str) -> &'a [Value] {
    line[name].as_array().map_or(&[], Vec::as_slice)
}
