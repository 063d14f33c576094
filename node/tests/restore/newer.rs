//! A home that came back from an older place meets a newer state of itself: what is only there comes home.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use heirloom::clock;
use heirloom::home::Home;
use heirloom::ledger::assets::Entry;
use heirloom::restore::{Restoring, keys};
use heirloom::sharing;
use heirloom::vault::backup;
use heirloom::vault::newer::{self, Answer, AnswerProblem, Doing, State, Why};
use heirloom_identity::{ContentHash, SpaceId};
use heirloom_spaces::{AlbumEdit, MarkChange, Marks};
use heirloom_vault::PackId;
use heirloom_vault::store::Alarm;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::folder::copy;
use crate::house::{Back, House, pair, photo, restore, restore_all};
use crate::photos::{derive, picture};
use crate::wait::{until, wait_until_closed};

/// Anna, whose disk was carried away, and who lives on with copies at Ben's home.
struct Parted {
    anna: House,
    ben: House,
    /// Where the disk is now, with the state of the day on which it was carried away.
    disk: String,
    album: SpaceId,
}

impl Parted {
    async fn new() -> Self {
        let (anna, ben) = (House::found_up("Anna").await, House::found_up("Ben").await);
        pair(&anna, &ben).await;
        anna.live();
        let album = sharing::create_album(&anna.home, anna.account(), "Summer").unwrap();
        let first: Vec<_> = anna.entries().iter().take(3).map(|entry| entry.asset).collect();
        sharing::add_assets(&anna.home, &album, anna.account(), &first).unwrap();
        anna.keep_at(&ben).await;
        let (disk, _) = anna.add_folder("disk");
        anna.back_up().await;
        let shelf = anna.beside("shelf");
        std::fs::rename(disk, &shelf).unwrap();
        Self { anna, ben, disk: shelf.to_str().unwrap().to_owned(), album }
    }

    /// A new photo, in a pack of its own, at Ben's home only.
    async fn lives_on(&self, seed: u32) -> Entry {
        let entry = self.anna.photo(seed);
        self.anna.back_up().await;
        entry
    }

    /// The house burnt down; the disk brings back what it has, and Ben's home is met.
    async fn restored(&mut self) -> Back {
        self.anna.burn().await;
        let (back, _) = restore_all(&self.anna.beside("new"), &self.anna.words(), &[&self.disk]).await;
        self.meet(&back).await;
        back
    }

    async fn meet(&self, back: &Back) {
        until("the homes to connect", &[&self.ben.home, &back.home], || {
            let there = self.ben.network().connection(&self.anna.household());
            there.and(back.network.connection(&self.ben.household())).map(drop)
        })
        .await;
        run(&back.home).await;
    }
}

async fn run(home: &Arc<Home>) {
    backup::run(home, &CancellationToken::new()).await.unwrap();
}

/// One look; whether something is left.
async fn bring(home: &Arc<Home>) -> bool {
    newer::bring(home, &CancellationToken::new()).await.unwrap()
}

/// The one state that is known.
fn state(home: &Home) -> State {
    let mut states = newer::list(home).unwrap();
    assert_eq!(states.len(), 1, "{states:?}");
    states.remove(0)
}

fn alarm(home: &Home, kind: &str) -> Option<Alarm> {
    home.vault.store.alarms().unwrap().into_iter().find(|alarm| alarm.kind == kind)
}

fn here(home: &Home, entry: &Entry) -> Option<Entry> {
    home.ledger.by_content(&entry.account, &entry.file.hashes.content).unwrap()
}

/// Checks that a photo is here bit for bit, as it came.
fn check_photo(home: &Home, entry: &Entry, seed: u32) {
    let here = here(home, entry).unwrap_or_else(|| panic!("{} is not here", entry.given_name));
    assert_eq!(
        (here.asset, &here.given_name, here.modified_ms, here.arrived_ms, &here.file.mime),
        (entry.asset, &entry.given_name, entry.modified_ms, entry.arrived_ms, &entry.file.mime)
    );
    assert_eq!(std::fs::read(home.layout.original(&here.file.path)).unwrap(), picture(seed));
}

fn marks(home: &Home, entry: &Entry) -> Marks {
    home.library.marks(&entry.asset, heirloom::index::added_month(entry)).unwrap()
}

