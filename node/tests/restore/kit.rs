//! Goal: a household that lost its home and its sheet comes back through the homes that hold parts of its kit, and only
//! after people there said yes and the delay is over. Method: three homes on loopback; the clock that the delay is counted
//! with is moved by hand.

use std::sync::Arc;
use std::time::Duration;

use heirloom::clock;
use heirloom::home::Home;
use heirloom::ledger::shares::RequestState;
use heirloom::protocols::Network;
use heirloom::restore::kit::KitOrder;
use heirloom::vault::kits::owner::{self, Made, Wanted};
use heirloom::vault::kits::{DAY_MS, holder, status};
use heirloom_identity::{KitRecord, NodeId};
use tokio::sync::watch;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::house::{House, open, pair, restore_all};
use crate::known::Known;
use crate::wait::{PATIENCE, until};

/// Time between two rounds of asking.
const PAUSE: Duration = Duration::from_millis(50);

/// Anna and two homes that are connected with hers.
async fn three_homes() -> (House, House, House) {
    let anna = House::found_up("Anna").await;
    let (ben, carla) = (House::found_up("Ben").await, House::found_up("Carla").await);
    pair(&anna, &ben).await;
    pair(&anna, &carla).await;
    (anna, ben, carla)
}

/// A kit of which Ben and Carla hold a part each, and a sheet the third.
async fn make(anna: &House, ben: &House, carla: &House, delay_days: u32) -> Made {
    let holders = vec![Some(ben.household()), Some(carla.household()), None];
    let wanted = Wanted { name: "Family".to_owned(), holders, delay_days };
    owner::create(&anna.home, anna.words().into(), wanted, clock::now_ms()).await.unwrap()
}

async fn link(house: &House) -> String {
    house.network().invite(true).await.unwrap().link.to_string()
}

/// What the machine that asks says to whoever sits there.
struct Said(watch::Receiver<Vec<String>>);

impl Said {
    async fn hear(&self, words: &str) {
        let mut said = self.0.clone();
        let heard = said.wait_for(|said| said.iter().any(|text| text.contains(words)));
        let heard = timeout(PATIENCE, heard).await.map(|heard| heard.is_ok());
        assert_eq!(heard, Ok(true), "{words:?} is not among {:?}", *self.0.borrow());
    }
}

/// Somebody asks with these invitations, until there are enough parts.
fn ask(
    anna: &House,
    folder: &str,
    from: &[String],
    papers: &[Zeroizing<String>],
) -> (tokio::task::JoinHandle<Result<Zeroizing<String>, String>>, Said) {
    let order = KitOrder::read(&anna.beside(folder), "Anna", from, papers).unwrap();
    let (teller, said) = watch::channel(Vec::new());
    let asking = tokio::spawn(async move {
        let tell = move |text: &str| teller.send_modify(|said| said.push(text.to_owned()));
        order.phrase(&tell, PAUSE).await.map_err(|problem| problem.to_string())
    });
    (asking, Said(said))
}

/// The machine that asks here.
async fn asker(home: &Arc<Home>) -> NodeId {
    until("somebody to ask", &[home], || home.ledger.requests().unwrap().first().map(|row| row.node)).await
}

fn state(home: &Home) -> RequestState {
    home.ledger.requests().unwrap()[0].state
}

fn yes(home: &Home, asker: &NodeId) {
    holder::answer(home, asker, true, None, clock::now_ms()).unwrap();
}

