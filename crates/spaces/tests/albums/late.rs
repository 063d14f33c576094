//! Goal: whatever happens in the middle of an exchange is made good by its end, or at the next offer.
//! Method: two or three homes, messages delivered one by one, and something done between any two of them.

use heirloom_identity::{Role, SpaceId};
use heirloom_spaces::{AlbumEdit, SyncMessage};

use crate::family::{Home, Link, NOW_MS, assert_equal, shared};

/// Delivers one message, and lets both homes push what they have news of, as nodes do.
fn step(link: &mut Link, homes: [&Home; 2]) -> bool {
    let Some((to_right, bytes)) = link.under_way.pop_front() else { return false };
    link.deliver(to_right, &bytes);
    push_news(link, homes);
    true
}

fn push_news(link: &mut Link, homes: [&Home; 2]) {
    for (right, home) in [(false, homes[0]), (true, homes[1])] {
        let news = std::mem::take(&mut *home.news.lock().unwrap());
        for one in news {
            link.push_from(right, &one.space);
        }
    }
}

fn finish(link: &mut Link, homes: [&Home; 2]) {
    for _ in 0..10_000 {
        if !step(link, homes) {
            return;
        }
    }
    panic!("the exchange doesn't end");
}

fn title(title: &str) -> [AlbumEdit; 1] {
    [AlbumEdit::Title(title.to_owned())]
}

/// Two homes that are connected before one of them shares an album.
fn sharing(anna: &Home, ben: &Home) -> (Link, SpaceId) {
    let mut link = Link::new(anna, ben);
    link.run();
    let space = anna.albums.create(anna.account(), "Summer", NOW_MS).unwrap();
    anna.invite(&space, ben, Role::Contributor);
    push_news(&mut link, [anna, ben]);
    (link, space)
}

/// The guest renames the album after any number of messages of the first exchange. Whoever has read a title replaces it;
/// a title that is written before the other one came is beside it, and both homes choose the same of the two.
#[test]
fn an_edit_in_the_middle_of_the_first_exchange_arrives() {
    let mut replaced = 0;
    for after in 1..100 {
        let [anna, ben] = [Home::new(1), Home::new(2)];
        let (mut link, space) = sharing(&anna, &ben);
        let under_way = (0..after).all(|_| step(&mut link, [&anna, &ben]));
        let Some(album) = ben.albums.album(&space).unwrap() else { continue };
        ben.edit(&space, &title("renamed"));
        ben.add(&space, &["a"]);
        push_news(&mut link, [&anna, &ben]);
        finish(&mut link, [&anna, &ben]);
        assert_eq!(link.problems(), 0, "after {after} messages");
        assert_equal(&[&anna, &ben], &space);
        assert_eq!(anna.names(&space), ["a"], "after {after} messages");
        if album.title == "Summer" {
            assert_eq!(anna.album(&space).title, "renamed", "after {after} messages");
            replaced += 1;
        }
        if !under_way {
            assert!(replaced > 1, "some of these were in the middle");
            return;
        }
    }
    panic!("the exchange doesn't end");
}

/// The same for the home that shares.
#[test]
fn an_edit_of_the_host_in_the_middle_of_the_first_exchange_arrives() {
    for after in 0..100 {
        let [anna, ben] = [Home::new(1), Home::new(2)];
        let (mut link, space) = sharing(&anna, &ben);
        let under_way = (0..after).all(|_| step(&mut link, [&anna, &ben]));
        anna.edit(&space, &title("renamed"));
        push_news(&mut link, [&anna, &ben]);
        finish(&mut link, [&anna, &ben]);
        assert_equal(&[&anna, &ben], &space);
        assert_eq!(ben.album(&space).title, "renamed", "after {after} messages");
        if !under_way {
            return;
        }
    }
    panic!("the exchange doesn't end");
}

