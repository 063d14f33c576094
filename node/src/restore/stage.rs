//! What a home needs besides what was fetched: a node of its own, with a certificate above every one before it; new keys
//! in front of the old ones; and what is known of the copies that it was restored from.
//!
//! Everything is made in `restoring/`, from the beginning at every attempt: nobody has seen it before the files are
//! [placed](super::place).

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;

use anyhow::Context;
use heirloom_identity::{ContentHash, HouseholdId, Phrase, ReceiveKey};
use heirloom_net::NodeAddress;
use heirloom_store::StoreError;
use heirloom_vault::PackId;
use heirloom_vault::policy::{Seed, Standing, scrub};
use heirloom_vault::store::{HeadRow, NewAlarm, OriginalState, Picture, Place, VaultStore, open_database};

use super::manifest::Opened;
use super::state::{Reached, State, sync_folder, write_whole};
use super::tables::{beside, remove};
use super::{Problem, space};
use crate::clock;
use crate::home::config::Config;
use crate::home::keys::{KeyFile, RECEIVE_KEYS_MAX, VaultKeys, fresh_receive_key};
use crate::home::layout::Layout;
use crate::ledger::Ledger;
use crate::ledger::invitations::InvitationState;
use crate::protocols::network::SETTING_OUTRANKED;

