//! What a home needs besides what was fetched: a node of its own, with a certificate above every one before it; new keys
//! in front of the old ones; and what is known of the copies that it was restored from.
//!
//! Everything is made in `restoring/`, from the beginning at every attempt: nobody has seen it before the files are
//! [placed](super::place).

mod books;
mod config;
mod places;

use std::path::Path;

use anyhow::Context;
use heirloom_identity::{HouseholdId, Phrase, ReceiveKey};
use heirloom_net::NodeAddress;
use heirloom_store::StoreError;
use heirloom_vault::PackId;
use heirloom_vault::store::{NewAlarm, OriginalState, Place, VaultStore, open_database};

pub use self::books::PICTURE_BYTES;
pub(crate) use self::books::{Pictures, fill_books, read_pictures};
use self::config::{make_config, old_config};
use super::manifest::Opened;
use super::state::{Reached, State, sync_folder};
use super::tables::{beside, remove};
use super::{Problem, RelayAccess, space};
use crate::clock;
use crate::home::keys::{KeyFile, RECEIVE_KEYS_MAX, VaultKeys, fresh_receive_key};
use crate::home::layout::Layout;
use crate::ledger::Ledger;
use crate::ledger::invitations::InvitationState;
use crate::protocols::network::SETTING_OUTRANKED;
use crate::vault::known_places::{KnownPlaces, PLACES};
use crate::vault::newer::SETTING_CHOSEN;
use crate::vault::remembered;
pub(crate) use crate::vault::snapshot::PICTURES;

/// The setting that says when this home was restored.
pub const SETTING_RESTORED: &str = "restored_ms";
/// The setting that says when the state that was restored was made.
pub const SETTING_RESTORED_STATE: &str = "restored_state_ms";
/// The alarm about keys that were locked on the old machine and are not here.
const ALARM_UNLOCKED: &str = "keys-unlocked";
/// The alarm that a newer state than the one that was restored was seen.
const ALARM_PASSED: &str = "restored-older";
/// The file in the home with the certificates of relays that were named for the restore.
pub(super) const RELAY_ROOTS: &str = "relay-roots.pem";

/// Who restores, and from where.
pub(super) struct Comer<'a> {
    /// Opens and signs.
    pub(super) phrase: &'a Phrase,
    /// The highest generation of a certificate that anybody knows.
    pub(super) generation: u32,
    /// Homes that were reached, and where.
    pub(super) reached: Vec<(HouseholdId, NodeAddress)>,
    /// Places that were restored from, and the packs that each has.
    pub(super) held: Vec<(Place, Vec<PackId>)>,
    /// The relay, if a person named one.
    pub(super) relays: RelayAccess,
    /// Whether a person chose a state that is not the newest.
    pub(super) is_older: bool,
    /// Why the newest state that somebody has is not the one that is restored, if so.
    pub(super) passed: Option<String>,
}

/// Makes everything, and notes that the files may be placed.
///
/// # Errors
/// [`Problem::Space`] when the photos will not fit, [`Problem::Newer`] when a database was written by a newer program.
pub(super) fn make(
    layout: &Layout,
    state: &mut State,
    opened: &Opened,
    comer: &Comer<'_>,
) -> Result<(), Problem> {
    let folder = layout.restoring();
    let now_ms = clock::now_ms();
    {
        let ledger = Ledger::open(&folder.join("home.sqlite")).map_err(unusable)?;
        mend_ledger(&ledger, opened, comer, now_ms)?;
        let (_, bytes) = ledger.totals().map_err(unusable)?;
        space::check(&folder, bytes)?;
        make_vault(&folder, &ledger, opened, comer, now_ms)?;
    }
    // Opened once, so that a database that this program cannot read is noticed while nothing is lost.
    drop(
        heirloom_store::Database::open(
            &folder.join("spaces.sqlite"),
            heirloom_store::Durability::Full,
            heirloom_spaces::MIGRATIONS,
        )
        .map_err(unusable)?,
    );
    for name in ["home.sqlite", "spaces.sqlite", "vault.sqlite"] {
        settle(&folder.join(name))?;
    }
    make_keys(&folder, opened, comer, now_ms)?;
    make_config(&folder, &comer.relays)?;
    sync_folder(&folder)?;
    let ours = |agreement: &heirloom_vault::Agreement| {
        // TOML has no larger numbers.
        Some((agreement.household.to_string(), agreement.we_keep?.min(i64::MAX.unsigned_abs())))
    };
    state.we_keep = opened.root.agreements.iter().filter_map(ours).collect();
    state.reached = Reached::Placing;
    state.save(layout)?;
    Ok(())
}

fn unusable(error: StoreError) -> Problem {
    match error {
        StoreError::TooNew { .. } => Problem::Newer(error.to_string()),
        other => Problem::Other(other.into()),
    }
}