/// The home was up for so many days, and nobody stopped the clock.
fn days_pass(home: &Home, days: i64) {
    for day in 1..=days {
        holder::count_time(home, clock::now_ms() + day * DAY_MS).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_home_comes_back_without_its_sheet() {
    let (mut anna, ben, carla) = three_homes().await;
    anna.live();
    anna.keep_at(&ben).await;
    let made = make(&anna, &ben, &carla, 7).await;
    assert_eq!(made.papers.len(), 1);
    assert_eq!(ben.home.vault.keeper.kits(&anna.household()).unwrap().len(), 1, "keepers have the record");
    anna.back_up().await;
    let before = Known::of(&anna.home);
    anna.burn().await;

    let links = [link(&ben).await, link(&carla).await];
    let (asking, said) = ask(&anna, "new", &links, &[]);
    let at_ben = asker(&ben.home).await;
    let at_carla = asker(&carla.home).await;
    assert_eq!(at_ben, at_carla);
    // Both sides see the same words.
    let words = status::requests(&carla.home).unwrap()[0].words.clone();
    said.hear(&words).await;
    // Time alone is not enough, and neither is a yes.
    days_pass(&ben.home, 8);
    assert_eq!(state(&ben.home), RequestState::Asked);
    yes(&ben.home, &at_ben);
    said.hear("Ben gave a part").await;
    assert_eq!(state(&ben.home), RequestState::Given);
    yes(&carla.home, &at_carla);
    days_pass(&carla.home, 6);
    said.hear("Carla said yes and gives the part in 24 hours").await;
    assert_eq!(state(&carla.home), RequestState::Allowed);
    // The machine that asks is switched off and goes on.
    asking.abort();
    drop(asking.await);
    days_pass(&carla.home, 1);
    let (asking, _) = ask(&anna, "new", &links, &[]);
    let words = asking.await.unwrap().unwrap();
    assert_eq!(*words, anna.words());

    let (back, _) = restore_all(&anna.beside("new"), &words, &[&links[0]]).await;
    assert_eq!(before, Known::of(&back.home));
    drop(back.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_says_no_and_revokes() {
    let (anna, ben, carla) = three_homes().await;
    anna.keep_at(&ben).await;
    let made = make(&anna, &ben, &carla, 1).await;
    let (row, all) = owner::verify(&anna.home, made.kit, 5).await.unwrap();
    assert!(all && row.verified_ms == Some(5));

    let (asking, _) = ask(&anna, "thief", &[link(&ben).await, link(&carla).await], &[]);
    let thief = asker(&ben.home).await;
    asker(&carla.home).await;
    yes(&ben.home, &thief);
    until("Anna's people to hear of it", &[&anna.home], || {
        let alarms = anna.home.vault.store.alarms().unwrap();
        alarms.iter().any(|alarm| alarm.kind == owner::ALARM_USED).then_some(())
    })
    .await;
    assert_eq!(status::kits(&anna.home).unwrap()[0].state, "asked");
    owner::refuse(&anna.home, made.kit).await.unwrap();
    days_pass(&ben.home, 2);
    assert_eq!([state(&ben.home), state(&carla.home)], [RequestState::Refused; 2]);
    let said = asking.await.unwrap().unwrap_err();
    assert!(said.contains("said no"), "{said}");
    let again = holder::answer(&ben.home, &thief, true, None, clock::now_ms());
    assert!(again.is_err(), "a no of the home whose kit it is cannot be turned");

    owner::revoke(&anna.home, made.kit, clock::now_ms()).await.unwrap();
    for house in [&ben, &carla] {
        assert!(house.home.ledger.shares().unwrap().is_empty());
    }
    let kept = ben.home.vault.keeper.kits(&anna.household()).unwrap();
    assert!(kept.iter().all(|kit| KitRecord::decode(kit).is_err()), "only the revocation is left");
    assert!(owner::records(&anna.home).unwrap().is_empty());
    assert!(status::kits(&anna.home).unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_or_changed_part_is_found_by_checking() {
    let (anna, ben, carla) = three_homes().await;
    let made = make(&anna, &ben, &carla, 1).await;
    let mut wrong = ben.home.ledger.shares().unwrap().remove(0);
    wrong.share[60] ^= 1;
    ben.home.ledger.hold_share(wrong).unwrap();
    carla.home.ledger.drop_share(&made.kit).unwrap();
    let (_, all) = owner::verify(&anna.home, made.kit, 5).await.unwrap();
    assert!(!all);
    let kit = status::kits(&anna.home).unwrap().remove(0);
    let states: Vec<_> = kit.holders.iter().map(|holder| holder.state).collect();
    assert_eq!((states, kit.state, kit.verified_at), (vec!["wrong", "gone", "paper"], "broken", None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sheet_and_one_home_are_enough() {
    let (anna, ben, carla) = three_homes().await;
    let made = make(&anna, &ben, &carla, 0).await;
    let sheet = made.papers[0].1.clone();
    let (asking, _) = ask(&anna, "new", &[link(&carla).await], &[sheet]);
    let asker = asker(&carla.home).await;
    yes(&carla.home, &asker);
    assert_eq!(*asking.await.unwrap().unwrap(), anna.words());
}

/// Goal: one wrong part does not keep enough right ones from opening the kit. Method: Ben's part is spoilt; with the sheet
/// it opens nothing, and with Carla's besides everything.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_part_is_passed_over() {
    let (anna, ben, carla) = three_homes().await;
    let made = make(&anna, &ben, &carla, 0).await;
    let mut wrong = ben.home.ledger.shares().unwrap().remove(0);
    wrong.share[60] ^= 1;
    ben.home.ledger.hold_share(wrong).unwrap();
    let links = [link(&ben).await, link(&carla).await];
    let (asking, said) = ask(&anna, "new", &links, &[made.papers[0].1.clone()]);
    let machine = asker(&ben.home).await;
    asker(&carla.home).await;
    yes(&ben.home, &machine);
    said.hear("is not one of this kit").await;
    yes(&carla.home, &machine);
    assert_eq!(*asking.await.unwrap().unwrap(), anna.words());
}

/// A home that was stopped is on again, where it was reached before.
async fn on_again(house: House) -> House {
    let root = house.home.layout.root().to_owned();
    let House { folder, home, phrase, .. } = house;
    drop(home);
    let home = open(&root);
    let network = Some(Network::start(&home, None).await.unwrap());
    House { folder, phrase, home, network }
}

/// Goal: a home that is off is asked again and again, and what the others gave stays. Method: of two homes one is off from
/// the beginning; it comes on long after the other gave its part.
#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_is_off_is_asked_when_it_is_on() {
    let (anna, ben, mut carla) = three_homes().await;
    make(&anna, &ben, &carla, 0).await;
    let links = [link(&ben).await, link(&carla).await];
    carla.stop().await;
    let (asking, said) = ask(&anna, "new", &links, &[]);
    let machine = asker(&ben.home).await;
    said.hear("Carla cannot be reached now").await;
    yes(&ben.home, &machine);
    said.hear("Ben gave a part").await;
    let carla = on_again(carla).await;
    assert_eq!(asker(&carla.home).await, machine);
    yes(&carla.home, &machine);
    assert_eq!(*asking.await.unwrap().unwrap(), anna.words());
}

/// Goal: a home that goes away in the middle, with what its people said, goes on where it was, and so does the machine that
/// asks. Method: one home is off after it was asked and again after its people said yes; the delay goes on between.
#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_goes_away_in_the_middle_is_asked_again() {
    let (anna, ben, mut carla) = three_homes().await;
    make(&anna, &ben, &carla, 1).await;
    let links = [link(&ben).await, link(&carla).await];
    let (asking, said) = ask(&anna, "new", &links, &[]);
    let machine = asker(&carla.home).await;
    asker(&ben.home).await;
    let words = status::requests(&carla.home).unwrap()[0].words.clone();
    said.hear(&words).await;
    carla.stop().await;
    said.hear("Carla cannot be reached now").await;
    let mut carla = on_again(carla).await;
    assert_eq!(status::requests(&carla.home).unwrap()[0].words, words, "the same words as before");
    yes(&carla.home, &machine);
    said.hear("Carla said yes and gives the part in 24 hours").await;
    carla.stop().await;
    yes(&ben.home, &machine);
    days_pass(&ben.home, 1);
    said.hear("Ben gave a part").await;
    let carla = on_again(carla).await;
    assert_eq!(state(&carla.home), RequestState::Allowed);
    days_pass(&carla.home, 1);
    assert_eq!(*asking.await.unwrap().unwrap(), anna.words());
}

/// Goal: whoever asks learns nothing before a person said yes. Method: a home that holds a part and one that holds none
/// are asked; both answer the same, and nobody gets in without an invitation.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_who_holds_a_part() {
    let (anna, ben, carla) = three_homes().await;
    let dora = House::found_up("Dora").await;
    make(&anna, &ben, &carla, 0).await;
    let (asking, said) = ask(&anna, "new", &[link(&dora).await], &[]);
    let asker = asker(&dora.home).await;
    said.hear("was asked").await;
    let nothing = holder::answer(&dora.home, &asker, true, None, 0).unwrap_err().to_string();
    assert!(nothing.contains("holds no part"), "{nothing}");
    assert!(status::requests(&dora.home).unwrap()[0].choices.is_empty());
    asking.abort();

    // An invitation that was taken back opens nothing, and is not shown to anybody.
    let invited = ben.network().invite(true).await.unwrap();
    let id = ben.home.ledger.invitations().unwrap()[0].id;
    ben.home.ledger.end_invitation(&id, heirloom::ledger::invitations::InvitationState::Cancelled).unwrap();
    let (asking, said) = ask(&anna, "other", &[invited.link.to_string()], &[]);
    said.hear("ask for a new one").await;
    asking.abort();
    assert!(ben.home.ledger.requests().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kit_is_made_whole_or_not_at_all() {
    let (anna, ben, mut carla) = three_homes().await;
    carla.stop().await;
    let gone = carla.household();
    let is_gone = || anna.network().connection(&gone).is_none().then_some(());
    until("Carla to be gone", &[&anna.home], is_gone).await;
    let wanted = |holders| Wanted { name: String::new(), holders, delay_days: 7 };
    let make = async |words: String, wanted| {
        owner::create(&anna.home, words.into(), wanted, 1).await.unwrap_err().to_string()
    };
    let (here, away) = (Some(ben.household()), Some(gone));
    let said = make(anna.words(), wanted(vec![here, away, None])).await;
    assert!(said.contains("not reached"), "{said}");
    let said = make(anna.words(), wanted(vec![here, here, None])).await;
    assert!(said.contains("one part"), "{said}");
    let said = make(anna.words(), wanted(vec![here, None])).await;
    assert!(said.contains("3 parts or 5"), "{said}");
    let odd = Wanted { delay_days: 3, ..wanted(vec![here, None, None]) };
    assert!(make(anna.words(), odd).await.contains("delay"));
    make(ben.words(), wanted(vec![here, None, None])).await;
    assert!(anna.home.ledger.kits().unwrap().is_empty());
    assert!(ben.home.ledger.shares().unwrap().is_empty());
}
