//! The first-run page of somebody who lost the sheet, too: a recovery kit's parts are asked for over HTTP.

use std::sync::Arc;

use heirloom::clock;
use heirloom::home::Home;
use heirloom::ledger::shares::RequestState;
use heirloom::protocols::Network;
use heirloom::vault::kits::owner::{self, Wanted};
use heirloom::vault::kits::{DAY_MS, holder, status};
use heirloom_identity::NodeId;
use serde_json::{Value, json};

use super::{Program, founding};
use crate::house::{House, PASSWORD, open, pair};
use crate::known::Known;
use crate::wait::until;

/// Anna, whose copies Ben keeps, and Carla; both hold a part of Anna's kit, and a sheet the third.
async fn with_kit() -> (House, House, House, String) {
    let anna = House::found_up("Anna").await;
    let (ben, carla) = (House::found_up("Ben").await, House::found_up("Carla").await);
    pair(&anna, &ben).await;
    pair(&anna, &carla).await;
    anna.live();
    anna.keep_at(&ben).await;
    let holders = vec![Some(ben.household()), Some(carla.household()), None];
    let wanted = Wanted { name: "Family".to_owned(), holders, delay_days: 1 };
    let made = owner::create(&anna.home, anna.words().into(), wanted, clock::now_ms()).await.unwrap();
    anna.back_up().await;
    let sheet = made.papers[0].1.to_string();
    (anna, ben, carla, sheet)
}

async fn link(house: &House) -> String {
    house.network().invite(true).await.unwrap().link.to_string()
}

/// The machine that asks here.
async fn asker(home: &Arc<Home>) -> NodeId {
    until("somebody to ask", &[home], || home.ledger.requests().unwrap().first().map(|row| row.node)).await
}

impl Program {
    /// How the asking stands, once it is so.
    async fn asking(&self, is_so: impl Fn(&Value) -> bool) -> Value {
        self.ask_until("/setup/kit", |status, asking| {
            assert_eq!(status, 200, "{asking}");
            is_so(asking)
        })
        .await
    }

    /// The states that are offered, once there are so many.
    async fn offered(&self, count: usize) -> Value {
        self.asking(|asking| asking["states"].as_array().is_some_and(|states| states.len() == count)).await
    }

    async fn take_out(&self, entry: &Value) -> u16 {
        let path = format!("/setup/kit/entries/{}", entry["id"].as_str().unwrap());
        self.ask("DELETE", &path, None, &[]).await.0
    }

    async fn state(&self) -> Value {
        self.get("/setup").await.1["state"].clone()
    }
}

/// Goal: a household comes back without its phrase on the page alone, and the wait outlives the program. Method: Anna's home
/// burns; Carla is asked, the program is ended and started, Ben is asked as well, both say yes, and a day passes.
#[tokio::test(flavor = "multi_thread")]
async fn a_household_comes_back_with_a_kit() {
    let (mut anna, ben, carla, _) = with_kit().await;
    let before = Known::of(&anna.home);
    anna.burn().await;
    let root = anna.beside("new");
    let program = Program::start(root.clone(), "127.0.0.1:0").await;
    assert_eq!(program.get("/setup/kit").await.0, 404);
    assert_eq!(program.post("/setup/kit", json!({ "from": link(&carla).await })).await.0, 400, "no name");
    assert_eq!(program.post("/setup/kit", json!({ "name": "Anna" })).await.0, 400, "no home");
    assert_eq!(program.state().await, "fresh");

    let order = json!({ "name": " Anna ", "from": format!("\n{}\n", link(&carla).await) });
    assert_eq!(program.post("/setup/kit", order).await.0, 202);
    assert_eq!(program.state().await, "asking");
    let asked = program.asking(|asking| asking["homes"][0]["state"] == "asked").await;
    assert_eq!((&asked["name"], &asked["have"], &asked["needed"]), (&json!("Anna"), &json!(0), &Value::Null));
    let words = status::requests(&carla.home).unwrap()[0].words.clone();
    assert_eq!(asked["homes"][0]["words"], words, "both sides see the same words");
    for (path, body) in
        [("/setup/found", founding()), ("/setup/restore", json!({ "phrase": "a", "from": "b" }))]
    {
        assert_eq!(program.post(path, body).await.0, 409, "{path}: one at a time");
    }
    program.stop().await;

    // It was said that there is a newer state, and nobody looked at the page.
    let told = root.join("restoring/newer-was-told");
    std::fs::write(&told, "").unwrap();
    let program = Program::start(root.clone(), "127.0.0.1:0").await;
    assert_eq!(program.state().await, "asking", "it goes on by itself");
    assert!(!told.exists(), "a start of the program has read nothing");
    let known = program.asking(|asking| asking["homes"][0]["words"] == words).await;
    assert_eq!(known["askedAt"], asked["askedAt"]);
    assert_eq!(program.post("/setup/kit", json!({ "from": link(&ben).await })).await.0, 202);
    let machine = asker(&ben.home).await;
    assert_eq!(machine, asker(&carla.home).await);
    for house in [&ben, &carla] {
        holder::answer(&house.home, &machine, true, None, clock::now_ms()).unwrap();
    }
    program.post("/setup/kit", json!({})).await;
    let waits = |asking: &Value| (0..2).all(|at| asking["homes"][at]["state"] == "waits");
    let waiting = program.asking(waits).await;
    assert_eq!(waiting["homes"][0]["hoursLeft"], 24, "{waiting}");
    for house in [&ben, &carla] {
        holder::count_time(&house.home, clock::now_ms() + DAY_MS).unwrap();
    }
    assert_eq!(program.post("/setup/kit/state", json!({})).await.0, 409, "there is nothing to choose yet");
    assert_eq!(program.post("/setup/kit", json!({})).await.0, 202);
    let offered = program.offered(1).await;
    assert!(offered["states"][0]["madeAt"].is_string(), "{offered}");
    assert_eq!((&offered["states"][0]["places"], &offered["silent"]), (&json!(["Ben"]), &json!([])));
    assert_eq!(program.post("/setup/kit/state", json!({ "state": "other" })).await.0, 409);
    assert_eq!(program.state().await, "asking", "nothing comes back before somebody says so");
    assert_eq!(program.post("/setup/kit/state", json!({})).await.0, 202);
    let is_done = |status, progress: &Value| {
        assert_ne!(progress["stage"], "failed", "{progress}");
        status == 200 && progress["stage"] == "done"
    };
    program.ask_until("/setup/restore", is_done).await;
    program.ask_until("/setup", |_, answer| answer["state"] == "ready").await;
    let login = json!({ "email": "anna@example.org", "password": PASSWORD });
    assert_eq!(program.post("/auth/login", login).await.0, 201);
    assert_ne!(program.post("/setup/kit", json!({})).await.0, 202, "there is a home now");
    program.stop().await;
    assert_eq!(before, Known::of(&open(&root)));
    assert!(!root.join("restoring").exists(), "nothing of the kit stays");
}

