//! Commands about copies: in other homes, of other homes, on disks and in buckets.
//!
//! Agreements are recorded whether the node is up or not, and the other home hears of them when both are on. What other
//! homes have to do is done only by a node that is up; alone, a command reaches folders and buckets (`work`).

mod carry;
pub mod kit;
pub mod newer;
mod who;
mod work;

use std::sync::Arc;

use anyhow::{Context, bail};
use heirloom_vault::store::S3Place;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::{Say, path_of, peers};
use crate::home::{Home, room};
use crate::protocols::vault::agreements;
use crate::vault::{amount, own_places, status};

/// What can be asked about copies.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case", deny_unknown_fields)]
pub enum VaultCommand {
    /// One line: how safe everything is.
    Status,
    /// One line: who was asked, and how much.
    Ask {
        /// Id or name.
        household: String,
        /// How much; what there is and room to grow when absent.
        bytes: Option<u64>,
    },
    /// One line: for whom, and how much.
    Keep {
        /// Id or name.
        household: String,
        /// How much; what it asked for when absent.
        quota: Option<u64>,
    },
    /// No line: a home no longer keeps copies for this one.
    Leave {
        /// Id or name.
        household: String,
    },
    /// No line: this home no longer keeps copies for another, or never will.
    Drop {
        /// Id or name.
        household: String,
    },
    /// One line: whether it still waits for the other home.
    AnswerDeletion {
        /// Id or name.
        household: String,
        /// Whether it is about copies of this home there, not of that home here.
        of_ours: bool,
        /// What the person says.
        allow: bool,
    },
    /// Progress lines, then what was done.
    Run,
    /// Progress lines, then what was found.
    Audit,
    /// Progress lines, then what was found.
    Drill,
    /// Progress lines, then what was done.
    Repair,
    /// Progress lines, then what was written.
    WriteUsb {
        /// Id or name.
        ward: String,
        /// Absolute path of the folder, as the system's bytes.
        to: Vec<u8>,
    },
    /// One line: the place.
    AddFolder {
        /// Absolute path, as the system's bytes.
        folder: Vec<u8>,
    },
    /// One line: the place.
    AddBucket(Bucket),
    /// About recovery kits.
    Kit(kit::KitCommand),
    /// About newer states of this home.
    Newer(newer::NewerCommand),
    /// No line.
    RemoveTarget {
        /// Number, path or name.
        target: String,
    },
}

/// A bucket and the keys to it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// The service's address.
    pub endpoint: String,
    /// The bucket.
    pub bucket: String,
    /// What its objects' names begin with.
    pub prefix: String,
    /// The service's region.
    pub region: String,
    /// Who this home is there.
    pub access_key: Zeroizing<String>,
    /// A secret.
    pub secret_key: Zeroizing<String>,
    /// So many bytes of it are used at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_max: Option<u64>,
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bucket({} {}/{}, keys)", self.endpoint, self.bucket, self.prefix)
    }
}

/// Does what was asked.
pub(super) fn execute(home: &Arc<Home>, command: &VaultCommand, say: &mut Say<'_>) -> anyhow::Result<()> {
    match command {
        VaultCommand::Status => {
            say(describe(home)?);
            Ok(())
        }
        VaultCommand::Ask { household, bytes } => ask(home, household, *bytes, say),
        VaultCommand::Keep { household, quota } => keep(home, household, *quota, say),
        VaultCommand::Leave { household } => leave(home, household),
        VaultCommand::Drop { household } => drop_ward(home, household),
        VaultCommand::AnswerDeletion { household, of_ours, allow } => {
            answer_deletion(home, household, *of_ours, *allow, say)
        }
        VaultCommand::Run => work::run(home, say),
        VaultCommand::Audit => work::audit(home, say),
        VaultCommand::Drill => work::drill(home, say),
        VaultCommand::Repair => work::repair(home, say),
        VaultCommand::WriteUsb { ward, to } => carry::write(home, &who::ward(home, ward)?, &path_of(to), say),
        VaultCommand::AddFolder { folder } => {
            let folder = path_of(folder);
            let added = work::wait(home, own_places::add_folder(home, folder.clone()))??;
            say(json!({"id": added.id, "kind": "folder", "place": folder, "same_disk": added.is_same_disk}));
            Ok(())
        }
        VaultCommand::AddBucket(bucket) => add_bucket(home, bucket, say),
        VaultCommand::Kit(command) => kit::execute(home, command, say),
        VaultCommand::Newer(command) => newer::execute(home, command, say),
        VaultCommand::RemoveTarget { target } => {
            let id = own_places::find(home, target)?;
            Ok(work::wait(home, own_places::remove(home, id))??)
        }
    }
}

/// How safe everything is: what `GET /api/vault` says, in the spelling of the command line.
fn describe(home: &Arc<Home>) -> anyhow::Result<Value> {
    let mut told = in_snake_case(serde_json::to_value(status::status(home)?)?);
    let pending = told.get_mut("pending").map(Value::take).unwrap_or_default();
    told["pending"] = pending.get("packs").cloned().unwrap_or_default();
    told["pending_bytes"] = pending.get("bytes").cloned().unwrap_or_default();
    told["pending_photos"] = pending.get("photos").cloned().unwrap_or_default();
    Ok(told)
}