fn in_album(home: &Home, album: &SpaceId) -> Vec<ContentHash> {
    let entries = home.albums.entries(album, 0..1_000).unwrap();
    entries.iter().map(|entry| entry.facts.content).collect()
}

/// Whether an account's timeline shows a photo, with its pictures.
fn is_shown(home: &Home, entry: &Entry) -> bool {
    let detail = home.catalog().asset(&heirloom_catalog::AssetRef::Uuid(entry.asset)).unwrap();
    detail.is_some_and(|detail| detail.thumbhash.is_some())
}

/// Checks what was decided about photos that only the relative had, and about those that both have.
fn check_marks(home: &Home, old: &[Entry], new: &[Entry]) {
    assert_eq!(marks(home, &new[0]).caption.as_deref(), Some("The first snow"));
    assert!(marks(home, &new[1]).favourite);
    assert_eq!(marks(home, &old[4]).caption.as_deref(), Some("At the pond"), "nobody decided here");
    assert!(marks(home, &old[2]).favourite, "nobody decided here");
    let garden = marks(home, &old[1]).caption;
    assert_eq!(garden.as_deref(), Some("Grandma's garden, the last summer"), "this home's own stays");
    let first = marks(home, &old[0]);
    assert_eq!((first.favourite, first.rating), (false, Some(0)), "what was taken back stays so");
}

/// Checks an album that both have, and one that began after the disk was carried away.
fn check_albums(home: &Home, summer_space: &SpaceId, winter: &SpaceId, old: &[Entry], new: &[Entry]) {
    let mut summer = in_album(home, summer_space);
    summer.sort_unstable();
    let mut expected: Vec<_> =
        [&old[0], &old[1], &new[0], &new[1]].map(|entry| entry.file.hashes.content).into();
    expected.sort_unstable();
    assert_eq!(summer, expected, "what was taken out here stays out, what was put in there is in");
    assert_eq!(in_album(home, winter), [new[2].file.hashes.content]);
    let account = home.ledger.accounts().unwrap()[0].id;
    let album = home.albums.album(winter).unwrap().unwrap();
    assert!(sharing::sees(home, &account, &album).unwrap() && album.title == "Winter");
}

