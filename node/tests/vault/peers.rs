//! Other homes as places for copies, with real connections on loopback.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use heirloom::home::Home;
use heirloom::protocols::Network;
use heirloom::protocols::vault::{agreements, notices};
use heirloom::vault::audits::{self, Scope};
use heirloom::vault::heal;
use heirloom::vault::status::status;
use heirloom_vault::policy::{Policy, Standing};
use tokio_util::sync::CancellationToken;

use crate::homes::{Scratch, household, original, photo, photos, picture, run};
use crate::readback::Readback;

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(20);
const QUOTA: u64 = 256 << 20;

struct Place {
    scratch: Scratch,
    home: Arc<Home>,
    network: Arc<Network>,
}

impl Place {
    async fn up(scratch: Scratch) -> Self {
        let home = scratch.open();
        let network = Network::start(&home, None).await.unwrap();
        Self { scratch, home, network }
    }

    async fn down(self) -> Scratch {
        self.network.stop().await;
        self.home.close();
        drop(self.network);
        let weak = Arc::downgrade(&self.home);
        drop(self.home);
        until("the home is closed", || async { (weak.strong_count() == 0).then_some(()) }).await;
        self.scratch
    }
}

async fn until<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    let found = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("{what}: not in time"))
}

/// Two homes that are paired, the second of which keeps copies for the first.
async fn keeper_and_ward() -> (Place, Place) {
    let anna = Place::up(Scratch::new("Anna")).await;
    let ben = Place::up(Scratch::new("Ben")).await;
    let invited = anna.network.invite(true).await.unwrap();
    ben.network.accept(&invited.link).unwrap();
    until("the homes connect", || async {
        anna.network
            .connection(&household(&ben.home))
            .and(ben.network.connection(&household(&anna.home)))
            .map(drop)
    })
    .await;
    agreements::ask(&anna.home, household(&ben.home), QUOTA).await.unwrap();
    until("the wish arrives", || async { ben.home.vault.store.asks().unwrap().pop() }).await;
    agreements::keep(&ben.home, household(&anna.home), QUOTA).await.unwrap();
    agreed(&anna, &ben).await;
    (anna, ben)
}

async fn agreed(anna: &Place, ben: &Place) {
    until("the answer arrives", || async {
        let row = anna.home.vault.store.target_of(&household(&ben.home)).unwrap()?;
        (row.standing == Standing::Active).then_some(())
    })
    .await;
}

fn complete(place: &Place) -> u64 {
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
    until("it is gone", || async { anna.network.connection(&ben_household).is_none().then_some(()) }).await;
    photo(&anna.home, 2);
    let report = run(&anna.home).await;
    assert_eq!(report.places[0].packs, 0, "{report:?}");
    assert_eq!(complete(&anna), 1, "what it has proved still counts");
    let ben = Place::up(ben).await;
    anna.network.wake_dialer(&ben_household);
    until("it is back", || async { anna.network.connection(&ben_household).map(drop) }).await;
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
        until("the question is here", || async { asked() }).await
    };
    assert_eq!(asked(), None);
    assert_eq!(wish().await, packs.len() as u64);
    assert!(status(&anna.home).unwrap().keepers[0].ask.unwrap().bytes > 0);
    assert_eq!(status(&anna.home).unwrap().reasons[0].kind, "deletion");
    agreements::answer_keeper(&anna.home, household(&ben.home), false).await.unwrap();
    assert_eq!((asked(), status(&anna.home).unwrap().alarms), (None, Vec::new()));

    wish().await;
    agreements::answer_ward(&ben.home, household(&anna.home), false).await.unwrap();
    until("their no is known here", || async { asked().is_none().then_some(()) }).await;
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
    until("the ward hears of it", || async { (complete(&anna) < 3).then_some(()) }).await;
    run(&anna.home).await;
    assert_eq!(complete(&anna), 3);
    assert_eq!(
        blake3::hash(&std::fs::read(&path).unwrap()).to_hex().as_str(),
        path.file_stem().unwrap().to_str().unwrap()
    );
}