/// Names of fields as the command line writes them: `lastDrillAt` is `last_drill_at`.
fn in_snake_case(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let renamed = fields.into_iter().map(|(name, value)| (snake(&name), in_snake_case(value)));
            Value::Object(renamed.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.into_iter().map(in_snake_case).collect(),
        other => other,
    }
}

fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    let mut before = '_';
    for letter in name.chars() {
        // A number goes with the word after it: `hoursAt40Mbit` is `hours_at_40mbit`.
        let begins = letter.is_ascii_uppercase() && !before.is_ascii_digit()
            || letter.is_ascii_digit() && before.is_ascii_lowercase();
        if begins {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
        before = letter;
    }
    snake
}

fn ask(home: &Arc<Home>, who: &str, bytes: Option<u64>, say: &mut Say<'_>) -> anyhow::Result<()> {
    let peer = peers::find(home, who)?;
    let bytes = bytes.map_or_else(|| amount::suggested(home), Ok)?;
    must_make_sense(bytes)?;
    work::wait(home, agreements::ask(home, peer.household, bytes))??;
    say(json!({"household": peer.household, "name": peer.name(), "bytes": bytes}));
    Ok(())
}

fn keep(home: &Arc<Home>, who: &str, quota: Option<u64>, say: &mut Say<'_>) -> anyhow::Result<()> {
    let peer = peers::find(home, who)?;
    let asked = || -> anyhow::Result<u64> {
        let asks = home.vault.store.asks()?;
        let ask = asks.iter().find(|ask| ask.household == peer.household);
        let advice =
            || format!("{} has not asked; say how much with --quota, like --quota 500GB", peer.name());
        Ok(ask.with_context(advice)?.bytes)
    };
    let quota = quota.map_or_else(asked, Ok)?;
    must_make_sense(quota)?;
    work::wait(home, agreements::keep(home, peer.household, quota))??;
    let free = room::free_bytes(&home.layout.kept());
    say(json!({"household": peer.household, "name": peer.name(), "quota": quota, "free": free}));
    Ok(())
}

fn must_make_sense(bytes: u64) -> anyhow::Result<()> {
    if !(agreements::QUOTA_MIN..=amount::AMOUNT_MAX).contains(&bytes) {
        bail!("name an amount between 64MiB and 1000TB, like 500GB");
    }
    Ok(())
}

fn leave(home: &Arc<Home>, who: &str) -> anyhow::Result<()> {
    let keeper = who::keeper(home, who)?;
    work::wait(home, agreements::end_keeper(home, keeper.household))?
}

fn drop_ward(home: &Arc<Home>, who: &str) -> anyhow::Result<()> {
    let ward = who::ward_or_asking(home, who)?;
    work::wait(home, agreements::end_ward(home, ward.household))?
}

fn answer_deletion(
    home: &Arc<Home>,
    who: &str,
    of_ours: bool,
    allow: bool,
    say: &mut Say<'_>,
) -> anyhow::Result<()> {
    let (other, outcome) = if of_ours {
        let keeper = who::keeper(home, who)?;
        let answered = work::wait(home, agreements::answer_keeper(home, keeper.household, allow))?;
        let failed = || format!("{} was not told", keeper.name);
        (keeper.clone(), answered.with_context(failed)?)
    } else {
        let ward = who::ward(home, who)?;
        if home.vault.keeper.ward(&ward.household)?.ask.is_none() {
            bail!("no deletion of {} waits for an answer", ward.name);
        }
        let outcome = work::wait(home, agreements::answer_ward(home, ward.household, allow))??;
        (ward, outcome)
    };
    say(json!({
        "household": other.household, "name": other.name, "allowed": allow,
        "waits_for_other_home": outcome.waits_for_person, "packs": outcome.held,
    }));
    Ok(())
}

fn add_bucket(home: &Arc<Home>, new: &Bucket, say: &mut Say<'_>) -> anyhow::Result<()> {
    let bucket = S3Place {
        endpoint: new.endpoint.clone(),
        bucket: new.bucket.clone(),
        prefix: new.prefix.clone(),
        region: new.region.clone(),
        access_key: new.access_key.to_string(),
        secret_key: new.secret_key.to_string(),
    };
    let name = own_places::bucket_name(&bucket);
    let added = work::wait(home, Box::pin(own_places::add_bucket(home, bucket, new.bytes_max)))??;
    say(json!({"id": added.id, "kind": "s3", "place": name, "same_disk": false}));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_fields() {
        let check = |camel: &str, expected: &str| assert_eq!(snake(camel), expected);
        check("completeHomes", "complete_homes");
        check("lastDrillAt", "last_drill_at");
        check("hoursAt40Mbit", "hours_at_40mbit");
        check("packs", "packs");
        let nested = json!({"a": [{"fullAt": {"newestAt": "fullAt"}}]});
        assert_eq!(in_snake_case(nested), json!({"a": [{"full_at": {"newest_at": "fullAt"}}]}));
    }

    #[test]
    fn what_is_logged_of_a_bucket_names_no_key() {
        let bucket = Bucket {
            endpoint: "https://s3.example.org".to_owned(),
            bucket: "family".to_owned(),
            prefix: String::new(),
            region: String::new(),
            access_key: "AKIA-me".to_owned().into(),
            secret_key: "hush".to_owned().into(),
            bytes_max: None,
        };
        let shown = format!("{:?}", VaultCommand::AddBucket(bucket));
        assert!(shown.contains("family") && !shown.contains("AKIA") && !shown.contains("hush"), "{shown}");
    }
}