/// Goal: photos that only a relative has come home by themselves, bit for bit, with what was decided about them; what both
/// have keeps what was decided here, and what was taken away here stays away. Method: a disk of last month and a relative
/// with today's state; between the restore and the meeting people decide otherwise about some photos.
#[tokio::test(flavor = "multi_thread")]
async fn photos_that_a_relative_has_come_home() {
    let mut parted = Parted::new().await;
    let anna = &parted.anna;
    let old = anna.entries();
    let new = [anna.photo(20), anna.photo(21), anna.photo(22)];
    anna.decide(&new[0], MarkChange::Caption(Some("The first snow".to_owned())));
    anna.decide(&new[1], MarkChange::Favourite(true));
    // Of photos that both have: undecided here; decided otherwise here; taken back here.
    anna.decide(&old[4], MarkChange::Caption(Some("At the pond".to_owned())));
    anna.decide(&old[2], MarkChange::Favourite(true));
    anna.decide(&old[1], MarkChange::Caption(Some("Another garden".to_owned())));
    anna.decide(&old[0], MarkChange::Rating(Some(5)));
    let both = [new[0].asset, new[1].asset];
    sharing::add_assets(&anna.home, &parted.album, anna.account(), &both).unwrap();
    let winter = sharing::create_album(&anna.home, anna.account(), "Winter").unwrap();
    sharing::add_assets(&anna.home, &winter, anna.account(), &[new[2].asset]).unwrap();
    anna.back_up().await;

    parted.anna.burn().await;
    let (back, _) = restore_all(&parted.anna.beside("new"), &parted.anna.words(), &[&parted.disk]).await;
    let home = &back.home;
    let account = home.ledger.accounts().unwrap()[0].id;
    let decide = |entry: &Entry, change| {
        heirloom::index::decide(home, entry.account, &[entry.asset], &[change]).unwrap();
    };
    decide(&old[0], MarkChange::Favourite(false));
    decide(&old[0], MarkChange::Rating(Some(0)));
    let gone = old[2].file.hashes.content;
    home.albums
        .edit(&parted.album, account, &[AlbumEdit::RemoveEntries(vec![gone])], clock::now_ms())
        .unwrap();
    parted.meet(&back).await;

    let found = state(home);
    assert_eq!((found.why, found.doing, found.place.as_str()), (Why::Before, Doing::Bringing, "Ben"));
    let told = alarm(home, "newer-state").unwrap();
    assert!(told.text.contains("Ben has newer copies"), "{told:?}");
    assert!(!bring(home).await);
    derive(home);
    // What may open something to somebody waits for a person's word; photos and what was said of them do not.
    let found = state(home);
    assert_eq!((found.doing, found.brought, found.total), (Doing::Asks, 3, 3), "{found:?}");
    let told = alarm(home, "newer-state").unwrap();
    assert!(told.text.contains("3 photos from them are here") && told.advice.contains("albums"), "{told:?}");
    assert!(home.albums.album(&winter).unwrap().is_none());
    assert_eq!(marks(home, &new[0]).caption.as_deref(), Some("The first snow"), "it came with its photo");
    assert_eq!((marks(home, &old[4]).caption, marks(home, &old[2]).favourite), (None, false));
    newer::answer(home, &found.id, Answer::Bring(None)).await.unwrap();
    assert!(!bring(home).await);
    for (entry, seed) in new.iter().zip(20..) {
        check_photo(home, entry, seed);
        assert!(is_shown(home, entry));
    }
    check_marks(home, &old, &new);
    check_albums(home, &parted.album, &winter, &old, &new);

    let told = alarm(home, "newer-brought").unwrap();
    assert_eq!(told.text, "Ben had newer copies of your home; 3 photos from them were brought back.");
    assert_eq!(alarm(home, "newer-state"), None);
    let found = state(home);
    assert_eq!((found.doing, found.brought, found.total, found.missing), (Doing::Brought, 3, 3, 0));
    assert!(!home.layout.vault().join("newer").join(&found.id).exists(), "nothing is left behind");

    // Counting goes on, the same state is no news, and the photos are copied like all others.
    let ben = home.vault.store.target_of(&parted.ben.household()).unwrap().unwrap().id;
    home.vault.store.set_setting(&format!("counted-{ben}"), "").unwrap();
    run(home).await;
    assert_eq!(alarm(home, "newer-state"), None);
    assert_eq!(home.vault.store.moment(&format!("newer-{ben}")).unwrap(), None, "nothing is doubted");
    let copies = home.vault.store.copies_of(&new[0].file.hashes.content).unwrap();
    assert!(copies.iter().any(|(place, _)| *place == ben), "{copies:?}");
    assert!(!bring(home).await);
    drop(back.stop().await);
}

/// Goal: bringing may be cut off at any moment and goes on. Method: it is dropped each time that a photo came, and the home
/// is opened anew.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_cut_off_goes_on() {
    const COUNT: u32 = 9;
    let mut parted = Parted::new().await;
    let new: Vec<Entry> = (0..COUNT).map(|number| parted.anna.photo(30 + number)).collect();
    parted.anna.back_up().await;
    let mut back = parted.restored().await;
    let root = back.home.layout.root().to_owned();
    let arrived = |home: &Home| new.iter().filter(|entry| here(home, entry).is_some()).count();
    let mut starts = 0;
    while state(&back.home).doing != Doing::Brought {
        let (home, before) = (Arc::clone(&back.home), arrived(&back.home));
        let one_more = until("a photo to come", &[&home], || (arrived(&home) > before).then_some(()));
        let is_done = tokio::select! {
            left = bring(&home) => !left,
            () = one_more => false,
        };
        if is_done {
            break;
        }
        starts += 1;
        assert!(starts <= COUNT, "each start brings one at least");
        drop(home);
        drop(back.stop().await);
        wait_until_closed(&root);
        back = Back::begin(&root, &Restoring::default()).await;
        parted.meet(&back).await;
    }
    for (entry, seed) in new.iter().zip(30..) {
        check_photo(&back.home, entry, seed);
    }
    let found = state(&back.home);
    assert_eq!(
        (found.doing, found.brought, found.total),
        (Doing::Brought, u64::from(COUNT), u64::from(COUNT))
    );
    assert!(starts > 0, "it was cut off once at least");
    let drafts = std::fs::read_dir(back.home.layout.inbox()).unwrap().count();
    assert_eq!(drafts, 0, "nothing half done is left");
    drop(back.stop().await);
}

