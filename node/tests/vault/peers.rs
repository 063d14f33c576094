//! Other homes as places for copies, with real connections on loopback.

use std::sync::Arc;

use heirloom::home::Home;
use heirloom::protocols::Network;
use heirloom::protocols::vault::{agreements, notices};
use heirloom::vault::audits::{self, Scope};
use heirloom::vault::heal;
use heirloom::vault::status::status;
use heirloom_identity::HouseholdId;
use heirloom_vault::policy::{Policy, Standing};
use tokio_util::sync::CancellationToken;

use crate::homes::{Scratch, household, original, photo, photos, picture, run};
use crate::readback::Readback;
use crate::wait::until;

const QUOTA: u64 = 256 << 20;

/// A home that is up.
pub(crate) struct Place {
    pub(crate) scratch: Scratch,
    pub(crate) home: Arc<Home>,
    pub(crate) network: Arc<Network>,
}

impl Place {
    pub(crate) async fn up(scratch: Scratch) -> Self {
        let home = scratch.open();
        let network = Network::start(&home, None).await.unwrap();
        Self { scratch, home, network }
    }

    pub(crate) async fn down(self) -> Scratch {
        self.network.stop().await;
        self.home.close();
        drop(self.network);
        crate::crash::closed(self.home);
        self.scratch
    }
}

/// Two homes that are paired, the second of which keeps copies for the first.
pub(crate) async fn keeper_and_ward() -> (Place, Place) {
    let anna = Place::up(Scratch::new("Anna")).await;
    let ben = Place::up(Scratch::new("Ben")).await;
    keeps_for(&ben, &anna).await;
    (anna, ben)
}

/// Pairs two homes, the first of which keeps copies for the second from now on.
pub(crate) async fn keeps_for(keeper: &Place, ward: &Place) {
    let (of_keeper, of_ward) = (household(&keeper.home), household(&ward.home));
    let invited = ward.network.invite(true).await.unwrap();
    keeper.network.accept(&invited.link).unwrap();
    connected(ward, keeper).await;
    agreements::ask(&ward.home, of_keeper, QUOTA).await.unwrap();
    until("the wish", &[&keeper.home], || keeper.home.vault.store.asks().unwrap().pop()).await;
    agreements::keep(&keeper.home, of_ward, QUOTA).await.unwrap();
    until("the answer", &[&ward.home], || {
        let row = ward.home.vault.store.target_of(&of_keeper).unwrap()?;
        (row.standing == Standing::Active).then_some(())
    })
    .await;
}

/// Waits until two homes are connected; the first one dials at once.
pub(crate) async fn connected(one: &Place, other: &Place) {
    let (here, there) = (household(&one.home), household(&other.home));
    one.network.wake_dialer(&there);
    until("the homes to connect", &[&one.home, &other.home], || {
        one.network.connection(&there).and(other.network.connection(&here)).map(drop)
    })
    .await;
}

/// Waits until a home is not connected.
pub(crate) async fn gone(one: &Place, other: &HouseholdId) {
    let is_gone = || one.network.connection(other).is_none().then_some(());
    until("it to be gone", &[&one.home], is_gone).await;
}

pub(crate) fn complete(place: &Place) -> u64 {
    let overview =
        place.home.vault.store.overview(place.home.vault.engine.now(), &Policy::default()).unwrap();
    overview.photos.at_least(1)
}

/// Goal: photos go to another home, are proved there, and come back from there; what is said is counted from proofs.
#[tokio::test(flavor = "multi_thread")]
async fn another_home_keeps_everything() {
    let (anna, ben) = keeper_and_ward().await;
    let contents: Vec<_> = (0..4).map(|seed| photo(&anna.home, seed)).collect();
    let report = run(&anna.home).await;
    assert_eq!(report.head, Some(1), "{report:?}");
    assert_eq!(complete(&anna), 4);
    let ward = ben.home.vault.keeper.ward(&household(&anna.home)).unwrap();
    assert_eq!(ward.packs, report.packs);

    let targets = anna.home.vault.targets(&anna.home).unwrap();
    let back = Readback::of(Arc::clone(&targets[0].1), &anna.scratch.phrase).await;
    assert_eq!(back.originals().await.len(), 4);

    let audited = audits::run(&anna.home, Scope::Everything, 1, &CancellationToken::new()).await.unwrap();
    assert_eq!((audited.ok, audited.wrong, audited.missing), (audited.asked, 0, 0));

    let path = original(&anna.home, &contents[3]);
    std::fs::remove_file(&path).unwrap();
    let healed = heal::mend(&anna.home, &CancellationToken::new()).await.unwrap();
    assert_eq!(healed.healed, 1);
    assert_eq!(std::fs::read(&path).unwrap(), picture(3));
}

