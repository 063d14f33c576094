//! Goal: homes keep packs for each other as their people agreed, and reach nothing else.
//! Method: two and three real nodes on loopback; packs are any bytes, since a keeper can read none.

use std::sync::Arc;

use bytes::Bytes;
use heirloom::protocols::vault::asking::Line;
use heirloom::protocols::vault::{PeerTarget, agreements, notices};
use heirloom_identity::{ContentHash, HeadHash, HouseholdId, VaultHead};
use heirloom_vault::keeper::AlarmKind;
use heirloom_vault::policy::Standing;
use heirloom_vault::policy::placement::Assignment;
use heirloom_vault::{Answer, BlobKind, Challenge, Entry, PackId, PackRef, Room, Target, TargetError, proof};

use crate::family::{House, pair};

pub(crate) const GB: u64 = 1 << 30;

/// A pack, as far as a keeper can tell.
pub(crate) fn pack(seed: u8, bytes: usize) -> (PackId, Bytes) {
    let bytes: Vec<u8> = (0..=250).cycle().take(bytes).map(|at: u8| seed ^ at).collect();
    (PackId::of(&bytes), bytes.into())
}

/// Heads of this home that follow each other; a seed for each tells chains apart.
pub(crate) fn chain<const N: usize>(house: &House, seeds: [u8; N]) -> [Vec<u8>; N] {
    let keys = &house.home.keys;
    let (mut number, mut previous) = (0, HeadHash::NONE);
    seeds.map(|seed| {
        number += 1;
        let pointer = [seed; heirloom_identity::vault_key::POINTER_BYTES];
        let wrapped = &keys.vault().unwrap().wrapped;
        let signer = keys.node.signer();
        let head =
            VaultHead::sign(signer, &keys.certificate, number, previous, 5, wrapped, &pointer).unwrap();
        previous = head.hash();
        head.encode()
    })
}

/// The first head of this home.
pub(crate) fn head(house: &House) -> Vec<u8> {
    let [head] = chain(house, [1]);
    head
}

impl House {
    /// Another home as a place that keeps packs of this one.
    pub(crate) fn target(&self, keeper: &Self) -> PeerTarget {
        PeerTarget::new(Arc::clone(&self.home), keeper.household())
    }

    /// What is known of another home as a keeper.
    pub(crate) fn standing(&self, keeper: &HouseholdId) -> Option<Standing> {
        self.home.vault.store.target_of(keeper).unwrap().map(|target| target.standing)
    }

    /// The kinds of alarms that people here see.
    pub(crate) fn alarms(&self) -> Vec<String> {
        self.home.vault.store.alarms().unwrap().into_iter().map(|alarm| alarm.kind).collect()
    }

    pub(crate) async fn alarmed(&self, kind: &str) {
        self.until(kind, || self.alarms().iter().any(|one| one == kind).then_some(())).await;
    }
}

/// One home keeps for another, as if people had agreed.
pub(crate) fn agree(ward: &House, keeper: &House, quota: u64) {
    keeper.home.vault.keeper.agree(&ward.household(), quota, 1, [7; 16]).unwrap();
}

/// A ward and its keeper, which are connected.
pub(crate) async fn ward_and_keeper() -> (House, House) {
    let (ward, keeper) = (House::new("The Smiths").await, House::new("Nonna").await);
    pair(&ward, &keeper).await;
    agreements::ask(&ward.home, keeper.household(), 2 * GB).await.unwrap();
    agreements::keep(&keeper.home, ward.household(), GB).await.unwrap();
    let id = keeper.household();
    ward.until("to be kept for", || (ward.standing(&id) == Some(Standing::Active)).then_some(())).await;
    (ward, keeper)
}

