//! `heirloom peer invite | accept | list | pending | confirm | deny | remove | block`.

use clap::Subcommand;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{Common, output};
use crate::control::{self, Command, PeerCommand};

/// Arguments of `heirloom peer`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a link that lets one other home in, within a day.
    Invite {
        #[command(flatten)]
        common: Common,
        /// Take in whoever comes with the link, without asking a person. For scripts.
        #[arg(long)]
        auto_confirm: bool,
    },
    /// Follow the link that another home gave you, and wait until somebody there has confirmed.
    Accept {
        #[command(flatten)]
        common: Common,
        /// The link, like heirloom://pair#…
        link: String,
    },
    /// The homes that are paired with this one.
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Open invitations, and homes that wait for your word.
    Pending {
        #[command(flatten)]
        common: Common,
    },
    /// Let in the home that waits. Compare the six words first.
    Confirm {
        #[command(flatten)]
        common: Common,
        /// Which, from `heirloom peer pending`.
        id: String,
        /// What you call it.
        #[arg(long)]
        name: Option<String>,
    },
    /// Turn away the home that waits.
    Deny {
        #[command(flatten)]
        common: Common,
        /// Which, from `heirloom peer pending`.
        id: String,
    },
    /// End the pairing with a home, and take it out of the albums that this home manages.
    Remove {
        #[command(flatten)]
        common: Common,
        /// Its id or its name.
        home_name: String,
    },
    /// Keep a home out, or let it in again.
    Block {
        #[command(flatten)]
        common: Common,
        /// Its id or its name.
        home_name: String,
        /// Let it in again.
        #[arg(long)]
        undo: bool,
    },
}

impl Arguments {
    pub(super) fn wants_json(&self) -> bool {
        self.common().json
    }

    fn common(&self) -> &Common {
        match &self.verb {
            Verb::Invite { common, .. }
            | Verb::Accept { common, .. }
            | Verb::List { common }
            | Verb::Pending { common }
            | Verb::Confirm { common, .. }
            | Verb::Deny { common, .. }
            | Verb::Remove { common, .. }
            | Verb::Block { common, .. } => common,
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let common = arguments.common();
    let command = Command::Peer(command(&arguments.verb));
    control::run(&common.home(), &command, &mut |line| {
        let is_progress = line.get("stage").is_some();
        if common.json {
            return is_progress || output::json_line(&line);
        }
        if is_progress {
            show_waiting(&line);
        } else {
            show(&arguments.verb, &line);
        }
        true
    })?;
    if !common.json {
        done(&arguments.verb);
    }
    Ok(())
}

fn command(verb: &Verb) -> PeerCommand {
    match verb {
        Verb::Invite { auto_confirm, .. } => PeerCommand::Invite { auto_confirm: *auto_confirm },
        Verb::Accept { link, .. } => PeerCommand::Accept { link: Zeroizing::new(link.clone()) },
        Verb::List { .. } => PeerCommand::List,
        Verb::Pending { .. } => PeerCommand::Pending,
        Verb::Confirm { id, name, .. } => PeerCommand::Confirm { id: id.clone(), name: name.clone() },
        Verb::Deny { id, .. } => PeerCommand::Deny { id: id.clone() },
        Verb::Remove { home_name, .. } => PeerCommand::Remove { household: home_name.clone() },
        Verb::Block { home_name, undo, .. } => {
            PeerCommand::Block { household: home_name.clone(), blocked: !undo }
        }
    }
}

fn text<'a>(line: &'a Value, key: &str) -> &'a str {
    line.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn words(line: &Value) -> String {
    let words = line.get("words").and_then(Value::as_array);
    words.into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
}

fn show_waiting(line: &Value) {
    let words = words(line);
    if line.get("news") == Some(&Value::Bool(true)) && !words.is_empty() {
        output::line(&format!("The six words: {words}"));
        output::line("Somebody in the other home compares them and confirms.");
    }
}

fn show(verb: &Verb, line: &Value) {
    match verb {
        Verb::Invite { .. } => {
            output::line("Give this link to the other home, to nobody else:\n");
            output::line(text(line, "link"));
            output::line("\nIt works once, within a day. When they have opened it: heirloom peer pending");
        }
        Verb::Accept { .. } => output::line(&format!("Paired with {}.", text(line, "name"))),
        Verb::List { .. } => {
            let peers = line.as_array().map(Vec::as_slice).unwrap_or_default();
            if peers.is_empty() {
                output::line("No home is paired with this one: heirloom peer invite");
            }
            for peer in peers {
                let refusal = peer.get("refusal").and_then(Value::as_str);
                let refusal = refusal.map_or_else(String::new, |reason| format!("  ({reason})"));
                let [name, path, id] = ["name", "path", "household"].map(|key| text(peer, key));
                output::line(&format!("{name}  {path}{refusal}  {id}\n    {}", words(peer)));
            }
        }
        Verb::Pending { .. } => {
            let [id, state, name] = ["id", "state", "name"].map(|key| text(line, key));
            output::line(&format!("{id}\n    {state}  {name}  {}  {}", words(line), text(line, "reason")));
        }
        Verb::Confirm { .. } | Verb::Deny { .. } | Verb::Remove { .. } | Verb::Block { .. } => {}
    }
}

fn done(verb: &Verb) {
    match verb {
        Verb::Confirm { .. } => output::line("Confirmed."),
        Verb::Deny { .. } => output::line("Turned away."),
        Verb::Remove { .. } => {
            output::line("No longer paired, and out of the albums that this home manages.");
        }
        Verb::Block { undo: false, .. } => output::line("Kept out."),
        Verb::Block { undo: true, .. } => output::line("Let in again."),
        Verb::Invite { .. } | Verb::Accept { .. } | Verb::List { .. } | Verb::Pending { .. } => {}
    }
}
