//! Who at home sees an album: by name, by choice at home, and after the household is out of it.

use heirloom::clock;
use heirloom::sharing::albums::{ShareError, accounts_here, end, open_at_home};
use heirloom::sharing::{self, timeline};
use heirloom_identity::{AccountId, Role, SpaceId};

use crate::family::{Place, two};

/// An album of Anna's for these accounts of Ben's home.
async fn shared(anna: &Place, ben: &Place, title: &str, accounts: Vec<AccountId>) -> SpaceId {
    let space = anna.album(title);
    sharing::share(&anna.home, &space, ben.household(), Role::Contributor, accounts).unwrap();
    ben.has_album(&space).await;
    space
}

fn is_in(place: &Place, space: &SpaceId) -> bool {
    place.home.albums.album(space).unwrap().unwrap().our_role.is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_saw_an_album_sees_it_after_its_end_and_nobody_else() {
    let (anna, ben) = two().await;
    let bob = ben.another_account("Bob");
    let named = shared(&anna, &ben, "Named", vec![ben.account]).await;
    let everybodys = shared(&anna, &ben, "For everybody", Vec::new()).await;
    let left = shared(&anna, &ben, "Left", vec![bob]).await;
    let narrowed = shared(&anna, &ben, "Narrowed", vec![ben.account, bob]).await;
    sharing::share(&anna.home, &narrowed, ben.household(), Role::Contributor, vec![bob]).unwrap();
    ben.until("only Bob is named", || !ben.sees(ben.account, &narrowed)).await;
    let seen =
        [(&named, true, false), (&everybodys, true, true), (&left, false, true), (&narrowed, false, true)];
    let check = |when: &str| {
        for (space, by_ben, by_bob) in seen {
            let title = ben.home.albums.album(space).unwrap().unwrap().title;
            assert_eq!(
                (ben.sees(ben.account, space), ben.sees(bob, space)),
                (by_ben, by_bob),
                "{title} {when}"
            );
        }
    };
    check("while a member");
    for space in [&named, &everybodys, &narrowed] {
        sharing::unshare(&anna.home, space, ben.household()).unwrap();
    }
    sharing::leave(&ben.home, &left).unwrap();
    ben.until("the end", || seen.iter().all(|(space, ..)| !is_in(&ben, space))).await;
    check("afterwards");
    let folder = ben.stop().await;
    let ben = Place::start(folder).await;
    assert!(!ben.sees(bob, &named) && ben.sees(ben.account, &named), "after a restart too");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_album_for_everybody_may_be_opened_to_some() {
    let (anna, ben) = two().await;
    let bob = ben.another_account("Bob");
    let space = shared(&anna, &ben, "Sea", Vec::new()).await;
    assert!(ben.sees(ben.account, &space) && ben.sees(bob, &space));
    let album = ben.has_album(&space).await;
    let here = || accounts_here(&ben.home, &album).unwrap();
    assert_eq!(here(), []);
    open_at_home(&ben.home, &album, ben.account, &[ben.account]).unwrap();
    assert_eq!(here(), [ben.account]);
    assert!(ben.sees(ben.account, &space) && !ben.sees(bob, &space), "what is shown is true");
    open_at_home(&ben.home, &album, ben.account, &[ben.account, bob]).unwrap();
    assert_eq!(here(), [], "all of them are everybody");
    assert!(ben.sees(bob, &space));

    // Those whom the inviting home named cannot be left out here.
    let named = shared(&anna, &ben, "Named", vec![bob]).await;
    let album = ben.has_album(&named).await;
    let without = open_at_home(&ben.home, &album, ben.account, &[]).unwrap_err();
    assert!(matches!(without, ShareError::Named), "{without}");
    assert!(ben.sees(bob, &named));
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_an_album_was_opened_to_closes_it_only_for_himself() {
    let (anna, ben) = two().await;
    let bob = ben.another_account("Bob");
    let space = shared(&anna, &ben, "Sea", vec![ben.account]).await;
    let album = ben.has_album(&space).await;
    open_at_home(&ben.home, &album, ben.account, &[bob]).unwrap();
    assert!(ben.sees(bob, &space));
    end(&ben.home, bob, &album).unwrap();
    assert!(!ben.sees(bob, &space) && ben.sees(ben.account, &space));
    assert!(is_in(&ben, &space), "the household is still in it");
    end(&ben.home, ben.account, &album).unwrap();
    assert!(!is_in(&ben, &space), "who was named leaves for the household");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_album_leaves_the_timeline_and_stays_out() {
    let (anna, ben) = two().await;
    let bob = ben.another_account("Bob");
    let space = shared(&anna, &ben, "Sea", Vec::new()).await;
    let (first, content) = anna.photo(1);
    anna.add(&space, first);
    ben.has_entry(&space, &content).await;
    let shown = |account: &AccountId| ben.home.catalog().shared_of(account).unwrap().len();
    for account in [bob, ben.account] {
        timeline::choose(&ben.home, space, account, true).unwrap();
        assert_eq!(shown(&account), 1);
    }
    let album = ben.has_album(&space).await;
    open_at_home(&ben.home, &album, ben.account, &[]).unwrap();
    assert_eq!(shown(&bob), 1, "none named: everybody, as before");
    open_at_home(&ben.home, &album, ben.account, &[ben.account]).unwrap();
    ben.until("it goes from Bob's timeline", || shown(&bob) == 0).await;
    let (second, content) = anna.photo(2);
    anna.add(&space, second);
    ben.has_entry(&space, &content).await;
    ben.until("it comes to Ben's", || shown(&ben.account) == 2).await;
    assert_eq!(shown(&bob), 0);

    // The same when the other home names somebody.
    open_at_home(&ben.home, &album, ben.account, &[]).unwrap();
    ben.until("it is back in Bob's", || shown(&bob) == 2).await;
    sharing::share(&anna.home, &space, ben.household(), Role::Contributor, vec![ben.account]).unwrap();
    ben.until("it is gone again", || shown(&bob) == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_album_that_a_crash_left_without_a_maker_is_not_lost() {
    let anna = Place::found("Anna").await;
    let child = anna.another_account("Child");
    let space = anna.home.albums.create(anna.account, "Sea", clock::now_ms()).unwrap();
    assert!(anna.sees(anna.account, &space), "who manages the home finds it");
    assert!(!anna.sees(child, &space));
    let childs = sharing::create_album(&anna.home, child, "Mine").unwrap();
    assert!(anna.sees(child, &childs) && !anna.sees(anna.account, &childs));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_is_taken_out_of_every_album_where_that_is_ours_to_do() {
    let (anna, ben) = two().await;
    let ours = shared(&anna, &ben, "Ours", Vec::new()).await;
    let theirs = ben.album("Theirs");
    sharing::share(&ben.home, &theirs, anna.household(), Role::Contributor, Vec::new()).unwrap();
    anna.has_album(&theirs).await;
    assert!(sharing::unshare_everywhere(&anna.home, ben.household()).unwrap());
    ben.until("Ben hears of it", || !is_in(&ben, &ours)).await;
    assert!(is_in(&ben, &theirs) && is_in(&anna, &theirs), "others' albums stay");
    assert!(!sharing::unshare_everywhere(&anna.home, ben.household()).unwrap(), "nothing is left to do");
}