/// Goal: a keeper that is off loses nothing and gets what it missed when it returns.
#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_that_was_off_catches_up() {
    let (anna, ben) = keeper_and_ward().await;
    photo(&anna.home, 1);
    run(&anna.home).await;
    let ben_household = household(&ben.home);
    let ben = ben.down().await;
    gone(&anna, &ben_household).await;
    photo(&anna.home, 2);
    let report = run(&anna.home).await;
    assert_eq!(report.places[0].packs, 0, "{report:?}");
    assert_eq!(complete(&anna), 1, "what it has proved still counts");
    let ben = Place::up(ben).await;
    connected(&anna, &ben).await;
    run(&anna.home).await;
    assert_eq!(complete(&anna), 2);
    drop(ben);
}

/// Goal: people here are asked about a deletion that was asked for in their name at another home, until they or the people
/// there say no. Method: the keeper is told to delete most of what it has, as somebody with this home's keys would.
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_in_our_name_is_a_question_here() {
    let (anna, ben) = keeper_and_ward().await;
    photos(&anna.home, 0..3);
    run(&anna.home).await;
    let keeper = &ben.home.vault.keeper;
    let packs: Vec<_> = keeper.list(&household(&anna.home), None, 100).unwrap();
    let packs: Vec<_> = packs.into_iter().map(|(pack, _)| pack).collect();
    let asked = || status(&anna.home).unwrap().keepers.remove(0).ask.map(|ask| ask.packs);
    let wish = async || {
        assert!(keeper.delete(&household(&anna.home), &packs).unwrap().waits_for_person);
        notices::pass_on(&ben.network).await;
        until("the question", &[&anna.home], asked).await
    };
    assert_eq!(asked(), None);
    assert_eq!(wish().await, packs.len() as u64);
    assert!(status(&anna.home).unwrap().keepers[0].ask.unwrap().bytes > 0);
    assert_eq!(status(&anna.home).unwrap().reasons[0].kind, "deletion");
    agreements::answer_keeper(&anna.home, household(&ben.home), false).await.unwrap();
    assert_eq!((asked(), status(&anna.home).unwrap().alarms), (None, Vec::new()));

    wish().await;
    agreements::answer_ward(&ben.home, household(&anna.home), false).await.unwrap();
    until("their no", &[&anna.home], || asked().is_none().then_some(())).await;
    assert_eq!(keeper.ward(&household(&anna.home)).unwrap().packs, packs.len() as u64);
}

/// Goal: a pack that rotted at a keeper is found by the keeper's own reading, told to its ward, and sent again.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_keeper_finds_damaged_is_sent_again() {
    let (anna, ben) = keeper_and_ward().await;
    photos(&anna.home, 0..3);
    run(&anna.home).await;
    let kept = ben.home.layout.kept().join(household(&anna.home).to_string());
    let mut packs = crate::homes::files_below(&kept.join("packs"));
    packs.retain(|(path, _)| path.extension().is_some_and(|ending| ending == "pack"));
    packs.sort_by_key(|(_, bytes)| *bytes);
    let path = kept.join("packs").join(&packs.last().unwrap().0);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[77] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    // 36 days of running time.
    heirloom::vault::worker::keep_promises(&ben.home, 36 * crate::homes::DAY_MS).await.unwrap();
    until("the ward to hear of it", &[&anna.home], || (complete(&anna) < 3).then_some(())).await;
    run(&anna.home).await;
    assert_eq!(complete(&anna), 3);
    assert_eq!(
        blake3::hash(&std::fs::read(&path).unwrap()).to_hex().as_str(),
        path.file_stem().unwrap().to_str().unwrap()
    );
}
