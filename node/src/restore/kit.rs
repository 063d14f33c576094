//! Restoring without the phrase: asking holders of a recovery kit for their parts, until there are enough.
//!
//! It takes days on purpose. The keys with which this machine asks lie in `restoring/`, so the same command goes on where
//! it was: holders know the machine again, and give a part that they gave before once more. What comes out is the phrase's
//! secret; with it the restore is one like any other.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use heirloom_identity::{Invitation, KitSecret, KitShare, NodeKeys, Phrase, ReceiveKey};
use heirloom_net::RelayConfig;
use zeroize::Zeroizing;

use super::source::{Origin, SOURCES_MAX};
use super::{Problem, vacant};
use crate::home::create::{make_folder, make_root};
use crate::home::layout::Layout;
use crate::home::lock::Lock;
use crate::protocols::vault::RecoverError;
use crate::protocols::vault::kit_client::{KitNet, Reply};
use crate::restore::state::write_whole;

/// The file with this machine's keys.
const FILE: &str = "kit-request";
/// Bytes of it: the node's keys and the key that parts are sealed to.
const FILE_BYTES: usize = NodeKeys::BYTES + 32;
/// Milliseconds of an hour.
const HOUR_MS: u64 = 60 * 60 * 1000;

/// Says something to a person, once.
pub type Teller<'a> = dyn Fn(&str) + Send + Sync + 'a;

/// What a person gave.
pub struct KitOrder {
    layout: Layout,
    /// How the home was called.
    name: String,
    holders: Vec<Invitation>,
    papers: Vec<KitShare>,
}