/// Every pack with an original.
fn packs_of(home: &Home, entry: &Entry) -> HashSet<PackId> {
    let mut packs = HashSet::new();
    while let Some(located) = home.vault.store.locate_without(&entry.file.hashes.content, &packs).unwrap() {
        packs.extend(located.pieces.iter().map(|(pack, _)| pack.id));
    }
    packs
}

/// Every file of a pack below a folder.
fn pack_files(folder: &Path, name: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(name)) {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "no pack {name}");
    found
}

/// Goal: of a state of which packs are missing the rest comes, people hear how many photos are missing, and those come when
/// the packs are there. Method: a pack is taken out of the relative's home, and turns up on a disk.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_said_and_comes_later() {
    let mut parted = Parted::new().await;
    let (one, other) = (parted.lives_on(40).await, parted.lives_on(41).await);
    let packs = packs_of(&parted.anna.home, &one);
    parted.anna.burn().await;
    let (kept, away) = (parted.ben.home.layout.kept(), parted.ben.beside("away"));
    std::fs::create_dir(&away).unwrap();
    for file in packs.iter().flat_map(|pack| pack_files(&kept, &pack.to_string())) {
        std::fs::rename(&file, away.join(file.file_name().unwrap())).unwrap();
    }
    let (back, _) = restore_all(&parted.anna.beside("new"), &parted.anna.words(), &[&parted.disk]).await;
    parted.meet(&back).await;
    assert!(bring(&back.home).await, "something is left");
    check_photo(&back.home, &other, 41);
    assert_eq!(here(&back.home, &one), None);
    let found = state(&back.home);
    assert_eq!((found.doing, found.brought, found.missing, found.total), (Doing::Waiting, 1, 1, 2));
    let told = alarm(&back.home, "newer-state").unwrap();
    assert!(told.text.contains("1 of 2 photos"), "{told:?}");
    assert_eq!(alarm(&back.home, "newer-brought"), None);
    for pack in &packs {
        let (name, shard) =
            (format!("{pack}.pack"), Path::new(&parted.disk).join("packs").join(&pack.to_string()[..2]));
        std::fs::create_dir_all(&shard).unwrap();
        std::fs::copy(away.join(&name), shard.join(&name)).unwrap();
    }
    assert!(!bring(&back.home).await);
    check_photo(&back.home, &one, 40);
    let told = alarm(&back.home, "newer-brought").unwrap();
    assert!(told.text.contains("2 photos"), "{told:?}");
    assert_eq!(alarm(&back.home, "newer-state"), None);
    drop(back.stop().await);
}

/// Goal: what a computer did after it was replaced comes when a person says that it is theirs, and not before. Method: the
/// old home lives on, apart from the restored one, and backs up once more; somebody leaves that first.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_replaced_computer_did_is_asked_about() {
    let mut parted = Parted::new().await;
    let new = parted.anna.beside("new");
    restore(&new, &parted.anna.words(), &[&parted.disk]).await.0.unwrap();
    let entry = parted.lives_on(50).await;
    parted.anna.stop().await;
    let back = Back::begin(&new, &Restoring::default()).await;
    back.complete().await;
    parted.meet(&back).await;
    let home = &back.home;
    let found = state(home);
    assert_eq!((found.why, found.doing, found.needs_phrase), (Why::After, Doing::Asks, false));
    let told = alarm(home, "newer-state").unwrap();
    assert!(told.text.contains("the computer that this one replaced"), "{told:?}");
    assert!(told.advice.contains(&format!("heirloom vault newer bring {}", found.id)), "{told:?}");
    assert!(!bring(home).await);
    assert_eq!(here(home, &entry), None, "nobody said that it is theirs");

    newer::answer(home, &found.id, Answer::Leave).await.unwrap();
    assert_eq!(alarm(home, "newer-state"), None);
    assert!(!bring(home).await);
    assert_eq!((state(home).doing, here(home, &entry)), (Doing::Left, None));
    newer::answer(home, &found.id, Answer::Bring(None)).await.unwrap();
    assert!(!bring(home).await);
    check_photo(home, &entry, 50);
    assert!(matches!(newer::answer(home, "none", Answer::Leave).await, Err(AnswerProblem::Unknown)));
    drop(back.stop().await);
}

