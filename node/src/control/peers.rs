//! Commands about other homes.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use heirloom_identity::HouseholdId;
use heirloom_net::{Path, PathKind};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::Say;
use crate::home::Home;
use crate::ledger::peers::{Peer, PeerState};
use crate::protocols::pairing::Problem;
use crate::protocols::{Network, PairingRole, PairingState};
use crate::sharing;

/// How often it is looked whether whoever waits for a pairing is still there.
const LOOK: Duration = Duration::from_secs(1);
/// Digits of a household's id that are enough to name it.
const PREFIX_DIGITS_MIN: usize = 6;

/// What can be asked about other homes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case", deny_unknown_fields)]
pub enum PeerCommand {
    /// One line: the link.
    Invite {
        /// Whether whoever comes with the link is taken in without a person's word.
        auto_confirm: bool,
    },
    /// Lines while it waits, then the home.
    Accept {
        /// The invitation.
        link: Zeroizing<String>,
    },
    /// One line: an array of homes.
    List,
    /// A line per open invitation and waiting home.
    Pending,
    /// No line.
    Confirm {
        /// Which, as listed.
        id: String,
        /// What people here call it.
        name: Option<String>,
    },
    /// No line.
    Deny {
        /// Which, as listed.
        id: String,
    },
    /// No line.
    Remove {
        /// Id or name.
        household: String,
    },
    /// No line.
    Block {
        /// Id or name.
        household: String,
        /// `false`: lets it in again.
        blocked: bool,
    },
}

/// Does what was asked.
pub(super) fn execute(home: &Home, command: &PeerCommand, say: &mut Say<'_>) -> anyhow::Result<()> {
    match command {
        PeerCommand::Invite { auto_confirm } => invite(home, *auto_confirm, say),
        PeerCommand::Accept { link } => accept(home, link, say),
        PeerCommand::List => list(home, say),
        PeerCommand::Pending => pending(home, say),
        PeerCommand::Confirm { id, name } => network(home)?.confirm(id, name.as_deref()),
        PeerCommand::Deny { id } => network(home)?.deny(id),
        PeerCommand::Remove { household } => remove(home, household),
        PeerCommand::Block { household, blocked } => block(home, household, *blocked),
    }
}

/// Makes an invitation.
fn invite(home: &Home, auto_confirm: bool, say: &mut Say<'_>) -> anyhow::Result<()> {
    let network = network(home)?;
    let invited = network.block_on(network.invite(auto_confirm))?;
    let expires_at = jiff::Timestamp::from_millisecond(invited.expires_ms)?.to_string();
    say(json!({"link": invited.link, "expires_at": expires_at, "id": invited.id}));
    Ok(())
}

/// Follows an invitation until the homes are paired or will not be.
fn accept(home: &Home, link: &str, say: &mut Say<'_>) -> anyhow::Result<()> {
    let network = network(home)?;
    network.block_on(async {
        let mut changes = network.pairing_changes();
        let id = network.accept(link)?.id;
        let mut shown_words = Vec::new();
        loop {
            changes.borrow_and_update();
            let shown = network.pairing(&id).context("the node stopped following this invitation")?;
            match shown.state {
                PairingState::Done => {
                    say(json!({"household": shown.household, "name": shown.name, "words": shown.words}));
                    return Ok(());
                }
                PairingState::Failed => {
                    bail!(Problem::sentence(shown.reason.as_deref().unwrap_or("it did not work")));
                }
                PairingState::Waiting | PairingState::Confirm => {}
            }
            let has_news = shown.words != shown_words;
            shown_words = shown.words;
            // An empty line of progress finds out whether somebody still listens.
            let line =
                json!({"stage": "waiting", "name": shown.name, "words": shown_words, "news": has_news});
            if !say(line) {
                return Ok(());
            }
            // Running out of time is no news: it is looked again.
            timeout(LOOK, changes.changed()).await.map_or(Ok(()), |changed| changed)?;
        }
    })
}

/// Every home that is paired or kept out.
fn list(home: &Home, say: &mut Say<'_>) -> anyhow::Result<()> {
    let network = home.network();
    let path_of = |peer: &Peer| network.as_ref().map_or(Path::OFF, |network| network.path(&peer.household));
    let mut peers = home.ledger.peers()?;
    peers.retain(|peer| peer.state != PeerState::Removed);
    let lines: Vec<Value> = peers.iter().map(|peer| describe(peer, path_of(peer))).collect();
    say(Value::Array(lines));
    Ok(())
}