async fn down(houses: impl IntoIterator<Item = House>) {
    for house in houses {
        house.down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_goes_to_another_home_is_proven_and_comes_back() {
    let (ward, keeper) = ward_and_keeper().await;
    let target = ward.target(&keeper);
    let (id, bytes) = pack(1, 4 << 20);
    target.put(id, bytes.clone(), Room::Common).await.unwrap();
    target.put(id, bytes.clone(), Room::Common).await.expect("twice is as good as once");
    assert_eq!(target.list(None).await.unwrap(), [(id, 4 << 20)]);
    assert_eq!(target.list(Some(id)).await.unwrap(), []);
    for range in [0..4 << 20, 0..44, 1_000_000..2_500_000, (4 << 20) - 1..4 << 20] {
        let part = target.get(id, range.clone()).await.unwrap();
        let expected = &bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()];
        assert!(part == expected, "{range:?}");
    }
    let challenges: Vec<_> = (0..64).map(|group| Challenge { pack: id, bytes: 4 << 20, group }).collect();
    let answers = target.prove(challenges.clone()).await.unwrap();
    assert_eq!(answers.len(), challenges.len());
    for (challenge, answer) in answers {
        let Answer::Proof(bytes) = answer else { panic!("{answer:?}") };
        assert!(proof::verify(&challenge, &bytes));
    }
    let state = target.state().await.unwrap();
    assert_eq!((state.quota, state.packs), (Some(GB), 1));
    assert!(state.used >= 4 << 20);
    drop(target);
    down([ward, keeper]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_records_and_deletions_reach_the_keeper() {
    let (ward, keeper) = ward_and_keeper().await;
    let target = ward.target(&keeper);
    let [first, second] = chain(&ward, [1, 2]);
    target.put_head(first.clone()).await.unwrap();
    target.put_head(second.clone()).await.unwrap();
    assert_eq!(target.heads().await.unwrap(), [second.clone(), first.clone()]);
    let [_, other] = chain(&ward, [1, 9]);
    // Which of the two counts, their hashes say; people hear of it whichever it is.
    let taken = target.put_head(other).await;
    assert!(matches!(taken, Ok(()) | Err(TargetError::Fork)), "{taken:?}");
    ward.alarmed("fork").await;
    keeper.alarmed("fork_here").await;
    target.put_kit(vec![5; 1000]).await.unwrap();
    assert_eq!(target.kits().await.unwrap(), [vec![5; 1000]]);

    let (id, bytes) = pack(1, 131_072);
    let mut all = Vec::new();
    for seed in 0..30 {
        let (id, bytes) = pack(seed + 100, 262_144);
        target.put(id, bytes, Room::Common).await.unwrap();
        all.push(id);
    }
    target.put(id, bytes.clone(), Room::Common).await.unwrap();
    let deleted = target.delete(vec![id]).await.unwrap();
    assert_eq!((deleted.held, deleted.waits_for_person), (1, false));
    let held = Challenge { pack: id, bytes: 131_072, group: 0 };
    assert_eq!(target.prove(vec![held]).await.unwrap()[0].1, Answer::Missing);
    assert_eq!(target.get(id, 0..131_072).await.unwrap(), bytes, "it is held");
    // Much at once waits for people in both homes.
    let deleted = target.delete(all).await.unwrap();
    assert!(deleted.waits_for_person);
    ward.alarmed("deletion").await;
    keeper.alarmed("deletion_here").await;
    assert!(target.state().await.unwrap().asked);
    agreements::answer_ward(&keeper.home, ward.household(), false).await.unwrap();
    assert!(!target.state().await.unwrap().asked);
    assert_eq!(target.list(None).await.unwrap().len(), 30);
    drop(target);
    down([ward, keeper]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_reaches_only_what_is_kept_for_it() {
    let (ward, keeper) = ward_and_keeper().await;
    let other = House::new("Ben's").await;
    pair(&keeper, &other).await;
    let (id, bytes) = pack(1, 131_072);
    ward.target(&keeper).put(id, bytes.clone(), Room::Common).await.unwrap();
    ward.target(&keeper).put_head(head(&ward)).await.unwrap();

    // Nothing was agreed with this one.
    let target = other.target(&keeper);
    let refused = Err(TargetError::Refused("it keeps nothing for this home".to_owned()));
    let question = Challenge { pack: id, bytes: 131_072, group: 0 };
    assert_eq!(target.put(id, bytes.clone(), Room::Common).await, refused.clone());
    assert_eq!(target.get(id, 0..10).await.map(drop), refused);
    assert_eq!(target.list(None).await.map(drop), refused);
    assert_eq!(target.prove(vec![question]).await.map(drop), refused);
    assert_eq!(target.delete(vec![id]).await.map(drop), refused);
    assert_eq!(target.put_head(head(&other)).await, refused);
    assert_eq!(target.heads().await.map(drop), refused);
    assert_eq!(target.put_kit(vec![1]).await, refused);
    assert_eq!(target.kits().await.map(drop), refused);
    assert_eq!(target.state().await.map(drop), refused);

    // And a ward sees nothing of another: what is there and what is nowhere are the same.
    agree(&other, &keeper, GB);
    let nowhere = Challenge { pack: PackId::of(b"nowhere"), ..question };
    assert_eq!(target.get(id, 0..10).await, target.get(nowhere.pack, 0..10).await);
    assert_eq!(target.get(id, 0..10).await, Err(TargetError::Missing));
    let proven = target.prove(vec![question, nowhere]).await.unwrap();
    assert_eq!([&proven[0].1, &proven[1].1], [&Answer::Missing, &Answer::Missing]);
    target.delete(vec![id]).await.unwrap();
    assert_eq!(target.list(None).await.unwrap(), []);
    assert_eq!(target.heads().await.unwrap(), Vec::<Vec<u8>>::new());
    assert!(matches!(target.put_head(head(&ward)).await, Err(TargetError::Wrong(_))));
    // The same pack may be kept for both.
    target.put(id, bytes.clone(), Room::Common).await.unwrap();
    assert_eq!(ward.target(&keeper).get(id, 0..131_072).await.unwrap(), bytes);
    drop(target);
    down([ward, other, keeper]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_keeper_says_so_before_the_bytes_travel() {
    let (ward, keeper) = (House::new("The Smiths").await, House::new("Nonna").await);
    pair(&ward, &keeper).await;
    agree(&ward, &keeper, 10 << 20);
    let target = ward.target(&keeper);
    let (small, bytes) = pack(1, 1 << 20);
    target.put(small, bytes, Room::Common).await.unwrap();
    let (large, bytes) = pack(2, 32 << 20);
    let full = target.put(large, bytes, Room::Common).await;
    assert!(matches!(full, Err(TargetError::Full { quota, .. }) if quota <= 10 << 20), "{full:?}");
    assert_eq!(target.list(None).await.unwrap().len(), 1);
    drop(target);
    down([ward, keeper]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_agree_on_is_known_in_both_homes() {
    let (anna, ben) = (House::new("Anna").await, House::new("Ben").await);
    pair(&anna, &ben).await;
    let (of_anna, of_ben) = (anna.household(), ben.household());
    let asked = |bytes: u64| {
        let asks = ben.home.vault.store.asks().unwrap();
        asks.iter().any(|ask| (ask.household, ask.bytes) == (of_anna, bytes)).then_some(())
    };
    let standing = |wanted| (anna.standing(&of_ben) == Some(wanted)).then_some(());

    agreements::ask(&anna.home, of_ben, GB).await.unwrap();
    ben.until("to be asked", || asked(GB)).await;
    assert_eq!(anna.standing(&of_ben), Some(Standing::Asked));
    agreements::end_ward(&ben.home, of_anna).await.unwrap();
    anna.until("to hear no", || standing(Standing::Refused)).await;
    // A no is no longer shown, until somebody asks again.
    assert!(ben.home.vault.store.asks().unwrap().is_empty());
    agreements::ask(&anna.home, of_ben, 2 * GB).await.unwrap();
    ben.until("to be asked again", || asked(2 * GB)).await;
    agreements::keep(&ben.home, of_anna, GB).await.unwrap();
    anna.until("to hear yes", || standing(Standing::Active)).await;
    let target = anna.home.vault.store.target_of(&of_ben).unwrap().unwrap();
    assert_eq!(target.reported.quota, Some(GB));
    assert!(ben.home.vault.store.asks().unwrap().is_empty());
    // More room is another wish.
    agreements::keep(&ben.home, of_anna, 3 * GB).await.unwrap();
    let quota = || {
        let target = anna.home.vault.store.target_of(&of_ben).unwrap().unwrap();
        (target.reported.quota == Some(3 * GB)).then_some(())
    };
    anna.until("to hear of more room", quota).await;
    agreements::end_ward(&ben.home, of_anna).await.unwrap();
    anna.until("to hear that it is over", || standing(Standing::Refused)).await;
    anna.alarmed("ended").await;

    let refused = agreements::ask(&anna.home, of_ben, 1).await.unwrap_err();
    assert!(refused.to_string().contains("at least 64 MB"), "{refused}");
    let stranger = HouseholdId::from_bytes([9; 32]);
    let refused = agreements::keep(&anna.home, stranger, GB).await.unwrap_err();
    assert!(refused.to_string().contains("connected"), "{refused}");
    down([anna, ben]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_made_while_the_other_home_is_off_is_heard_later() {
    let (anna, ben) = (House::new("Anna").await, House::new("Ben").await);
    pair(&anna, &ben).await;
    let (of_anna, of_ben) = (anna.household(), ben.household());
    let ben = ben.down().await;
    anna.misses(of_ben).await;
    agreements::ask(&anna.home, of_ben, GB).await.unwrap();
    assert_eq!(anna.target_is_offline(&of_ben).await, TargetError::Offline);
    let ben = ben.up().await;
    ben.until("to be asked", || (!ben.home.vault.store.asks().unwrap().is_empty()).then_some(())).await;
    let anna = anna.down().await;
    ben.misses(of_anna).await;
    agreements::keep(&ben.home, of_anna, GB).await.unwrap();
    let anna = anna.up().await;
    anna.until("to hear yes", || (anna.standing(&of_ben) == Some(Standing::Active)).then_some(())).await;
    down([anna, ben]).await;
}

impl House {
    async fn target_is_offline(&self, household: &HouseholdId) -> TargetError {
        PeerTarget::new(Arc::clone(&self.home), *household).state().await.unwrap_err()
    }
}

/// Nothing about an agreement depends on what the ward remembers.
#[tokio::test(flavor = "multi_thread")]
async fn a_ward_that_lost_its_tables_learns_who_keeps_for_it() {
    let (ward, keeper) = ward_and_keeper().await;
    let id = keeper.household();
    ward.target(&keeper).put_head(head(&ward)).await.unwrap();
    let ward = ward.down().await;
    for ending in ["", "-wal", "-shm"] {
        drop(std::fs::remove_file(ward.root().join(format!("vault.sqlite{ending}"))));
    }
    let ward = ward.up().await;
    ward.until("to be told", || (ward.standing(&id) == Some(Standing::Active)).then_some(())).await;
    down([ward, keeper]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_scrub_sets_aside_the_ward_hears_at_once_or_when_it_returns() {
    let (ward, keeper) = ward_and_keeper().await;
    let (of_ward, store) = (ward.household(), ward.home.vault.store.clone());
    let target = store.target_of(&keeper.household()).unwrap().unwrap().id;
    let mut packs = Vec::new();
    for seed in 1..=2 {
        let (id, bytes) = pack(seed, 65_536);
        ward.target(&keeper).put(id, bytes, Room::Common).await.unwrap();
        let entry = Entry {
            kind: BlobKind::Original,
            blob: ContentHash::of(&[seed]),
            size: 10,
            at: 0,
            bytes: 10,
            offset: 44,
            first_chunk: 0,
        };
        let made = PackRef { id, generation: 1, salt: [seed; 32], bytes: 65_536 };
        store.record_pack(&made, &[entry], 1).unwrap();
        store.assign(&[Assignment { pack: id, target }]).unwrap();
        store.mark_proven(target, &[id], 1).unwrap();
        packs.push(id);
    }
    let proven = |id: &PackId| !store.holders(id).unwrap().is_empty();
    assert!(proven(&packs[0]) && proven(&packs[1]));

    damage(&keeper, &of_ward, &packs[0]);
    notices::scrubbed(&keeper.network, &scrub(&keeper)).await;
    assert!(!proven(&packs[0]) && proven(&packs[1]));
    keeper.alarmed("damaged_here").await;

    let ward = ward.down().await;
    keeper.misses(of_ward).await;
    damage(&keeper, &of_ward, &packs[1]);
    notices::scrubbed(&keeper.network, &scrub(&keeper)).await;
    drop(store);
    let ward = ward.up().await;
    let store = ward.home.vault.store.clone();
    let told = || store.holders(&packs[1]).unwrap().is_empty().then_some(());
    ward.until("to hear of the second one", told).await;
    // Sent again, it is whole again.
    let (id, bytes) = pack(2, 65_536);
    ward.target(&keeper).put(id, bytes, Room::Common).await.unwrap();
    let line = Line::new(ward.network.connection(&keeper.household()).unwrap());
    assert_eq!(line.damaged().await.unwrap(), [packs[0]]);
    down([ward, keeper]).await;
}

/// Flips a bit of a kept pack.
fn damage(keeper: &House, ward: &HouseholdId, pack: &PackId) {
    let name = pack.to_string();
    let folder = keeper.home.layout.kept().join(ward.to_string()).join("packs").join(&name[..2]);
    let path = folder.join(format!("{name}.pack"));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[30_000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
}

/// Reads everything that is kept, as the keeper does every month.
fn scrub(keeper: &House) -> Vec<(HouseholdId, PackId)> {
    let custody = &keeper.home.vault.keeper;
    custody.tick(40 * 24 * 60 * 60 * 1000).unwrap();
    let mut bad = Vec::new();
    for _ in 0..10 {
        bad.extend(custody.scrub_step(1 << 30).unwrap().bad);
    }
    bad
}

/// A keeper that nobody asked for, and that has nothing of ours, is not believed.
#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_nobody_asked_for_is_no_keeper() {
    let (ward, keeper) = (House::new("The Smiths").await, House::new("Nonna").await);
    pair(&ward, &keeper).await;
    agreements::keep(&keeper.home, ward.household(), GB).await.unwrap();
    // Whatever is said on this connection before, it is said on the next one anew.
    let (of_ward, of_keeper) = (ward.household(), keeper.household());
    let ward = ward.down().await;
    keeper.misses(of_ward).await;
    let ward = ward.up().await;
    ward.sees(&keeper).await;
    assert_eq!(ward.target(&keeper).state().await.unwrap().quota, Some(GB), "it would keep");
    assert_eq!(ward.standing(&of_keeper), None);
    // Asked, it is.
    agreements::ask(&ward.home, of_keeper, GB).await.unwrap();
    ward.until("to be kept for", || (ward.standing(&of_keeper) == Some(Standing::Active)).then_some(()))
        .await;
    down([ward, keeper]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keepers_tell_each_other_the_newest_head() {
    let (ward, nonna) = ward_and_keeper().await;
    let ben = House::new("Ben").await;
    pair(&ward, &ben).await;
    agree(&ward, &ben, GB);
    let [first, second, newest] = chain(&ward, [1, 2, 3]);
    for house in [&nonna, &ben] {
        ward.target(house).put_head(first.clone()).await.unwrap();
    }
    ward.target(&nonna).put_head(second.clone()).await.unwrap();
    ward.target(&nonna).put_head(newest.clone()).await.unwrap();
    let id = ward.household();
    let heads = |house: &House| house.home.vault.keeper.heads(&id).unwrap();
    assert_eq!(heads(&ben), std::slice::from_ref(&first));
    pair(&nonna, &ben).await;
    ben.until("the newest head", || (heads(&ben).first() == Some(&newest)).then_some(())).await;
    // A head that was replaced is refused by both now.
    assert_eq!(ward.target(&ben).put_head(second).await, Err(TargetError::Older));

    // A home that keeps nothing for that household is told nothing, whatever it says.
    let line = Line::new(ward.network.connection(&ben.household()).unwrap());
    assert_eq!(line.newest_of(vec![[1; 32], [2; 32]]).await, Ok(None));
    down([ward, nonna, ben]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_chains_are_noticed_by_keepers_although_each_saw_only_one() {
    let (ward, nonna) = ward_and_keeper().await;
    let ben = House::new("Ben").await;
    pair(&ward, &ben).await;
    agree(&ward, &ben, GB);
    let [first, second] = chain(&ward, [1, 2]);
    let [_, other] = chain(&ward, [1, 9]);
    for (house, newest) in [(&nonna, second), (&ben, other)] {
        ward.target(house).put_head(first.clone()).await.unwrap();
        ward.target(house).put_head(newest).await.unwrap();
    }
    assert!(ward.alarms().is_empty());
    pair(&nonna, &ben).await;
    let forked = |house: &House| {
        let alarms = house.home.vault.keeper.alarms(0).unwrap();
        alarms.iter().any(|alarm| alarm.kind == AlarmKind::Fork).then_some(())
    };
    let noticed = async {
        tokio::select! {
            () = nonna.until("a fork", || forked(&nonna)) => {}
            () = ben.until("a fork", || forked(&ben)) => {}
        }
    };
    noticed.await;
    down([ben, nonna, ward]).await;
}