/// Goal: what another restored computer kept with keys of its own comes with the 24 words only. Method: two restores from
/// one disk; the first one takes a photo, backs up and is lost; the second stands above it.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_restored_computer_kept_comes_with_the_words() {
    let mut parted = Parted::new().await;
    let older = parted.anna.beside("older");
    copy(Path::new(&parted.disk), &older);
    let first = parted.restored().await;
    let entry = photo(&first.home, 60);
    run(&first.home).await;
    drop(first.stop().await);

    let (second, words) = (parted.anna.beside("second"), parted.anna.words());
    restore(&second, &words, &[older.to_str().unwrap()]).await.0.unwrap();
    wait_until_closed(&second);
    keys::renew(&second, &words, clock::now_ms()).unwrap();
    let back = Back::begin(&second, &Restoring::default()).await;
    back.complete().await;
    parted.meet(&back).await;
    let home = &back.home;
    let found = state(home);
    assert_eq!((found.doing, found.needs_phrase), (Doing::Asks, true), "{found:?}");
    let asked = newer::answer(home, &found.id, Answer::Bring(None)).await;
    assert!(matches!(asked, Err(AnswerProblem::NeedsPhrase)), "{asked:?}");
    let others = Zeroizing::new(parted.ben.words());
    let asked = newer::answer(home, &found.id, Answer::Bring(Some(others))).await;
    assert!(matches!(asked, Err(AnswerProblem::Phrase(_))), "{asked:?}");
    assert!(!bring(home).await);
    assert_eq!(here(home, &entry), None);

    newer::answer(home, &found.id, Answer::Bring(Some(Zeroizing::new(words)))).await.unwrap();
    drop(back.stop().await);
    wait_until_closed(&second);
    let back = Back::begin(&second, &Restoring::default()).await;
    parted.meet(&back).await;
    assert!(!bring(&back.home).await, "the words are typed once");
    check_photo(&back.home, &entry, 60);
    assert_eq!(state(&back.home).doing, Doing::Brought);
    drop(back.stop().await);
}

/// Closes a household's home and opens it again.
fn opened_anew(house: House, while_closed: impl FnOnce(&Path)) -> House {
    let root = house.beside("home");
    let House { folder, phrase, home, network } = house;
    home.close();
    drop(home);
    wait_until_closed(&root);
    while_closed(&root);
    House { folder, phrase, home: crate::house::open(&root), network }
}

/// Goal: a home whose disk was set back gets what came since, once a person said that it was set back; until then nothing
/// comes, since a thief of its keys looks the same. Method: the folder of the home is put back as it was before two photos.
#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_was_set_back_gets_what_came_since() {
    let anna = House::found("Anna");
    anna.live();
    let (disk, id) = anna.add_folder("disk");
    anna.back_up().await;
    let (image, lost) = (anna.beside("image"), anna.beside("lost"));
    let anna = opened_anew(anna, |root| copy(root, &image));
    let new = [anna.photo(70), anna.photo(71)];
    anna.decide(&new[0], MarkChange::Caption(Some("Back then".to_owned())));
    anna.back_up().await;
    let anna = opened_anew(anna, |root| {
        std::fs::rename(root, lost).unwrap();
        std::fs::rename(image, root).unwrap();
    });

    let home = &anna.home;
    home.vault.store.set_setting(&format!("counted-{id}"), "").unwrap();
    anna.back_up().await;
    let found = state(home);
    assert_eq!((found.why, found.doing, found.needs_phrase), (Why::SetBack, Doing::Asks, false));
    let told = alarm(home, "newer-state").unwrap();
    assert!(told.text.contains(disk.to_str().unwrap()) && told.text.contains("set back"), "{told:?}");
    assert!(!bring(home).await);
    assert_eq!(here(home, &new[0]), None);
    newer::answer(home, &found.id, Answer::Bring(None)).await.unwrap();
    assert!(!bring(home).await);
    for (entry, seed) in new.iter().zip(70..) {
        check_photo(home, entry, seed);
    }
    assert_eq!(marks(home, &new[0]).caption.as_deref(), Some("Back then"));
    assert_eq!((alarm(home, "newer-state"), home.vault.store.moment("set-back").unwrap()), (None, None));
    home.vault.store.set_setting(&format!("counted-{id}"), "").unwrap();
    anna.back_up().await;
    assert_eq!(alarm(&anna.home, "newer-state"), None, "its own head is no news any more");
}

