//! What a home needs besides what was fetched: a node of its own, with a certificate above every one before it; new keys
//! in front of the old ones; and what is known of the copies that it was restored from.
//!
//! Everything is made in `restoring/`, from the beginning at every attempt: nobody has seen it before the files are
//! [placed](super::place).

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context;
use data_encoding::BASE64;
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
use crate::vault::known_places::{KnownPlaces, PLACES, name_of};
use crate::vault::remembered;

/// The setting that says when this home was restored.
pub const SETTING_RESTORED: &str = "restored_ms";
/// The setting that says when the state that was restored was made.
pub const SETTING_RESTORED_STATE: &str = "restored_state_ms";
/// Bytes of a record in `pictures`: the hashes of an original, its thumbnail and its preview.
pub const PICTURE_BYTES: usize = 96;
/// The file with these records.
pub(crate) const PICTURES: &str = "pictures";
/// The alarm about places of one's own after a restore.
const ALARM_PLACES: &str = "restored-places";
/// The alarm about keys that were locked on the old machine and are not here.
const ALARM_UNLOCKED: &str = "keys-unlocked";
/// The alarm that a newer state than the one that was restored was seen.
const ALARM_PASSED: &str = "restored-older";
/// Ledger rows that are noted at once.
const BATCH: u32 = 1_000;
/// The longest settings file that is taken back.
const CONFIG_BYTES_MAX: u64 = 1 << 20;
/// The file in the home with the certificates of relays that were named for the restore.
pub(super) const RELAY_ROOTS: &str = "relay-roots.pem";
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
    /// Certificates (DER) that relays are checked against, if a person named some.
    pub(super) relay_roots: Vec<Vec<u8>>,
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
    make_config(&folder, &comer.relay_roots)?;
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
    let own = own_places(known.as_ref(), comer);
    take_over_places(&store, opened, comer, own.clone(), now_ms).map_err(unusable)?;
    if let Some(alarm) = about_places(known.as_ref(), &own, comer) {
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

/// Fills empty books with everything that a manifest says of packs, and notes the photos of the ledger, whose originals here
/// are as `originals` says. Where copies are is asked for again.
///
/// # Errors
/// When a database cannot be read or written.
pub(crate) fn fill_books(
    store: &VaultStore,
    ledger: &Ledger,
    opened: &Opened,
    pictures: &Pictures,
    originals: OriginalState,
    now_ms: i64,
) -> anyhow::Result<()> {
    note_pictures(store, ledger, pictures, originals, now_ms)?;
    store.load_manifest(&opened.root, &opened.segments)?;
    store.record_located(&opened.root_at, now_ms)?;
    let head = HeadRow {
        number: opened.head.number(),
        hash: *opened.head.hash().as_bytes(),
        at_ms: opened.head.made_at_ms(),
        head: opened.head.encode(),
    };
    let chunks = opened.root.files.iter().flat_map(|file| &file.chunks).copied();
    let needs: Vec<ContentHash> = std::iter::once(opened.root_at.blob).chain(chunks).collect();
    Ok(store.record_head(&head, &needs)?)
}

/// Of the places that were restored from, those that are this household's own. A disk may be lent: nothing is written to
/// one that the manifest does not name. Whoever has a bucket's keys may use it.
fn own_places(known: Option<&KnownPlaces>, comer: &Comer<'_>) -> Vec<Place> {
    let is_own = |place: &&Place| match place {
        Place::Household(_) => false,
        Place::Folder(folder) => known.is_some_and(|known| known.has_folder(folder)),
        Place::S3(_) => true,
    };
    comer.held.iter().map(|(place, _)| place).filter(is_own).cloned().collect()
}

/// Which places of one's own are used from now on, and which are not; `None` when there is nothing to say.
fn about_places(known: Option<&KnownPlaces>, own: &[Place], comer: &Comer<'_>) -> Option<NewAlarm> {
    let join = |names: Vec<String>| names.join(" and ");
    let used = join(own.iter().filter_map(name_of).collect());
    let lent = comer.held.iter().map(|(place, _)| place).filter(|place| !own.contains(place));
    let lent = join(lent.filter_map(name_of).collect());
    let forgotten = known.map(|known| join(known.besides(own)));
    let mut text = Vec::new();
    if !used.is_empty() {
        text.push(format!("Copies are written to {used} from now on, as before the restore."));
    }
    if !lent.is_empty() {
        text.push(format!(
            "Nothing is written to {lent}, from which this home was restored: it is not one of its places."
        ));
    }
    match forgotten.as_deref() {
        Some("") => {}
        Some(forgotten) => {
            text.push(format!("Before the restore, copies went to {forgotten}, too; now they don't."));
        }
        None => {
            text.push(
                "Disks and buckets that you added before the restore are not used any more.".to_owned(),
            );
        }
    }
    let is_complete = lent.is_empty() && forgotten.is_some_and(|forgotten| forgotten.is_empty());
    let advice = if is_complete {
        "If that is not wanted, take it out on the Safety page."
    } else {
        "Add disks and buckets of your own again on the Safety page, or with `heirloom vault target add`. The keys of buckets \
         were on the old computer only."
    };
    let alarm =
        NewAlarm { kind: ALARM_PLACES, household: None, text: text.join(" "), advice: advice.to_owned() };
    (!text.is_empty()).then_some(alarm)
}

fn about_passed(passed: &str, made_at_ms: i64) -> NewAlarm {
    NewAlarm {
        kind: ALARM_PASSED,
        household: None,
        text: format!(
            "What was restored is the state of {}, and not the newest that was seen: {passed}.",
            super::when(made_at_ms)
        ),
        advice: "Photos and captions may be missing. Restore once more into another folder, with the newest Heirloom and \
                 with every home and disk that keeps copies; homes hold newer states for 30 days."
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

/// The homes that keep copies, and places of one's own that were restored from; what was listed there need not be sent again
/// once it is proved.
fn take_over_places(
    store: &VaultStore,
    opened: &Opened,
    comer: &Comer<'_>,
    own: Vec<Place>,
    now_ms: i64,
) -> Result<(), StoreError> {
    let homes = opened.root.agreements.iter().filter(|agreement| agreement.they_keep.is_some());
    let homes = homes.map(|agreement| (Place::Household(agreement.household), agreement.they_keep));
    for (place, quota) in homes.chain(own.into_iter().map(|place| (place, None))) {
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

/// Which pictures belong to which photo, and how its original is here.
fn note_pictures(
    store: &VaultStore,
    ledger: &Ledger,
    pictures: &Pictures,
    originals: OriginalState,
    now_ms: i64,
) -> anyhow::Result<()> {
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
        store.set_original_state(&contents, originals)?;
    }
}

/// Thumbnail and preview of each original.
pub(crate) type Pictures = HashMap<ContentHash, (Option<ContentHash>, Option<ContentHash>)>;

/// Reads the records of `pictures`; half a record at its end is left out.
///
/// # Errors
/// What the system says.
pub(crate) fn read_pictures(mut file: impl std::io::Read) -> std::io::Result<Pictures> {
    let mut pictures = Pictures::new();
    let mut record = [0; PICTURE_BYTES];
    let hash = |bytes: &[u8]| {
        let bytes = <[u8; 32]>::try_from(bytes).ok().filter(|bytes| *bytes != [0; 32])?;
        Some(ContentHash::from_bytes(bytes))
    };
    loop {
        match file.read_exact(&mut record) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(pictures),
            Err(error) => return Err(error),
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

/// The person's settings, without those that mean nothing on another machine; with relays' certificates that were named for
/// the restore, because the photos come over the same relays.
fn make_config(folder: &Path, relay_roots: &[Vec<u8>]) -> anyhow::Result<()> {
    let mended = old_config(folder).and_then(|(text, before)| without_old_machine(&text, &before));
    let mut text = mended.unwrap_or_else(|| Config::EXAMPLE.to_owned());
    let roots = folder.join(RELAY_ROOTS);
    if relay_roots.is_empty() {
        remove(&roots)?;
    } else {
        let pem = |root: &Vec<u8>| {
            format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", BASE64.encode(root))
        };
        write_whole(&roots, relay_roots.iter().map(pem).collect::<String>().as_bytes())?;
        // First, because a setting below a heading would belong to that.
        text = format!("relay_roots = [\"{RELAY_ROOTS}\"]\n{text}");
    }
    write_whole(&folder.join("config.toml"), text.as_bytes())
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
            make_config(folder.path(), &[]).unwrap();
            let config: Config = toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            assert_eq!(config.workers, workers);
            assert_eq!(config.key_passphrase_file, None);
            assert_eq!(config.listen, Config::default().listen);
        };
        check(Some("workers = 3\nkey_passphrase_file = \"/media/stick\"\nlisten = \"10.0.0.7:80\"\n"), 3);
        check(Some("relay_roots = [\n  \"a.pem\",\n]\nworkers = 3\n"), 3);
        check(Some("listen = \"127.0.0.1:2283\"\nworkers = 2 # as many as we have\n"), 2);
        assert!(std::fs::read_to_string(&path).unwrap().contains("as many as we have"));
        let roots = [b"one".to_vec(), b"two".to_vec()];
        make_config(folder.path(), &roots).unwrap();
        let config = Config::load(&path).unwrap();
        assert_eq!((config.relay_roots.len(), config.workers), (1, 2));
        assert_eq!(crate::protocols::start::read_certificates(&config.relay_roots[0]).unwrap(), roots);
        check(Some("nonsense"), 0);
        check(None, 0);
    }

    #[test]
    fn pictures_are_read_as_far_as_they_go() {
        assert!(read_pictures(&[][..]).unwrap().is_empty());
        let mut bytes = vec![1; PICTURE_BYTES];
        bytes.extend([2; 64]);
        bytes.extend([0; 32]);
        bytes.extend([3; 50]);
        let pictures = read_pictures(bytes.as_slice()).unwrap();
        let hash = |byte| ContentHash::from_bytes([byte; 32]);
        assert_eq!(pictures.len(), 2);
        assert_eq!(pictures[&hash(1)], (Some(hash(1)), Some(hash(1))));
        assert_eq!(pictures[&hash(2)], (Some(hash(2)), None));
    }
}
