//! Opening every place that a restore was told of. One that does not answer is left aside with a word; the restore needs
//! one that does.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use heirloom_identity::{AuthorityKey, Certificate, HouseholdId, Invitation, NodeKeys};
use heirloom_net::NodeAddress;
use heirloom_vault::store::{Place, S3Place};
use heirloom_vault::{PackId, Target};
use zeroize::Zeroizing;

use super::kit::Machine;
use super::source::{Origin, Source};
use super::{Order, Problem, RelayAccess, Restoring, bucket};
use crate::protocols::vault::recover_client::RecoverConfig;
use crate::protocols::vault::{RecoverError, RecoverNet};
use crate::vault::own_places::bucket_name;

/// Pages of packs that a place may list.
const PAGES_MAX: usize = 4_096;

/// What answered.
#[derive(Default)]
pub(super) struct Contacts {
    /// Places to read from.
    pub(super) sources: Vec<Arc<Source>>,
    /// The highest certificate of this household's that a home knows.
    pub(super) known: Option<Certificate>,
    /// Homes among them, and where they were reached.
    pub(super) reached: Vec<(HouseholdId, NodeAddress)>,
    /// Folders among them.
    pub(super) folders: Vec<PathBuf>,
    /// The network that they are reached over, if there are homes among them.
    net: Option<RecoverNet>,
    /// What each of them is to the vault.
    places: Vec<(Place, Arc<Source>)>,
    /// Homes that keep nothing for this household.
    strangers: Vec<String>,
    /// Others that did not answer, and why.
    pub(super) silent: Vec<(String, String)>,
}

/// Opens every place.
///
/// # Errors
/// [`Problem::NothingKept`], [`Problem::Unreachable`], [`Problem::OtherHousehold`] when there is none to read from.
pub(super) async fn open(order: &Order, restoring: &Restoring) -> Result<Contacts, Problem> {
    let Order { origins, phrase, relays, machine, .. } = order;
    let household = phrase.root().authority().household();
    let mut contacts = Contacts::default();
    let invitations: Vec<&Invitation> = origins
        .iter()
        .filter_map(|origin| match origin {
            Origin::Home(invitation) => Some(&**invitation),
            Origin::Folder { .. } | Origin::Bucket(_) => None,
        })
        .collect();
    for origin in origins {
        match origin {
            Origin::Folder { place, vaults } => contacts.open_folder(place, vaults, &household)?,
            Origin::Bucket(place) => match bucket::open(place, household).await {
                Ok(target) => contacts.open_bucket(place, target),
                Err(Problem::Unreachable(why)) => contacts.silent.push((bucket_said(place), why)),
                Err(other) => return Err(other),
            },
            Origin::Home(_) => {}
        }
    }
    if !invitations.is_empty() {
        let net = Caller(start(&invitations, phrase.root().authority(), relays, machine.as_ref()).await?);
        let calls = invitations.iter().map(|invitation| net.connect_to(relays.addresses(invitation)));
        for (invitation, called) in invitations.iter().zip(futures_util::future::join_all(calls).await) {
            contacts.called(invitation, called);
        }
        contacts.net = Some(net.0);
    }
    for note in
        contacts.strangers.iter().map(|who| format!("{who} keeps nothing for this household; left aside"))
    {
        restoring.say(note);
    }
    for (_, why) in &contacts.silent {
        restoring.say(why.clone());
    }
    if contacts.sources.is_empty() { Err(contacts.nobody()) } else { Ok(contacts) }
}

impl Contacts {
    fn open_folder(
        &mut self,
        place: &std::path::Path,
        vaults: &[(PathBuf, heirloom_vault::folder::Marker)],
        household: &HouseholdId,
    ) -> Result<(), Problem> {
        let Some((folder, _)) = vaults.iter().find(|(_, marker)| marker.household == *household) else {
            return Err(Problem::OtherHousehold { place: place.display().to_string() });
        };
        let target = super::source::open_folder(folder, *household)?;
        let source = Source::new(place.display().to_string(), target);
        self.places.push((Place::Folder(folder.display().to_string()), Arc::clone(&source)));
        self.sources.push(source);
        self.folders.push(folder.clone());
        Ok(())
    }

    fn open_bucket(&mut self, place: &S3Place, target: Arc<dyn Target>) {
        let source = Source::new(bucket_said(place), target);
        self.places.push((Place::S3(place.clone()), Arc::clone(&source)));
        self.sources.push(source);
    }