fn describe(peer: &Peer, path: Path) -> Value {
    let people = peer.card.as_ref().map(|card| card.people().to_vec()).unwrap_or_default();
    let people: Vec<Value> =
        people.iter().map(|person| json!({"account": person.account, "name": person.name})).collect();
    json!({
        "household": peer.household, "name": peer.name(), "words": peer.words,
        "path": path_word(peer.state, path), "last_seen": peer.last_seen_ms,
        "people": people, "refusal": peer.refusal,
    })
}

/// The word for how a home is reached.
pub fn path_word(state: PeerState, path: Path) -> &'static str {
    match (state, path.kind) {
        (PeerState::Blocked, _) => "blocked",
        (_, PathKind::Direct) => "direct",
        (_, PathKind::Relay) => "relay",
        (_, PathKind::Off) => "off",
    }
}

/// Open invitations and homes that wait for a word.
fn pending(home: &Home, say: &mut Say<'_>) -> anyhow::Result<()> {
    for shown in network(home)?.pairings() {
        let role = match shown.role {
            PairingRole::Inviter => "inviter",
            PairingRole::Guest => "guest",
        };
        let state = match shown.state {
            PairingState::Waiting => "waiting",
            PairingState::Confirm => "confirm",
            PairingState::Done => "done",
            PairingState::Failed => "failed",
        };
        let people: Vec<_> = shown.people.iter().map(|person| person.name.as_str()).collect();
        let line = json!({
            "id": shown.id, "role": role, "state": state, "name": shown.name, "people": people,
            "words": shown.words, "reason": shown.reason.as_deref().map(Problem::sentence),
        });
        if !say(line) {
            return Ok(());
        }
    }
    Ok(())
}

/// Ends a pairing.
fn remove(home: &Home, who: &str) -> anyhow::Result<()> {
    let peer = find(home, who)?;
    // What another computer of this household decides now is no longer for this one to say.
    let is_to_hear = !home.is_outranked() && sharing::unshare_everywhere(home, peer.household)?;
    match home.network() {
        Some(network) => network.block_on(async {
            if is_to_hear && let Some(connection) = network.connection(&peer.household) {
                timeout(sharing::LAST_WORDS, connection.closed()).await.ok();
            }
            network.remove_peer(peer.household).await
        }),
        None => Ok(home.ledger.set_peer_state(&peer.household, PeerState::Removed)?),
    }
}

/// Keeps a home out, or lets it in again.
fn block(home: &Home, who: &str, blocked: bool) -> anyhow::Result<()> {
    let peer = find(home, who)?;
    let state = if blocked { PeerState::Blocked } else { PeerState::Paired };
    match home.network() {
        Some(network) => network.block_on(network.set_blocked(peer.household, blocked)),
        None => Ok(home.ledger.set_peer_state(&peer.household, state)?),
    }
}

/// The home that is meant: by its id, the beginning of that, or its name.
pub(super) fn find(home: &Home, who: &str) -> anyhow::Result<Peer> {
    let mut peers = home.ledger.peers()?;
    peers.retain(|peer| peer.state != PeerState::Removed);
    if let Ok(id) = who.parse::<HouseholdId>() {
        let found = peers.into_iter().find(|peer| peer.household == id);
        return found.with_context(|| unknown(who));
    }
    let is_meant = |peer: &&Peer| {
        peer.name().to_lowercase() == who.to_lowercase()
            || who.len() >= PREFIX_DIGITS_MIN && peer.household.to_string().starts_with(who)
    };
    let mut found = peers.iter().filter(is_meant);
    match (found.next(), found.next()) {
        (Some(peer), None) => Ok(peer.clone()),
        (None, _) => Err(anyhow!(unknown(who))),
        (Some(_), Some(_)) => {
            bail!("several homes are called {who}; name one by its id, from `heirloom peer list`")
        }
    }
}

fn unknown(who: &str) -> String {
    format!("no home {who} is connected with this one; `heirloom peer list` shows those that are")
}

fn network(home: &Home) -> anyhow::Result<Arc<Network>> {
    home.network().context(
        "this home is not connected with others now; start it with `heirloom serve` (if it runs, its log says what is wrong)",
    )
}