/// Goal: what stands on paper is read with care, a no is said with what to do, and giving up forgets everything. Method: a
/// sheet with a slip, then the right one; Ben says no; the asking is given up, and the folder is like new.
#[tokio::test(flavor = "multi_thread")]
async fn a_no_is_told_and_giving_up_forgets() {
    let (mut anna, ben, _carla, sheet) = with_kit().await;
    anna.burn().await;
    let root = anna.beside("new");
    let program = Program::start(root.clone(), "127.0.0.1:0").await;
    let from = link(&ben).await;
    let group = &sheet[9..17];
    let swapped: String = [&group[1..2], &group[..1], &group[2..]].concat();
    let typed = if swapped == group {
        sheet.replacen(group, "00000001", 1)
    } else {
        sheet.replacen(group, &swapped, 1)
    };
    let order = |paper: &str| json!({ "name": "Anna", "from": from, "papers": [paper, " "] });
    let (status, slip) = program.post("/setup/kit", order(&typed)).await;
    assert_eq!(status, 400);
    assert!(slip["message"].as_str().unwrap().contains("group 2"), "{slip}");
    assert_eq!(program.post("/setup/kit", order(&sheet)).await.0, 202);
    let asked = program.asking(|asking| asking["homes"][0]["state"] == "asked").await;
    assert_eq!(
        (&asked["papers"][0]["part"], &asked["have"], &asked["needed"]),
        (&json!(3), &json!(1), &json!(2))
    );
    let first = asker(&ben.home).await;
    holder::answer(&ben.home, &first, false, None, clock::now_ms()).unwrap();
    program.post("/setup/kit", json!({})).await;
    let over = program.asking(|asking| asking["over"] == true).await;
    assert_eq!(over["homes"][0]["state"], "refused");
    assert!(over["message"].as_str().unwrap().contains("said no"), "{over}");
    assert!(root.join("restoring/kit-order.toml").is_file());

    assert_eq!(program.ask("DELETE", "/setup/kit", None, &[]).await.0, 204);
    assert_eq!(program.state().await, "fresh");
    assert_eq!(program.ask("DELETE", "/setup/kit", None, &[]).await.0, 409);
    assert!(!root.join("restoring").exists(), "nothing of the kit stays");
    assert_eq!(program.post("/setup/found", founding()).await.0, 200, "a home can be made instead");
    // Whoever begins again is another machine.
    let order = json!({ "name": "Anna", "from": link(&ben).await, "papers": [sheet] });
    assert_eq!(program.post("/setup/kit", order).await.0, 202);
    let second = until("another machine to ask", &[&ben.home], || {
        let requests = ben.home.ledger.requests().unwrap();
        requests.iter().find(|row| row.state == RequestState::Asked).map(|row| row.node)
    })
    .await;
    assert_ne!(first, second);
    program.stop().await;
}