    /// Takes leave of everybody, so that no home waits for another word; for who only looked.
    pub(super) async fn close(self) {
        let Self { net, sources, places, .. } = self;
        drop((sources, places));
        if let Some(net) = net {
            net.close().await;
        }
    }

    /// Which packs are where, so that the restored home does not send again what is there. A place that stops answering
    /// is counted later.
    pub(super) async fn held(&self) -> Vec<(Place, Vec<PackId>)> {
        let mut held = Vec::with_capacity(self.places.len());
        for (place, source) in &self.places {
            held.push((place.clone(), list(source.target.as_ref()).await));
        }
        held
    }

    fn called(&mut self, invitation: &Invitation, called: Result<Called, RecoverError>) {
        let name = name_of(invitation);
        match called {
            Ok(Called { client, address }) => {
                if let Some(known) = client.known()
                    && self.known.as_ref().is_none_or(|best| known.outranks(best))
                {
                    self.known = Some(known.clone());
                }
                self.reached.push((*invitation.household(), address));
                let source = Source::new(name, Arc::new(client));
                self.places.push((Place::Household(*invitation.household()), Arc::clone(&source)));
                self.sources.push(source);
            }
            Err(RecoverError::NothingKept) => self.strangers.push(name),
            Err(error) => {
                let why = format!("{name}: {error}");
                self.silent.push((name, why));
            }
        }
    }

    fn nobody(&self) -> Problem {
        if !self.silent.is_empty() {
            let why: Vec<&str> = self.silent.iter().map(|(_, why)| why.as_str()).collect();
            return Problem::Unreachable(format!(
                "{}. See that the computer there is on; if its people can use it, ask them for a new invitation, which \
                 tells its newest address. Or ask for a disk that it writes",
                why.join("; ")
            ));
        }
        if self.strangers.is_empty() {
            return Problem::Origin("name an invitation or a folder to restore from".to_owned());
        }
        Problem::NothingKept { who: self.strangers.join(" and ") }
    }
}

/// The packs that a place lists, as far as it answers.
async fn list(target: &dyn Target) -> Vec<PackId> {
    let mut packs: Vec<PackId> = Vec::new();
    for _ in 0..PAGES_MAX {
        match target.list(packs.last().copied()).await {
            Ok(page) if !page.is_empty() => packs.extend(page.into_iter().map(|(pack, _)| pack)),
            _ => break,
        }
    }
    packs
}

/// A home that answered.
struct Called {
    client: crate::protocols::vault::RecoverClient,
    address: NodeAddress,
}

/// The network of this machine while it is no home.
struct Caller(RecoverNet);

impl Caller {
    /// Reaches a home at the first of these addresses that leads to it.
    async fn connect_to(&self, addresses: Vec<NodeAddress>) -> Result<Called, RecoverError> {
        let mut why = RecoverError::Unreachable("its invitation names no address".to_owned());
        for address in addresses {
            match self.0.connect(&address).await {
                Ok(client) => return Ok(Called { client, address }),
                Err(error @ RecoverError::Unreachable(_)) => why = error,
                Err(other) => return Err(other),
            }
        }
        Err(why)
    }
}

/// Opens the network of this machine, which is no home yet, with new keys if it has none.
pub(super) async fn start(
    invitations: &[&Invitation],
    authority: AuthorityKey,
    access: &RelayAccess,
    machine: Option<&Machine>,
) -> Result<RecoverNet, Problem> {
    let secrets = match machine {
        Some(machine) => machine.clone(),
        None => Zeroizing::new(crate::random::bytes::<{ NodeKeys::BYTES }>()?),
    };
    let keys = NodeKeys::from_bytes(&secrets);
    let config = RecoverConfig {
        listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        relays: access.configs(invitations.iter().copied()),
        relay_roots: access.roots.clone(),
        mdns: true,
    };
    let net = RecoverNet::start(&keys, authority, config).await;
    Ok(net.context("this computer's network could not be used")?)
}

fn bucket_said(place: &S3Place) -> String {
    format!("the bucket {}", bucket_name(place))
}

fn name_of(invitation: &Invitation) -> String {
    match invitation.name() {
        "" => format!("the home {}", &invitation.household().to_string()[..8]),
        name => name.to_owned(),
    }
}