/// The setting that says when this home was restored.
pub const SETTING_RESTORED: &str = "restored_ms";
/// The setting that says when the state that was restored was made.
pub const SETTING_RESTORED_STATE: &str = "restored_state_ms";
/// Bytes of a record in `pictures`: the hashes of an original, its thumbnail and its preview.
pub const PICTURE_BYTES: usize = 96;
/// The alarm about places of one's own after a restore.
const ALARM_PLACES: &str = "restored-places";
/// The alarm about keys that were locked on the old machine and are not here.
const ALARM_UNLOCKED: &str = "keys-unlocked";
/// Ledger rows that are noted at once.
const BATCH: u32 = 1_000;
/// The longest settings file that is taken back.
const CONFIG_BYTES_MAX: u64 = 1 << 20;
/// Settings that mean nothing on another machine: an address, and files that are not in the vault.
const SETTINGS_OF_THE_OLD_MACHINE: [&str; 3] = ["p2p_external", "key_passphrase_file", "relay_roots"];

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
    make_config(&folder)?;
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
    for invitation in ledger.invitations()? {
        if invitation.state == InvitationState::Open {
            // It names the old machine.
            ledger.end_invitation(&invitation.id, InvitationState::Cancelled)?;
        }
    }
    ledger.set_setting(SETTING_OUTRANKED, "")?;
    ledger.set_setting(SETTING_RESTORED, &now_ms.to_string())?;
    ledger.set_setting(SETTING_RESTORED_STATE, &opened.head.made_at_ms().to_string())?;
    for (household, address) in &comer.reached {
        let known = ledger.peer(household)?;
        // An address is of one node; that of another one is said in its hello.
        if known.is_some_and(|peer| *peer.certificate.node() == address.node) {
            ledger.peer_seen(household, Some(address.encode()), now_ms)?;
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
    note_pictures(folder, ledger, &store, now_ms)?;
    store.load_manifest(&opened.root, &opened.segments).map_err(unusable)?;
    store.record_located(&opened.root_at, now_ms).map_err(unusable)?;
    let head = HeadRow {
        number: opened.head.number(),
        hash: *opened.head.hash().as_bytes(),
        at_ms: opened.head.made_at_ms(),
        head: opened.head.encode(),
    };
    let chunks = opened.root.files.iter().flat_map(|file| &file.chunks).copied();
    let needs: Vec<ContentHash> = std::iter::once(opened.root_at.blob).chain(chunks).collect();
    store.record_head(&head, &needs).map_err(unusable)?;
    take_over_places(&store, opened, comer, now_ms).map_err(unusable)?;
    store.raise(&about_places(comer), now_ms).map_err(unusable)?;
    if old_config(folder).is_some_and(|(_, config)| config.key_passphrase_file.is_some()) {
        store.raise(&about_keys(), now_ms).map_err(unusable)?;
    }
    Ok(())
}

/// Which places of one's own are used from now on: the manifest names other homes only.
fn about_places(comer: &Comer<'_>) -> NewAlarm {
    let folders = comer.held.iter().filter_map(|(place, _)| match place {
        Place::Folder(folder) => Some(folder.as_str()),
        _ => None,
    });
    let folders = folders.collect::<Vec<_>>().join(" and ");
    let (text, lent) = if folders.is_empty() {
        (
            "Disks and buckets that you added before the restore are not used any more.".to_owned(),
            String::new(),
        )
    } else {
        (
            format!(
                "Copies are written to {folders} from now on, because this home was restored from there."
            ),
            "If that was only lent to you, take it out on the Safety page. ".to_owned(),
        )
    };
    let advice = format!(
        "{lent}Add other disks and buckets of your own again, if you had any: their names and keys were on the old \
         computer only."
    );
    NewAlarm { kind: ALARM_PLACES, household: None, text, advice }
}

fn about_keys() -> NewAlarm {
    NewAlarm {
        kind: ALARM_UNLOCKED,
        household: None,
        text: "The keys of this computer are not locked with a passphrase, as those of the old one were."
            .to_owned(),
        advice: "Whoever has its disk can use them. Encrypt the disk if it may be stolen.".to_owned(),
    }
}

/// The homes that keep copies, and the folders that were restored from; what was listed there need not be sent again once
/// it is proved.
fn take_over_places(
    store: &VaultStore,
    opened: &Opened,
    comer: &Comer<'_>,
    now_ms: i64,
) -> Result<(), StoreError> {
    let homes = opened.root.agreements.iter().filter(|agreement| agreement.they_keep.is_some());
    let homes = homes.map(|agreement| (Place::Household(agreement.household), agreement.they_keep));
    let folders = comer.held.iter().map(|(place, _)| place).filter(|place| matches!(place, Place::Folder(_)));
    for (place, quota) in homes.chain(folders.map(|place| (place.clone(), None))) {
        // One that is not taken over is found again when a person adds it.
        let id = match store.add_target(&place, Standing::Active, now_ms) {
            Ok(id) => id,
            Err(error) => {
                tracing::warn!(%error, "a place that keeps copies was not taken over");
                continue;
            }
        };
        if quota.is_some() {
            store.target_granted(id, quota)?;
        }
        if let Some((_, packs)) = comer.held.iter().find(|(held, _)| *held == place) {
            store.found_at(id, packs, now_ms)?;
        }
    }
    Ok(())
}

/// Which pictures belong to which photo; every original is missing for now.
fn note_pictures(folder: &Path, ledger: &Ledger, store: &VaultStore, now_ms: i64) -> anyhow::Result<()> {
    let pictures = read_pictures(&folder.join("pictures"))?;
    let mut seed = Seed::new(u64::from_le_bytes(crate::random::bytes()?));
    let mut after = 0;
    loop {
        let entries = ledger.entries_after(after, BATCH)?;
        let Some(last) = entries.last() else { return Ok(()) };
        after = last.seq;
        let noted = entries.iter().map(|entry| {
            let content = entry.file.hashes.content;
            let (thumbnail, preview) = pictures.get(&content).copied().unwrap_or_default();
            let picture = Picture {
                content,
                thumbnail,
                preview,
                bytes: entry.file.bytes,
                arrived_ms: entry.arrived_ms,
            };
            (picture, scrub::next_ms(now_ms, &mut seed))
        });
        store.note_pictures(&noted.collect::<Vec<_>>())?;
        let contents: Vec<_> = entries.iter().map(|entry| entry.file.hashes.content).collect();
        store.set_original_state(&contents, OriginalState::Missing)?;
    }
}

/// Thumbnail and preview of each original.
type Pictures = HashMap<ContentHash, (Option<ContentHash>, Option<ContentHash>)>;

/// Reads `pictures`; without one there are none, and they are made anew from the originals.
fn read_pictures(path: &Path) -> anyhow::Result<Pictures> {
    let mut pictures = Pictures::new();
    let Ok(file) = std::fs::File::open(path) else { return Ok(pictures) };
    let mut file = std::io::BufReader::new(file);
    let mut record = [0; PICTURE_BYTES];
    let hash = |bytes: &[u8]| {
        let bytes = <[u8; 32]>::try_from(bytes).ok().filter(|bytes| *bytes != [0; 32])?;
        Some(ContentHash::from_bytes(bytes))
    };
    loop {
        match file.read_exact(&mut record) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(pictures),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
        if let Some(content) = hash(&record[..32]) {
            pictures.insert(content, (hash(&record[32..64]), hash(&record[64..])));
        }
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

/// The person's settings, without those that mean nothing on another machine.
fn make_config(folder: &Path) -> anyhow::Result<()> {
    let mended = old_config(folder).and_then(|(text, before)| without_old_machine(&text, &before));
    let path = folder.join("config.toml");
    write_whole(&path, mended.as_deref().unwrap_or(Config::EXAMPLE).as_bytes())
}

/// The settings as they were, if they came back and can be read.
fn old_config(folder: &Path) -> Option<(String, Config)> {
    let path = folder.join("config.toml");
    std::fs::metadata(&path).ok().filter(|meta| meta.len() <= CONFIG_BYTES_MAX)?;
    let text = std::fs::read_to_string(&path).ok()?;
    let config = toml::from_str(&text).ok()?;
    Some((text, config))
}

/// Nothing changed: the text as it was, with what people wrote in it. Something to leave out: the settings alone.
fn without_old_machine(text: &str, before: &Config) -> Option<String> {
    let here = |address: &std::net::SocketAddr| address.ip().is_unspecified() || address.ip().is_loopback();
    let mut settings: toml::Table = toml::from_str(text).ok()?;
    let count = settings.len();
    for name in SETTINGS_OF_THE_OLD_MACHINE {
        settings.remove(name);
    }
    for (name, address) in [("listen", &before.listen), ("p2p_listen", &before.p2p_listen)] {
        if !here(address) {
            settings.remove(name);
        }
    }
    if settings.len() == count {
        return Some(text.to_owned());
    }
    let kept = toml::to_string(&settings).ok()?;
    Some(format!("# As before the restore, without what was true of the old machine only.\n{kept}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_back_without_those_of_the_old_machine() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let check = |before: Option<&str>, workers: usize| {
            match before {
                Some(text) => std::fs::write(&path, text).unwrap(),
                None => std::fs::remove_file(&path).unwrap(),
            }
            make_config(folder.path()).unwrap();
            let config: Config = toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            assert_eq!(config.workers, workers);
            assert_eq!(config.key_passphrase_file, None);
            assert_eq!(config.listen, Config::default().listen);
        };
        check(Some("workers = 3\nkey_passphrase_file = \"/media/stick\"\nlisten = \"10.0.0.7:80\"\n"), 3);
        check(Some("relay_roots = [\n  \"a.pem\",\n]\nworkers = 3\n"), 3);
        check(Some("listen = \"127.0.0.1:2283\"\nworkers = 2 # as many as we have\n"), 2);
        assert!(std::fs::read_to_string(&path).unwrap().contains("as many as we have"));
        check(Some("nonsense"), 0);
        check(None, 0);
    }

    #[test]
    fn pictures_are_read_as_far_as_they_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pictures");
        assert!(read_pictures(&path).unwrap().is_empty());
        let mut bytes = vec![1; PICTURE_BYTES];
        bytes.extend([2; 64]);
        bytes.extend([0; 32]);
        bytes.extend([3; 50]);
        std::fs::write(&path, bytes).unwrap();
        let pictures = read_pictures(&path).unwrap();
        let hash = |byte| ContentHash::from_bytes([byte; 32]);
        assert_eq!(pictures.len(), 2);
        assert_eq!(pictures[&hash(1)], (Some(hash(1)), Some(hash(1))));
        assert_eq!(pictures[&hash(2)], (Some(hash(2)), None));
    }
}