/// Goal: an account that was made in a newer state comes with its photos when a person says so, and manages nobody. Method: an account with a
/// photo is made after the disk was carried away, by a home whose keys may be a thief's by then.
#[tokio::test(flavor = "multi_thread")]
async fn accounts_come_with_their_photos() {
    let mut parted = Parted::new().await;
    let lee = parted.anna.admin("Lee");
    let incoming = heirloom::ingest::Incoming {
        account: lee,
        given_name: "lee.png".to_owned(),
        modified_ms: clock::now_ms(),
        origin: heirloom::ledger::assets::Origin::Upload,
        source: None,
    };
    let kept = heirloom::ingest::keep_bytes(&parted.anna.home, incoming, picture(80)).unwrap();
    let entry = kept.entry().clone();
    // The same file of somebody who was there before.
    let annas = crate::photos::keep(&parted.anna.home, "anna.png", picture(80));
    derive(&parted.anna.home);
    parted.anna.back_up().await;
    let back = parted.restored().await;
    assert!(!bring(&back.home).await);
    check_photo(&back.home, &annas, 80);
    let found = state(&back.home);
    assert_eq!((found.doing, found.brought), (Doing::Asks, 1), "{found:?}");
    assert_eq!(back.home.ledger.account(&lee).unwrap(), None, "nobody may sign in without a person's word");
    newer::answer(&back.home, &found.id, Answer::Bring(None)).await.unwrap();
    assert!(!bring(&back.home).await);
    check_photo(&back.home, &entry, 80);
    let account = back.home.ledger.account(&lee).unwrap().unwrap();
    assert_eq!((account.name.as_str(), account.admin), ("Lee", false));
    assert_eq!(state(&back.home).brought, 2);
    drop(back.stop().await);
}

/// Goal: what was given up while a place was away for longer than places hold things is begun anew when it is back. Method:
/// a relative's newer state is seen, this home runs for more than a month without the relative, then they meet.
#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_was_away_for_long_is_begun_anew() {
    const MONTH_MS: i64 = 31 * 24 * 60 * 60 * 1000;
    let mut parted = Parted::new().await;
    let entry = parted.lives_on(90).await;
    let back = parted.restored().await;
    let home = &back.home;
    assert_eq!(state(home).doing, Doing::Bringing);
    home.vault.keeper.tick(MONTH_MS).unwrap();
    assert!(!bring(home).await);
    assert!(newer::list(home).unwrap().is_empty() && here(home, &entry).is_none());
    let told = alarm(home, "newer-brought").unwrap();
    assert!(told.text.contains("could not be read in time"), "{told:?}");

    let ben = home.vault.store.target_of(&parted.ben.household()).unwrap().unwrap().id;
    home.vault.store.set_setting(&format!("counted-{ben}"), "").unwrap();
    run(home).await;
    assert_eq!(state(home).doing, Doing::Bringing);
    assert!(!bring(home).await);
    check_photo(home, &entry, 90);
    drop(back.stop().await);
}

/// Goal: who says that it is not theirs while it comes is heard. Method: it is left when the first photos are here.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_while_it_comes_stays_left() {
    let mut parted = Parted::new().await;
    let new: Vec<Entry> = (0..3).map(|number| parted.anna.photo(95 + number)).collect();
    parted.anna.back_up().await;
    let back = parted.restored().await;
    let home = &back.home;
    let id = state(home).id;
    let arrived = || new.iter().any(|entry| here(home, entry).is_some());
    let first = until("a photo to come", &[home], || arrived().then_some(()));
    let leaving = async {
        first.await;
        newer::answer(home, &id, Answer::Leave).await.unwrap();
    };
    let ((), is_left) = tokio::join!(leaving, bring(home));
    // Either it was done before anybody said so, or it stays left.
    assert!(!is_left && state(home).doing != Doing::Bringing, "{:?}", state(home));
    drop(back.stop().await);
}
