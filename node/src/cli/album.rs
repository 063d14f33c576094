//! `heirloom album list | create | add | share | remove | leave | entries`.

use std::path::PathBuf;

use clap::Subcommand;
use heirloom_identity::{AlbumId, AssetId, Role};
use serde_json::Value;

use super::{Common, output};
use crate::control::{self, AlbumCommand, Command};

/// Arguments of `heirloom album`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The albums of this home.
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Make an album.
    Create {
        #[command(flatten)]
        common: Common,
        /// Its title.
        name: String,
        /// Who makes it, by email; the first account when absent.
        #[arg(long, value_name = "EMAIL")]
        account: Option<String>,
    },
    /// Put photos into an album. Files that are not in the library are imported first.
    Add {
        #[command(flatten)]
        common: Common,
        /// The album's id.
        id: AlbumId,
        /// Ids of photos, files and folders.
        #[arg(required = true, value_name = "ASSET|PATH")]
        photos: Vec<PathBuf>,
        /// Whose photos they are, by email; the first account's when absent.
        #[arg(long, value_name = "EMAIL")]
        account: Option<String>,
    },
    /// Invite a home to an album, or give it another role.
    Share {
        #[command(flatten)]
        common: Common,
        /// The album's id.
        id: AlbumId,
        /// The other home's id or name.
        household: String,
        /// viewer, contributor or admin.
        #[arg(long, default_value = "viewer", value_parser = role)]
        role: Role,
        /// Only for this person there; may be given several times.
        #[arg(long, value_name = "NAME")]
        person: Vec<String>,
    },
    /// Take a home out of an album. What it received so far it keeps; what comes after it cannot read.
    Remove {
        #[command(flatten)]
        common: Common,
        /// The album's id.
        id: AlbumId,
        /// The other home's id or name.
        household: String,
    },
    /// Leave an album. What is here of it stays.
    Leave {
        #[command(flatten)]
        common: Common,
        /// The album's id.
        id: AlbumId,
    },
    /// What is in an album.
    Entries {
        #[command(flatten)]
        common: Common,
        /// The album's id.
        id: AlbumId,
    },
}

/// A role that can be given: there is one owner, and that is whoever made the album.
fn role(text: &str) -> Result<Role, String> {
    let role = text.parse::<Role>().ok().filter(|role| *role != Role::Owner);
    role.ok_or_else(|| "a role is viewer, contributor or admin".to_owned())
}

impl Arguments {
    pub(super) fn wants_json(&self) -> bool {
        self.common().json
    }

    fn common(&self) -> &Common {
        match &self.verb {
            Verb::List { common }
            | Verb::Create { common, .. }
            | Verb::Add { common, .. }
            | Verb::Share { common, .. }
            | Verb::Remove { common, .. }
            | Verb::Leave { common, .. }
            | Verb::Entries { common, .. } => common,
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let common = arguments.common();
    let command = Command::Album(command(&arguments.verb)?);
    control::run(&common.home(), &command, &mut |line| {
        if common.json {
            return output::json_line(&line);
        }
        show(&arguments.verb, &line);
        true
    })?;
    if !common.json {
        match arguments.verb {
            Verb::Share { .. } => output::line("Shared."),
            Verb::Remove { .. } => output::line("Taken out of the album."),
            Verb::Leave { .. } => output::line("You have left the album. What is here of it stays."),
            _ => {}
        }
    }
    Ok(())
}

fn command(verb: &Verb) -> anyhow::Result<AlbumCommand> {
    Ok(match verb {
        Verb::List { .. } => AlbumCommand::List,
        Verb::Create { name, account, .. } => {
            AlbumCommand::Create { account: account.clone(), title: name.clone() }
        }
        Verb::Add { id, photos, account, .. } => {
            let (mut assets, mut paths) = (Vec::new(), Vec::new());
            for photo in photos {
                match photo.to_str().and_then(|text| text.parse::<AssetId>().ok()) {
                    Some(asset) => assets.push(asset),
                    None => paths.push(control::path_bytes(photo)?),
                }
            }
            AlbumCommand::Add { account: account.clone(), album: *id, assets, paths }
        }
        Verb::Share { id, household, role, person, .. } => AlbumCommand::Share {
            album: *id,
            household: household.clone(),
            role: *role,
            people: person.clone(),
        },
        Verb::Remove { id, household, .. } => {
            AlbumCommand::Remove { album: *id, household: household.clone() }
        }
        Verb::Leave { id, .. } => AlbumCommand::Leave { album: *id },
        Verb::Entries { id, .. } => AlbumCommand::Entries { album: *id },
    })
}

fn show(verb: &Verb, line: &Value) {
    let text = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default();
    let number = |key: &str| line.get(key).and_then(Value::as_u64).unwrap_or(0);
    match verb {
        Verb::List { .. } => {
            let homes = line.get("homes").and_then(Value::as_array).map_or(0, Vec::len);
            let entries = output::count(number("entries"), "photo", "photos");
            output::line(&format!("{}  {entries}, {homes} homes  {}", text("title"), text("id")));
        }
        Verb::Create { .. } => output::line(&format!("The album {} is {}", text("title"), text("id"))),
        Verb::Add { .. } if line.get("done").is_some() => output::line(&format!(
            "{} added, {} were there, {} failed.",
            output::count(number("added"), "photo", "photos"),
            number("duplicate"),
            number("failed")
        )),
        Verb::Add { .. } => {
            if !text("path").is_empty() {
                output::line(&format!("not added: {}: {}", text("path"), text("reason")));
            }
        }
        Verb::Entries { .. } => {
            output::line(&format!(
                "{}  {}  {}  {}",
                text("name"),
                text("added_at"),
                text("original"),
                text("asset")
            ));
        }
        Verb::Share { .. } | Verb::Remove { .. } | Verb::Leave { .. } => {}
    }
}
