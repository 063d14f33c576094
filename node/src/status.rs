//! What a node says about itself: the same to `heirloom status`, to the page and to scripts.

use std::sync::Arc;

use heirloom_identity::{HouseholdId, NodeId};
use heirloom_net::Path;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::control::peers::path_word;
use crate::home::Home;
use crate::ledger::peers::PeerState;
use crate::vault;

/// A node in numbers.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// The household.
    #[schema(value_type = String)]
    pub household: HouseholdId,
    /// The household's name.
    pub name: String,
    /// This machine.
    #[schema(value_type = String)]
    pub node: NodeId,
    /// Heirloom's version.
    pub version: String,
    /// Photos kept.
    pub assets: u64,
    /// Bytes of their originals.
    pub bytes: u64,
    /// People who sign in here.
    pub accounts: u64,
    /// Work in the background.
    pub jobs: Jobs,
    /// Whether this home can be reached by others now.
    pub connected: bool,
    /// Whether another node has taken this one's place, so that nothing may be changed here.
    pub outranked: bool,
    /// Homes this one is paired with.
    pub peers: Vec<Peer>,
    /// Copies in other homes.
    pub vault: Vault,
}

/// Work in the background.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Jobs {
    /// To be done.
    pub waiting: u64,
    /// Being done.
    pub running: u64,
    /// Set aside.
    pub failed: u64,
}

/// A home this one is paired with.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Peer {
    /// Its id.
    pub household: String,
    /// Its name.
    pub name: String,
    /// `direct`, `relay`, `off` or `blocked`.
    pub path: String,
    /// When it was last seen, milliseconds since the Unix epoch, UTC.
    pub last_seen: Option<i64>,
}

/// Copies in other homes, in short; `GET /api/vault` and `heirloom vault status` say more.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Vault {
    /// Other homes that hold everything.
    pub complete_homes: u32,
    /// `safe`, `attention`, `danger` or `off`.
    pub level: String,
    /// How safe the photos are, in a sentence.
    pub sentence: String,
    /// Packs that are not yet proved where they should be.
    pub pending: u64,
}

/// Counts what a home holds.
///
/// # Errors
/// When a database cannot be read.
pub fn status(home: &Arc<Home>) -> anyhow::Result<Status> {
    let (assets, bytes) = home.ledger.totals()?;
    let counts = home.catalog().counts()?;
    let accounts = home.ledger.accounts()?.len();
    Ok(Status {
        household: *home.keys.certificate.household(),
        name: home.name()?,
        node: home.keys.node.node(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        assets,
        bytes,
        accounts: u64::try_from(accounts).unwrap_or(u64::MAX),
        jobs: Jobs { waiting: counts.waiting, running: counts.running, failed: counts.failed },
        connected: home.network().is_some(),
        outranked: home.is_outranked(),
        peers: peers(home)?,
        vault: vault(home)?,
    })
}

fn vault(home: &Arc<Home>) -> anyhow::Result<Vault> {
    let told = vault::status::status(home)?;
    Ok(Vault {
        complete_homes: told.complete_homes,
        level: told.level.to_owned(),
        sentence: told.sentence,
        pending: told.pending.packs,
    })
}

/// The homes that are paired or kept out, oldest first.
fn peers(home: &Home) -> anyhow::Result<Vec<Peer>> {
    let network = home.network();
    let peers = home.ledger.peers()?.into_iter().filter(|peer| peer.state != PeerState::Removed);
    let describe = |peer: crate::ledger::peers::Peer| {
        let path = network.as_ref().map_or(Path::OFF, |network| network.path(&peer.household));
        Peer {
            household: peer.household.to_string(),
            name: peer.name(),
            path: path_word(peer.state, path).to_owned(),
            last_seen: peer.last_seen_ms,
        }
    };
    Ok(peers.map(describe).collect())
}
