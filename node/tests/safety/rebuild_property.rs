//! The catalog is derived: whatever happened in a home, throwing the catalog away gives an equal one.

use std::sync::Arc;

use heirloom::care::rebuild::rebuild;
use heirloom::home::Home;
use heirloom::index;
use heirloom::ingest::{Incoming, keep_bytes};
use heirloom::ledger::accounts::NewAccount;
use heirloom::ledger::assets::{Entry, Origin};
use heirloom::workers::{Workers, wait_until_idle};
use heirloom_identity::AccountId;
use heirloom_spaces::{MarkChange, PlaceMark, TakenMark};
use heirloom_testkit::photo;
use proptest::prelude::*;

use crate::homes::{Scratch, anna};

/// Something that happens in a home.
#[derive(Debug, Clone)]
enum Event {
    /// A photo arrives for one of two people.
    Arrives { for_bob: bool, photo: Arriving },
    /// Someone decides about some of their photos.
    Decided { by_bob: bool, photos: Vec<prop::sample::Index>, changes: Vec<MarkChange> },
    /// The node stops and starts.
    Restart,
}

#[derive(Debug, Clone)]
struct Arriving {
    number: u32,
    month: Option<u32>,
    modified_ms: i64,
    cut_off: bool,
}

fn arriving() -> impl Strategy<Value = Arriving> {
    let fields =
        (0..12_u32, prop::option::of(1..=12_u32), 0..2_000_000_000_000_i64, prop::bool::weighted(0.1));
    fields.prop_map(|(number, month, modified_ms, cut_off)| Arriving { number, month, modified_ms, cut_off })
}

fn change() -> impl Strategy<Value = MarkChange> {
    let taken = (0..2_000_000_000_000_i64, prop::option::of(-720..=720_i32))
        .prop_map(|(local_ms, offset_minutes)| TakenMark { local_ms, offset_minutes });
    let place = (-90.0..=90.0_f64, -180.0..=180.0_f64)
        .prop_map(|(latitude, longitude)| PlaceMark { latitude, longitude });
    prop_oneof![
        any::<bool>().prop_map(MarkChange::Favourite),
        prop::option::of("\\PC{0,20}").prop_map(MarkChange::Caption),
        prop::option::of(0..=5_u8).prop_map(MarkChange::Rating),
        any::<bool>().prop_map(MarkChange::Archived),
        prop::option::of(taken).prop_map(MarkChange::Taken),
        prop::option::of(place).prop_map(MarkChange::Place),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let photos = prop::collection::vec(any::<prop::sample::Index>(), 1..4);
    let decided = (any::<bool>(), photos, prop::collection::vec(change(), 1..4));
    prop_oneof![
        6 => (any::<bool>(), arriving()).prop_map(|(for_bob, photo)| Event::Arrives { for_bob, photo }),
        6 => decided.prop_map(|(by_bob, photos, changes)| Event::Decided { by_bob, photos, changes }),
        1 => Just(Event::Restart),
    ]
}

/// A home with its workers, which end before it is closed.
struct Node {
    home: Arc<Home>,
    workers: Workers,
}

impl Node {
    fn start(scratch: &Scratch) -> Self {
        let home = scratch.open();
        let workers = Workers::start(&home).unwrap();
        Self { home, workers }
    }

    fn stop(self) {
        drop(self.workers);
        self.home.close();
    }

    /// Everything the catalog shows, once nothing is left to derive.
    fn shown(&self) -> Vec<String> {
        wait_until_idle(&self.home, &mut |_| true).unwrap();
        self.home.catalog().dump().unwrap()
    }
}

fn happen(node: &Node, people: [AccountId; 2], event: Event) {
    match event {
        Event::Arrives { for_bob, photo: Arriving { number, month, modified_ms, cut_off } } => {
            let taken = month.map(|month| format!("2024:{month:02}:0{} 10:00:00", 1 + number % 9));
            let mut bytes = photo(number, taken.as_deref());
            if cut_off {
                bytes.truncate(100);
            }
            let incoming = Incoming {
                account: people[usize::from(for_bob)],
                given_name: format!("IMG_{}.png", number % 4),
                modified_ms,
                origin: Origin::Import,
                source: None,
            };
            keep_bytes(&node.home, incoming, bytes).unwrap();
        }
        Event::Decided { by_bob, photos, changes } => {
            let account = people[usize::from(by_bob)];
            let entries = node.home.ledger.entries_after(0, 1_000).unwrap();
            let own: Vec<&Entry> = entries.iter().filter(|entry| entry.account == account).collect();
            if !own.is_empty() {
                let assets: Vec<_> = photos.iter().map(|index| index.get(&own).asset).collect();
                index::decide(&node.home, account, &assets, &changes).unwrap();
            }
        }
        Event::Restart => {}
    }
}

fn two_people(home: &Home) -> [AccountId; 2] {
    let bob = AccountId::from_random([7; 16]);
    let new = NewAccount {
        id: bob,
        email: "bob@example.org".to_owned(),
        name: "Bob".to_owned(),
        password: "never used".to_owned(),
        admin: false,
        created_ms: 2,
    };
    home.ledger.add_account(new).unwrap();
    [anna(home), bob]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Goal: promise 3 of the design: the catalog can be deleted; an equal one returns.
    /// Method: random histories of arrivals (also twice, also damaged, for two people), decisions and restarts;
    /// then `rebuild`, and then the file deleted behind the program's back; everything shown is compared.
    #[test]
    fn a_rebuilt_catalog_is_equal(history in prop::collection::vec(event(), 1..40)) {
        let scratch = Scratch::new();
        let mut node = Node::start(&scratch);
        let people = two_people(&node.home);
        for event in history {
            if matches!(event, Event::Restart) {
                node.stop();
                node = Node::start(&scratch);
            }
            happen(&node, people, event);
        }
        let before = node.shown();
        rebuild(&node.home).unwrap();
        prop_assert_eq!(&node.shown(), &before, "after a rebuild");
        node.stop();
        for ending in ["", "-wal", "-shm"] {
            drop(std::fs::remove_file(scratch.root().join(format!("catalog.sqlite{ending}"))));
        }
        let node = Node::start(&scratch);
        prop_assert_eq!(&node.shown(), &before, "after the file was deleted");
        node.stop();
    }
}