impl KitOrder {
    /// Reads what a person typed: the name of the home that is lost, invitations of holders, and parts on paper.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(
        root: &Path,
        name: &str,
        from: &[String],
        papers: &[Zeroizing<String>],
    ) -> Result<Self, Problem> {
        let layout = Layout::of(root)?;
        vacant(&layout)?;
        if from.is_empty() || from.len() > SOURCES_MAX {
            let said = "name invitations of homes that hold parts of your kit or keep your copies";
            return Err(Problem::Origin(said.to_owned()));
        }
        let mut holders = Vec::new();
        for text in from {
            match Origin::read(text)? {
                Origin::Home(invitation) => holders.push(*invitation),
                // A disk has copies, and no part.
                Origin::Folder { .. } => {}
            }
        }
        let sheets: Result<Vec<KitShare>, _> = papers.iter().map(|paper| KitShare::parse(paper)).collect();
        let papers = sheets.map_err(|error| Problem::Origin(error.to_string()))?;
        Ok(Self { layout, name: name.to_owned(), holders, papers })
    }

    /// Asks until there are enough parts; the phrase that they open. `pause` is the time between two rounds.
    ///
    /// # Errors
    /// When so many people said no that there will never be enough, or the parts open nothing.
    pub async fn phrase(&self, tell: &Teller<'_>, pause: Duration) -> Result<Zeroizing<String>, Problem> {
        let layout = self.layout.clone();
        let (lock, secrets) = tokio::task::spawn_blocking(move || begin(&layout))
            .await
            .context("a thread ended unexpectedly")??;
        let net = self.network(&secrets).await?;
        let found = self.gather(&net, tell, pause).await;
        net.close().await;
        drop(lock);
        found
    }

    async fn network(&self, secrets: &[u8; FILE_BYTES]) -> Result<KitNet, Problem> {
        let mut node = Zeroizing::new([0; NodeKeys::BYTES]);
        node.copy_from_slice(&secrets[..NodeKeys::BYTES]);
        let mut receive = Zeroizing::new([0; 32]);
        receive.copy_from_slice(&secrets[NodeKeys::BYTES..]);
        let mut urls: Vec<&str> = self.holders.iter().filter_map(Invitation::relay).collect();
        urls.sort_unstable();
        urls.dedup();
        let relay = |url: &str| RelayConfig { url: url.to_owned(), token: None, quic_port: None };
        let relays = urls.into_iter().map(relay).collect();
        let listen = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let (node, receive) = (NodeKeys::from_bytes(&node), ReceiveKey::from_bytes(&receive));
        let started = KitNet::start(&node, receive, listen, relays, true);
        Ok(started.await.context("this computer's network could not be used")?)
    }

    /// Rounds of asking, until there are enough parts of one kit.
    async fn gather(
        &self,
        net: &KitNet,
        tell: &Teller<'_>,
        pause: Duration,
    ) -> Result<Zeroizing<String>, Problem> {
        let mut given: BTreeMap<usize, KitShare> = BTreeMap::new();
        let mut said: BTreeMap<usize, String> = BTreeMap::new();
        loop {
            let mut refused = 0;
            for (place, holder) in self.holders.iter().enumerate() {
                if given.contains_key(&place) {
                    continue;
                }
                let (text, share) = one(net, holder, &self.name).await?;
                refused += usize::from(text.is_none());
                let text = text.unwrap_or_else(|| format!("{} said no", holder.name()));
                if said.get(&place) != Some(&text) {
                    tell(&text);
                    said.insert(place, text);
                }
                if let Some(share) = share {
                    given.insert(place, share);
                }
            }
            let shares = distinct(self.papers.iter().chain(given.values()));
            if let Some(enough) = enough(&shares)
                && let Some(phrase) = self.open(net, enough, tell).await?
            {
                return Ok(phrase);
            }
            if refused > 0 && given.len() + refused == self.holders.len() {
                return Err(Problem::Origin(
                    "everybody who could still give a part said no; call them, and begin again in another folder"
                        .to_owned(),
                ));
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Puts parts together and opens the record, which any of the homes may have; `None` when none of them has it now.
    async fn open(
        &self,
        net: &KitNet,
        shares: &[KitShare],
        tell: &Teller<'_>,
    ) -> Result<Option<Zeroizing<String>>, Problem> {
        let said = |error: heirloom_identity::KitError| Problem::Origin(error.to_string());
        let secret = KitSecret::combine(shares).map_err(said)?;
        let (household, kit) = (shares[0].household(), shares[0].kit());
        for holder in &self.holders {
            let Ok(Some(record)) = net.record(holder, household, kit).await else { continue };
            if let Some(wrong) = shares.iter().find(|share| !record.holds(share)) {
                return Err(Problem::Origin(format!("part {} is not one of this kit", wrong.index())));
            }
            let root = record.open(&secret).map_err(said)?;
            return Ok(Some(Phrase::of(&root).text()));
        }
        tell(
            "there are enough parts, but none of these homes has the kit's record; name one that keeps copies",
        );
        Ok(None)
    }
}

/// Forgets the keys with which this machine asked; fine if there are none.
///
/// # Errors
/// What the system says.
pub fn forget(root: &Path) -> anyhow::Result<()> {
    let path = Layout::of(root)?.restoring().join(FILE);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// What a holder says: words for people, or none for a no; and its part.
async fn one(
    net: &KitNet,
    holder: &Invitation,
    name: &str,
) -> Result<(Option<String>, Option<KitShare>), Problem> {
    let who = match holder.name() {
        "" => "that home",
        name => name,
    };
    let standing = match net.ask(holder, name).await {
        Ok(standing) => standing,
        Err(RecoverError::Proof) => {
            let text = format!(
                "{who} does not take this invitation any more, or is asked by too many; ask for a new one"
            );
            return Ok((Some(text), None));
        }
        Err(error) => return Ok((Some(format!("{who}: {error}")), None)),
    };
    Ok(match standing.answer {
        Reply::Asked => {
            (Some(format!("{who} was asked. Call them; the words are: {}", standing.words)), None)
        }
        Reply::Waits(left_ms) => {
            let hours = left_ms.div_ceil(HOUR_MS);
            (Some(format!("{who} said yes and gives the part in {hours} hours")), None)
        }
        Reply::Refused => (None, None),
        Reply::Given(share) => (Some(format!("{who} gave a part")), Some(*share)),
    })
}

/// Every part once, sorted by kit.
fn distinct<'a>(shares: impl Iterator<Item = &'a KitShare>) -> Vec<KitShare> {
    let mut distinct: Vec<KitShare> = Vec::new();
    for share in shares {
        if !distinct.contains(share) {
            distinct.push(share.clone());
        }
    }
    distinct.sort_by_key(|share| (*share.household(), *share.kit(), share.index()));
    distinct
}

/// Parts of one kit that are enough to open it.
fn enough(shares: &[KitShare]) -> Option<&[KitShare]> {
    shares
        .chunk_by(|one, next| one.household() == next.household() && one.kit() == next.kit())
        .find(|of_one| of_one.len() >= usize::from(of_one[0].quorum().threshold()))
}

/// Takes the folder and reads the keys with which this machine asks, or makes them.
fn begin(layout: &Layout) -> anyhow::Result<(Lock, Zeroizing<[u8; FILE_BYTES]>)> {
    make_root(layout)?;
    let lock = Lock::take(layout)?;
    make_folder(&layout.restoring())?;
    let path: PathBuf = layout.restoring().join(FILE);
    match std::fs::read(&path) {
        Ok(bytes) => {
            let bytes = Zeroizing::new(bytes);
            if let Ok(secrets) = <[u8; FILE_BYTES]>::try_from(&bytes[..]) {
                return Ok((lock, Zeroizing::new(secrets)));
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
    let secrets = Zeroizing::new(crate::random::bytes::<FILE_BYTES>()?);
    write_whole(&path, &*secrets)?;
    Ok((lock, secrets))
}