/// Anna, whose newest state lies on a disk only: Ben, who holds a part and an older state, was off.
async fn with_newer_disk() -> (House, House, String, String) {
    let (anna, mut ben, _carla, sheet) = with_kit().await;
    let (disk, _) = anna.add_folder("disk");
    anna.back_up().await;
    ben.network.take().unwrap().stop().await;
    anna.photo(50);
    anna.back_up().await;
    ben.network = Some(Network::start(&ben.home, None).await.unwrap());
    (anna, ben, disk.display().to_string(), sheet)
}

/// Asks Ben, who says yes, with the sheet, until there is something to choose.
async fn ask(program: &Program, ben: &House, sheet: &str) -> Value {
    let order = json!({ "name": "Anna", "from": link(ben).await, "papers": [sheet] });
    assert_eq!(program.post("/setup/kit", order).await.0, 202);
    let machine = asker(&ben.home).await;
    holder::answer(&ben.home, &machine, true, None, clock::now_ms()).unwrap();
    holder::count_time(&ben.home, clock::now_ms()).unwrap();
    holder::count_time(&ben.home, clock::now_ms() + DAY_MS).unwrap();
    assert_eq!(program.post("/setup/kit", json!({})).await.0, 202);
    program.asking(|asking| asking["states"].is_array()).await
}

/// Goal: what was named can be taken out again, and the newest state of all places comes back, not that of the one which
/// answered first. Method: Ben has an older state than a disk; the disk is named later, goes away, is taken out and named
/// again.
#[tokio::test(flavor = "multi_thread")]
async fn the_newest_state_of_all_places_comes_back() {
    let (mut anna, ben, disk, sheet) = with_newer_disk().await;
    let before = Known::of(&anna.home);
    anna.burn().await;
    let root = anna.beside("new");
    let program = Program::start(root.clone(), "127.0.0.1:0").await;
    let asked = ask(&program, &ben, &sheet).await;
    let at_ben = asked["states"].clone();
    assert_eq!(program.take_out(&asked["homes"][0]).await, 400, "one link is needed");
    assert_eq!(program.take_out(&json!({ "id": "none" })).await, 409);

    assert_eq!(program.post("/setup/kit", json!({ "from": disk })).await.0, 202);
    let is_newer = |asking: &Value| asking["states"].is_array() && asking["states"][0] != at_ben[0];
    let both = program.asking(is_newer).await;
    assert_eq!((&both["states"][0]["places"], &both["places"][0]["there"]), (&json!([disk]), &json!(true)));
    assert!(both["states"].as_array().unwrap().iter().any(|state| state["id"] == at_ben[0]["id"]), "{both}");

    let away = format!("{disk}-away");
    std::fs::rename(&disk, &away).unwrap();
    assert_eq!(program.post("/setup/kit", json!({})).await.0, 202);
    let without = program.asking(|asking| asking["states"].is_array()).await;
    assert_eq!((&without["silent"], &without["places"][0]["there"]), (&json!([disk]), &json!(false)));
    assert_eq!(program.take_out(&without["places"][0]).await, 202);
    let forgotten = program.asking(|asking| asking["states"].is_array()).await;
    assert_eq!((&forgotten["places"], &forgotten["silent"]), (&json!([]), &json!([])));

    std::fs::rename(&away, &disk).unwrap();
    assert_eq!(program.post("/setup/kit", json!({ "from": disk })).await.0, 202);
    program.asking(is_newer).await;
    assert_eq!(program.post("/setup/kit/state", json!({})).await.0, 202);
    program.restored("done").await;
    program.stop().await;
    assert_eq!(before, Known::of(&open(&root)));
}

/// Goal: an older state comes back when a person asks for it, and the home says so. Method: that of Ben is chosen, though a
/// disk with a newer one is there.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_state_comes_back_when_a_person_chose_it() {
    let (mut anna, ben, disk, sheet) = with_newer_disk().await;
    anna.burn().await;
    let root = anna.beside("new");
    let program = Program::start(root.clone(), "127.0.0.1:0").await;
    let older = ask(&program, &ben, &sheet).await["states"][0]["id"].clone();
    assert_eq!(program.post("/setup/kit", json!({ "from": disk })).await.0, 202);
    let is_behind = |asking: &Value| asking["states"].is_array() && asking["states"][0]["id"] != older;
    program.asking(is_behind).await;
    assert_eq!(program.post("/setup/kit/state", json!({ "state": older })).await.0, 202);
    program.restored("done").await;
    program.stop().await;
    let home = open(&root);
    assert_eq!(home.ledger.entries_after(0, 100).unwrap().len(), 6, "what came later is not there");
    let alarms = home.vault.store.alarms().unwrap();
    let said = alarms.iter().find(|alarm| alarm.kind == "restored-older").unwrap();
    assert!(said.text.contains("an older one was chosen"), "{}", said.text);
}