/// Whatever message is lost in a home, because its disk is full for example, the next offer makes up for it.
#[test]
fn what_was_lost_comes_with_the_next_offer() {
    for lost in 0..100 {
        let [anna, ben] = [Home::new(1), Home::new(2)];
        let (mut link, space) = sharing(&anna, &ben);
        anna.add(&space, &["a"]);
        let under_way = (0..lost).all(|_| step(&mut link, [&anna, &ben]));
        link.under_way.pop_front();
        finish(&mut link, [&anna, &ben]);
        if ben.albums.album(&space).unwrap().is_some_and(|album| album.our_role.is_some()) {
            ben.add(&space, &["b"]);
        }
        // Noticed by nobody.
        push_news(&mut link, [&anna, &ben]);
        link.under_way.clear();
        for _ in 0..2 {
            link.offer_again();
            finish(&mut link, [&anna, &ben]);
        }
        assert_equal(&[&anna, &ben], &space);
        if !under_way {
            return;
        }
    }
    panic!("the exchange doesn't end");
}

/// Offers again and again cost nothing where both have the same, and end no session where they can't agree.
#[test]
fn offers_are_answered_only_where_something_is_lacking() {
    let [anna, ben] = [Home::new(1), Home::new(2)];
    let space = shared(&[&anna, &ben]);
    let mut link = Link::new(&anna, &ben);
    link.run();
    for _ in 0..200 {
        let before = link.bytes;
        link.offer_again();
        assert_eq!(link.under_way.len(), 2);
        link.run();
        assert!(link.bytes - before < 300, "only the offers");
    }
    // Ben is removed, learns of it, and puts the album away: what it is offered from now on it can't take.
    anna.albums.remove(&space, ben.id(), NOW_MS).unwrap();
    link.push(&space);
    assert!(ben.album(&space).ended.is_some());
    ben.albums.forget(&space, NOW_MS).unwrap();
    for _ in 0..200 {
        link.offer_again();
        link.run();
    }
    assert!(ben.albums.list().unwrap().is_empty());
}

/// Removed, put away, and invited again while connected the whole time.
#[test]
fn who_is_invited_again_gets_the_album_again() {
    let [anna, ben] = [Home::new(1), Home::new(2)];
    let space = shared(&[&anna, &ben]);
    anna.add(&space, &["a"]);
    let mut link = Link::new(&anna, &ben);
    link.run();
    anna.albums.remove(&space, ben.id(), NOW_MS).unwrap();
    link.push(&space);
    ben.albums.forget(&space, NOW_MS).unwrap();
    link.offer_again();
    link.run();
    anna.invite(&space, &ben, Role::Viewer);
    link.push(&space);
    assert_equal(&[&anna, &ben], &space);
    assert_eq!(ben.names(&space), ["a"]);
}

/// A home that is connected only with one that has no secrets yet gets them as soon as that one does.
#[test]
fn secrets_are_passed_on_when_they_come() {
    let [anna, ben, carla] = [Home::new(1), Home::new(2), Home::new(3)];
    let space = anna.albums.create(anna.account(), "Summer", NOW_MS).unwrap();
    anna.add(&space, &["a"]);
    anna.invite(&space, &ben, Role::Contributor);
    anna.invite(&space, &carla, Role::Contributor);
    let mut first = Link::new(&anna, &ben);
    let is_secret = |bytes: &[u8]| matches!(SyncMessage::decode(bytes).unwrap(), SyncMessage::Secrets { .. });
    while !first.under_way.iter().any(|(to_right, bytes)| *to_right && is_secret(bytes)) {
        let (to_right, bytes) = first.under_way.pop_front().unwrap();
        first.deliver(to_right, &bytes);
    }
    let mut second = Link::new(&ben, &carla);
    second.run();
    assert!(carla.names(&space).is_empty());
    first.run();
    second.push(&space);
    assert_equal(&[&anna, &ben, &carla], &space);
    assert_eq!(carla.names(&space), ["a"]);
}

/// An edit that is written while an offer of the same album is looked at isn't taken for one that the other home has.
#[test]
fn an_edit_beside_an_offer_is_pushed() {
    let [anna, ben] = [Home::new(1), Home::new(2)];
    let space = shared(&[&anna, &ben]);
    for round in 0..200 {
        // Ben's offer says that he has everything; Anna looks at it while she writes.
        let mut link = Link::new(&anna, &ben);
        let offer = link.under_way.pop_back().unwrap();
        link.under_way.clear();
        std::thread::scope(|scope| {
            scope.spawn(|| anna.edit(&space, &title(&format!("title {round}"))));
            link.deliver(offer.0, &offer.1);
        });
        link.push_from(false, &space);
        link.run();
        assert_eq!(ben.album(&space).title, anna.album(&space).title, "round {round}");
    }
}
