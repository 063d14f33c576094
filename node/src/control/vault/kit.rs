//! Commands about recovery kits: this home's own, and the parts of others that it holds.

use std::sync::Arc;

use anyhow::{Context, bail};
use heirloom_identity::{KitId, NodeId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::super::{Say, peers};
use super::{in_snake_case, work};
use crate::clock;
use crate::home::Home;
use crate::protocols::vault::kits;
use crate::vault::kits::owner::Wanted;
use crate::vault::kits::{holder, owner, status};

/// Digits of an id that are enough to name it.
const PREFIX_DIGITS_MIN: usize = 6;

/// What can be asked about kits.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kit", rename_all = "kebab-case", deny_unknown_fields)]
pub enum KitCommand {
    /// One line: the kit, and its parts on paper.
    Create {
        /// What people call it.
        name: String,
        /// Ids or names of homes that get a part each.
        homes: Vec<String>,
        /// How many parts are printed.
        papers: u8,
        /// How many days holders wait.
        delay_days: u32,
        /// The 24 words.
        words: Words,
    },
    /// One line: all kits.
    List,
    /// One line: the kit, and whether every part was found right.
    Verify {
        /// Id or name.
        which: String,
    },
    /// No line.
    Revoke {
        /// Id or name.
        which: String,
    },
    /// One line: who asks for parts that this home holds.
    Requests,
    /// One line: what was answered.
    Answer {
        /// The request's id, or, to refuse, one of this home's own kits.
        which: String,
        /// What the person says.
        allow: bool,
        /// The home whose kit it is, where the name that they gave does not say it.
        household: Option<String>,
    },
}

/// A phrase on its way; never shown.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Words(pub Zeroizing<String>);

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Words(secret)")
    }
}

/// Does what was asked.
pub(super) fn execute(home: &Arc<Home>, command: &KitCommand, say: &mut Say<'_>) -> anyhow::Result<()> {
    match command {
        KitCommand::Create { name, homes, papers, delay_days, words } => {
            let mut holders = Vec::new();
            for who in homes {
                holders.push(Some(peers::find(home, who)?.household));
            }
            holders.extend((0..*papers).map(|_| None));
            let wanted = Wanted { name: name.clone(), holders, delay_days: *delay_days };
            let made = work::wait(home, owner::create(home, words.0.clone(), wanted, clock::now_ms()))??;
            let paper = |(number, text): &(u8, Zeroizing<String>)| json!({"number": number, "text": **text});
            say(json!({"id": made.kit, "papers": made.papers.iter().map(paper).collect::<Vec<_>>()}));
        }
        KitCommand::List => {
            say(json!({"kits": shown(status::kits(home)?)?}));
        }
        KitCommand::Verify { which } => {
            let kit = owner::meant(home, which)?;
            let (_, all) = work::wait(home, owner::verify(home, kit, clock::now_ms()))??;
            let kits = status::kits(home)?;
            let kit = kits.into_iter().find(|shown| shown.id == kit).context("the kit was just ended")?;
            let mut line = shown(kit)?;
            line["all_right"] = all.into();
            say(line);
        }
        KitCommand::Revoke { which } => {
            let kit = owner::meant(home, which)?;
            work::wait(home, owner::revoke(home, kit, clock::now_ms()))??;
        }
        KitCommand::Requests => {
            say(json!({"requests": shown(status::requests(home)?)?}));
        }
        KitCommand::Answer { which, allow, household } => {
            say(answer(home, which, *allow, household.as_deref())?);
        }
    }
    Ok(())
}

fn shown(value: impl Serialize) -> anyhow::Result<Value> {
    Ok(in_snake_case(serde_json::to_value(value)?))
}

fn answer(home: &Arc<Home>, which: &str, allow: bool, whose: Option<&str>) -> anyhow::Result<Value> {
    let Some(asker) = request(home, which)? else {
        if allow {
            bail!("nobody asks under {which}; `heirloom vault kit requests` shows who does");
        }
        let kit = owner::meant(home, which)?;
        work::wait(home, owner::refuse(home, kit))??;
        return Ok(json!({"kit": kit, "allowed": false}));
    };
    let kit = whose.map(|whose| held_for(home, whose)).transpose()?;
    let news = holder::answer(home, &asker, allow, kit, clock::now_ms())?;
    if let (Some(news), Some(network)) = (news, home.network()) {
        work::wait(home, kits::tell(&network, news))?;
    }
    Ok(json!({"id": asker, "allowed": allow}))
}

/// The one request whose id begins so.
fn request(home: &Home, which: &str) -> anyhow::Result<Option<NodeId>> {
    let requests = home.ledger.requests()?;
    let mut found = requests
        .iter()
        .map(|row| row.node)
        .filter(|node| which.len() >= PREFIX_DIGITS_MIN && node.to_string().starts_with(which));
    match (found.next(), found.next()) {
        (found, None) => Ok(found),
        (_, Some(_)) => bail!("several ask under {which}; write more of the id"),
    }
}

/// The kit of a home of which this one holds a part.
fn held_for(home: &Home, whose: &str) -> anyhow::Result<KitId> {
    let peer = peers::find(home, whose)?;
    let held: Vec<KitId> = home
        .ledger
        .shares()?
        .into_iter()
        .filter(|held| held.household == peer.household)
        .map(|held| held.kit)
        .collect();
    match held[..] {
        [only] => Ok(only),
        [] => bail!("this home holds no part of a kit of {}", peer.name()),
        [.., newest] => Ok(newest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{Command, VaultCommand};

    #[test]
    fn a_command_goes_through_the_socket_and_its_words_stand_in_no_log() {
        let command = KitCommand::Create {
            name: "Family".to_owned(),
            homes: vec!["Ben".to_owned()],
            papers: 2,
            delay_days: 7,
            words: Words("abandon abandon".to_owned().into()),
        };
        let asked = Command::Vault(VaultCommand::Kit(command));
        assert!(!format!("{asked:?}").contains("abandon"));
        let text = serde_json::to_string(&asked).unwrap();
        let back: Command = serde_json::from_str(&text).unwrap();
        let Command::Vault(VaultCommand::Kit(KitCommand::Create { papers, words, .. })) = back else {
            panic!("{text}")
        };
        assert_eq!((papers, words.0.as_str()), (2, "abandon abandon"));
        let list = Command::Vault(VaultCommand::Kit(KitCommand::List));
        let text = serde_json::to_string(&list).unwrap();
        assert_eq!(text, r#"{"command":"vault","verb":"kit","kit":"list"}"#);
        assert!(serde_json::from_str::<Command>(&text).is_ok());
    }
}