/// The ledger as it was, but for what was true of the old machine only.
fn mend_ledger(ledger: &Ledger, opened: &Opened, comer: &Comer<'_>, now_ms: i64) -> anyhow::Result<()> {
    cancel_invitations(ledger)?;
    // For whom the old machine kept copies, and where its own were, is taken over from the manifest.
    remembered::forget(ledger)?;
    ledger.set_setting(SETTING_OUTRANKED, "")?;
    ledger.set_setting(SETTING_RESTORED, &now_ms.to_string())?;
    ledger.set_setting(SETTING_RESTORED_STATE, &opened.head.made_at_ms().to_string())?;
    ledger.set_setting(SETTING_CHOSEN, if comer.is_older { "yes" } else { "" })?;
    for (household, address) in &comer.reached {
        let known = ledger.peer(household)?;
        // An address is of one node; that of another one is said in its hello.
        if known.is_some_and(|peer| *peer.certificate.node() == address.node) {
            ledger.peer_seen(household, Some(address.encode()), now_ms)?;
        }
    }
    Ok(())
}

/// Open invitations name the machine before this one.
pub(super) fn cancel_invitations(ledger: &Ledger) -> anyhow::Result<()> {
    for invitation in ledger.invitations()? {
        if invitation.state == InvitationState::Open {
            ledger.end_invitation(&invitation.id, InvitationState::Cancelled)?;
        }
    }
    Ok(())
}

/// What is known of copies: everything that the manifest says, and where it came from. What places hold is counted again
/// by the vault's own work.
fn make_vault(
    folder: &Path,
    ledger: &Ledger,
    opened: &Opened,
    comer: &Comer<'_>,
    now_ms: i64,
) -> Result<(), Problem> {
    let path = folder.join("vault.sqlite");
    for ending in ["", "-wal", "-shm"] {
        remove(&beside(&path, ending))?;
    }
    let store = VaultStore::new(open_database(&path).map_err(unusable)?);
    let pictures = match std::fs::File::open(folder.join(PICTURES)) {
        Ok(file) => {
            read_pictures(std::io::BufReader::new(file)).context("cannot read which pictures there are")?
        }
        Err(_) => Pictures::new(),
    };
    fill_books(&store, ledger, opened, &pictures, OriginalState::Missing, now_ms)?;
    let known = KnownPlaces::load(&folder.join(PLACES));
    let own = places::own(known.as_ref(), comer);
    places::take_over(&store, opened, comer, own.clone(), now_ms).map_err(unusable)?;
    if let Some(alarm) = places::about(known.as_ref(), &own, comer) {
        store.raise(&alarm, now_ms).map_err(unusable)?;
    }
    if let Some(passed) = &comer.passed {
        store.raise(&about_passed(passed, opened.head.made_at_ms()), now_ms).map_err(unusable)?;
    }
    if old_config(folder).is_some_and(|(_, config)| config.key_passphrase_file.is_some()) {
        store.raise(&about_keys(), now_ms).map_err(unusable)?;
    }
    Ok(())
}

fn about_passed(passed: &str, made_at_ms: i64) -> NewAlarm {
    NewAlarm {
        kind: ALARM_PASSED,
        household: None,
        text: format!(
            "What came back is how things were on {}, and not the newest that was seen: {passed}.",
            super::when(made_at_ms)
        ),
        advice: "Photos and captions may be missing. Newer copies stay where they are for 30 days: switch on every home and \
                 connect every disk that has some, with the newest Heirloom, and this page says how they come home."
            .to_owned(),
    }
}

fn about_keys() -> NewAlarm {
    NewAlarm {
        kind: ALARM_UNLOCKED,
        household: None,
        text: "The keys of this computer are not locked with a passphrase, as those of the old one were."
            .to_owned(),
        advice: "Whoever has its disk can use them. To lock them again, stop Heirloom and run `heirloom keys lock \
                 --passphrase-file FILE`, with the passphrase in that file's first line."
            .to_owned(),
    }
}

/// Makes sure that a database which was closed is one file.
fn settle(path: &Path) -> anyhow::Result<()> {
    let wal = beside(path, "-wal");
    let left = std::fs::metadata(&wal).map_or(0, |meta| meta.len());
    anyhow::ensure!(left == 0, "{} is still in use", path.display());
    remove(&wal)?;
    remove(&beside(path, "-shm"))?;
    std::fs::File::open(path)
        .and_then(|file| file.sync_all())
        .with_context(|| format!("cannot make {} durable", path.display()))
}

fn make_keys(folder: &Path, opened: &Opened, comer: &Comer<'_>, now_ms: i64) -> anyhow::Result<()> {
    let root = comer.phrase.root();
    let authority = root.authority();
    // A thief of the old machine opens nothing of what is written or sent from now on.
    let keyring = opened.keyring.with_newer(crate::random::bytes()?)?;
    let vault = VaultKeys::wrap(keyring, &root.wrapping(), &authority.household())?;
    let old = opened.root.receive_keys.iter().map(|secret| ReceiveKey::from_bytes(secret));
    let receive = std::iter::once(fresh_receive_key()?).chain(old).take(RECEIVE_KEYS_MAX).collect();
    let generation = comer.generation.checked_add(1).context("certificates have run out")?;
    let keys = KeyFile::make_node(&authority, generation, receive, vault, now_ms)?;
    let path = folder.join("keys.toml");
    remove(&path)?;
    keys.save(&path, None)
}
