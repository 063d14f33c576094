//! Copies in other homes, as the page asks about them and as the command line says it. No network runs here: a folder
//! beside the home takes the copies, and another household's packs are given to the keeper by hand.

use std::path::Path;

use axum::http::Method;
use heirloom::control::{Command, VaultCommand, execute};
use heirloom::ledger::peers::{Peer, PeerState};
use heirloom_identity::{Certificate, HouseholdId, NodeKeys, Root};
use heirloom_testkit::photo;
use heirloom_vault::policy::DAY_MS;
use heirloom_vault::store::{Ask, NewAlarm};
use heirloom_vault::{PackId, Room};
use serde_json::{Value, json};

use crate::harness::Site;

const GB: u64 = 1_000_000_000;

impl Site {
    /// Pairs with a household of this name, as if its people had come; returns its id.
    pub(crate) fn pair(&self, name: &str, seed: u8) -> HouseholdId {
        let authority = Root::from_bytes([seed; 32]).authority();
        let mut secrets = [seed; 64];
        secrets[0] = 9;
        let node = NodeKeys::from_bytes(&secrets);
        let certificate = Certificate::issue(&authority, 1, node.node(), node.signer().id(), 5).unwrap();
        let peer = Peer {
            household: authority.household(),
            certificate,
            card: None,
            given_name: Some(name.to_owned()),
            state: PeerState::Paired,
            words: Vec::new(),
            address: None,
            paired_ms: i64::from(seed),
            last_seen_ms: None,
            refusal: None,
        };
        self.home.ledger.pair(peer, None).unwrap();
        authority.household()
    }

    pub(crate) async fn vault(&self) -> Value {
        self.get("/api/vault").by(&self.anna).send().await.json()
    }

    /// Posts as Anna; the status, and what the answer says.
    pub(crate) async fn tell(&self, path: &str, body: &Value) -> (u16, String) {
        let answer = self.post(path).by(&self.anna).json(body).send().await;
        (answer.status.as_u16(), answer.text())
    }

    pub(crate) async fn delete(&self, path: &str) -> u16 {
        self.ask(Method::DELETE, path).by(&self.anna).send().await.status.as_u16()
    }

    /// Runs a command of the command line on the home; its lines but those of progress.
    pub(crate) async fn command(&self, command: VaultCommand) -> Result<Vec<Value>, String> {
        let home = std::sync::Arc::clone(&self.home);
        let work = move || {
            let mut lines = Vec::new();
            let mut say = |line: Value| {
                if line.get("stage").is_none() {
                    lines.push(line);
                }
                true
            };
            let outcome = execute(&home, &Command::Vault(command), &mut say);
            outcome.map(|()| lines).map_err(|error| format!("{error:#}"))
        };
        tokio::task::spawn_blocking(work).await.unwrap()
    }

    /// The one line that a command answers.
    pub(crate) async fn line(&self, command: VaultCommand) -> Value {
        let mut lines = self.command(command).await.unwrap();
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.remove(0)
    }

    /// Has so many photos, with their pictures.
    pub(crate) async fn photos(&self, count: u32) -> Vec<String> {
        let mut ids = Vec::new();
        for n in 0..count {
            let day = format!("2024:05:{:02} 12:30:00", n % 28 + 1);
            ids.push(self.upload(&format!("IMG_{n}.png"), &photo(n, Some(&day))).await);
        }
        self.derive().await;
        ids
    }

    /// Keeps a few packs for a household, as if it had sent them.
    pub(crate) fn keep_packs(&self, ward: &HouseholdId, count: u8) -> Vec<PackId> {
        let keeper = &self.home.vault.keeper;
        keeper.agree(ward, GB, 1, [7; 16]).unwrap();
        let packs = (0..count).map(|n| {
            let bytes = vec![n; 70_000];
            let id = PackId::of(&bytes);
            keeper.put(ward, &id, &bytes, Room::Common).unwrap();
            id
        });
        packs.collect()
    }
}

/// Fields that pages and scripts rely on; more may stand beside them.
#[track_caller]
pub(crate) fn has(value: &Value, fields: &str) {
    for field in fields.split_whitespace() {
        assert!(value.get(field).is_some(), "{field} is part of the contract: {value}");
    }
}

pub(crate) fn household(id: &HouseholdId) -> Value {
    json!(id.to_string())
}

pub(crate) fn bytes_of(path: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str().as_bytes().to_vec()
}

pub(crate) fn folder(path: &Path) -> VaultCommand {
    VaultCommand::AddFolder { folder: bytes_of(path) }
}

#[tokio::test]
async fn a_home_without_copies_says_what_to_do() {
    let site = Site::new();
    let ben = site.ben();
    let seen = site.get("/api/vault").by(&ben).send().await;
    assert_eq!(seen.status.as_u16(), 200, "everybody sees how safe the photos are");
    let told = seen.json();
    assert_eq!([&told["level"], &told["completeHomes"]], [&json!("off"), &json!(0)]);
    assert!(!told["sentence"].as_str().unwrap().is_empty());
    has(
        &told,
        "level sentence reasons completeHomes photos packs bytes pending keepers wards targets asks audits drills \
         lastDrillAt heals alarms restoring ifLostNow phrase",
    );
    assert_eq!(told["phrase"]["enabled"], json!(true));
    for empty in ["keepers", "wards", "targets", "asks", "drills", "heals", "alarms"] {
        assert_eq!(told[empty], json!([]), "{empty}");
    }
    assert_eq!(told["photos"], json!({"total": 0, "safe": 0, "oneHome": 0, "none": 0}));
    assert_eq!(told["restoring"], json!(null));

    let line = site.line(VaultCommand::Status).await;
    assert_eq!([&line["complete_homes"], &line["pending"]], [&json!(0), &json!(0)]);
    has(&line, "complete_homes packs bytes pending keepers wards last_drill_at sentence");
    let status = site.get("/api/status").by(&site.anna).send().await.json();
    assert_eq!(status["vault"]["complete_homes"], json!(0));
    assert_eq!(status["vault"]["sentence"], told["sentence"]);
}

#[tokio::test]
async fn only_admins_change_anything() {
    let site = Site::new();
    let ben = site.ben();
    let id = site.pair("Nonna", 3);
    let body = json!({"household": id.to_string(), "bytes": 2 * GB, "allow": true, "phrase": "x", "kind": "folder",
        "place": "/tmp", "folder": "/tmp"});
    for (method, path) in [
        (Method::POST, "/api/vault/ask".to_owned()),
        (Method::POST, "/api/vault/keep".to_owned()),
        (Method::DELETE, format!("/api/vault/keepers/{id}")),
        (Method::POST, format!("/api/vault/keepers/{id}/deletion")),
        (Method::DELETE, format!("/api/vault/wards/{id}")),
        (Method::POST, format!("/api/vault/wards/{id}/deletion")),
        (Method::POST, "/api/vault/run".to_owned()),
        (Method::POST, "/api/vault/audit".to_owned()),
        (Method::POST, "/api/vault/drill".to_owned()),
        (Method::POST, "/api/vault/repair".to_owned()),
        (Method::POST, "/api/vault/phrase".to_owned()),
        (Method::POST, "/api/vault/targets".to_owned()),
        (Method::DELETE, "/api/vault/targets/1".to_owned()),
        (Method::POST, "/api/vault/usb".to_owned()),
        (Method::POST, "/api/vault/alarms/1/seen".to_owned()),
    ] {
        let refused = site.ask(method.clone(), &path).by(&ben).json(&body).send().await;
        assert_eq!(refused.status.as_u16(), 403, "{method} {path}: {}", refused.text());
        let stranger = site.ask(method.clone(), &path).json(&body).send().await;
        assert_eq!(stranger.status.as_u16(), 401, "{method} {path}");
    }
    assert_eq!(site.get("/api/vault").send().await.status.as_u16(), 401);
    let told = site.vault().await;
    assert_eq!([&told["keepers"], &told["wards"], &told["targets"]], [&json!([]), &json!([]), &json!([])]);
}

#[tokio::test]
async fn homes_are_asked_and_kept_for() {
    let site = Site::new();
    let (nonna, bens) = (site.pair("Nonna", 3), site.pair("Ben's", 4));
    let asked = site.tell("/api/vault/ask", &json!({"household": household(&nonna), "bytes": 2 * GB})).await;
    assert_eq!(asked, (204, String::new()));
    let told = site.vault().await;
    let keeper = &told["keepers"][0];
    assert_eq!([&keeper["household"], &keeper["name"]], [&household(&nonna), &json!("Nonna")]);
    assert_eq!([&keeper["state"], &keeper["path"]], [&json!("asked"), &json!("off")]);
    has(
        keeper,
        "household name state packs photos bytes quota free lastProvenAt lastSeenAt path growthBytesMonth fullAt",
    );

    let kept = site.tell("/api/vault/keep", &json!({"household": household(&bens), "bytes": GB})).await;
    assert_eq!(kept, (204, String::new()));
    let ward = site.vault().await["wards"][0].clone();
    assert_eq!([&ward["name"], &ward["quota"], &ward["ask"]], [&json!("Ben's"), &json!(GB), &json!(null)]);
    has(&ward, "household name state bytes quota held packs lastHeadAt free growthBytesMonth fullAt ask");

    assert_eq!(site.delete(&format!("/api/vault/keepers/{nonna}")).await, 204);
    assert_eq!(site.delete(&format!("/api/vault/keepers/{nonna}")).await, 404);
    assert_eq!(site.delete(&format!("/api/vault/wards/{bens}")).await, 204);
    let told = site.vault().await;
    assert_eq!([&told["keepers"], &told["wards"][0]["state"]], [&json!([]), &json!("ending")]);
}

/// Goal: of what is kept for another home, too, it is said how fast it grows and when there will be no room.
#[tokio::test]
async fn it_is_said_when_there_will_be_no_room_for_another_home() {
    let site = Site::new();
    let bens = site.pair("Ben's", 4);
    let (keeper, now_ms) = (&site.home.vault.keeper, site.home.vault.engine.now());
    keeper.agree(&bens, 8_000_000, 1, [7; 16]).unwrap();
    for day in 0..30 {
        let bytes = vec![day; 70_000];
        keeper.put(&bens, &PackId::of(&bytes), &bytes, Room::Common).unwrap();
        keeper.note_growth(now_ms - (29 - i64::from(day)) * DAY_MS).unwrap();
    }
    let ward = site.vault().await["wards"][0].clone();
    let month = ward["growthBytesMonth"].as_u64().unwrap();
    assert!((2_000_000..2_300_000).contains(&month), "{month}");
    assert!(ward["fullAt"].is_string(), "{ward}");
    assert_eq!(site.delete(&format!("/api/vault/wards/{bens}")).await, 204);
    let ward = site.vault().await["wards"][0].clone();
    assert_eq!(ward["fullAt"], json!(null), "nothing more comes");
}

#[tokio::test]
async fn amounts_and_homes_that_make_no_sense_are_refused() {
    let site = Site::new();
    let (nonna, stranger) = (site.pair("Nonna", 3), HouseholdId::from_bytes([8; 32]));
    for path in ["/api/vault/ask", "/api/vault/keep"] {
        for bytes in [json!(0), json!(1 << 20), json!(u64::MAX), json!(2_000_000 * GB)] {
            let (status, text) =
                site.tell(path, &json!({"household": household(&nonna), "bytes": bytes})).await;
            assert_eq!(status, 400, "{path} {bytes}: {text}");
            assert!(text.contains("hint"), "{text}");
        }
        for body in [
            json!({"household": household(&nonna), "bytes": -5}),
            json!({"household": household(&nonna), "bytes": 1.5}),
            json!({"household": household(&nonna), "bytes": "2GB"}),
            json!({"household": "Nonna", "bytes": 2 * GB}),
            json!({"bytes": 2 * GB}),
        ] {
            assert_eq!(site.tell(path, &body).await.0, 400, "{path} {body}");
        }
        let unknown = json!({"household": household(&stranger), "bytes": 2 * GB});
        assert_eq!(site.tell(path, &unknown).await.0, 404, "{path}");
        site.home.ledger.set_peer_state(&nonna, PeerState::Blocked).unwrap();
        let blocked = json!({"household": household(&nonna), "bytes": 2 * GB});
        assert_eq!(site.tell(path, &blocked).await.0, 404, "{path}");
        site.home.ledger.set_peer_state(&nonna, PeerState::Paired).unwrap();
    }
    for path in ["keepers", "wards"] {
        assert_eq!(site.delete(&format!("/api/vault/{path}/{nonna}")).await, 404);
        assert_eq!(site.delete(&format!("/api/vault/{path}/nonna")).await, 404);
        let answer = site.tell(&format!("/api/vault/{path}/{nonna}/deletion"), &json!({"allow": true})).await;
        assert_eq!(answer.0, 404, "{}", answer.1);
    }
    let told = site.vault().await;
    assert_eq!([&told["keepers"], &told["wards"]], [&json!([]), &json!([])]);
}

#[tokio::test]
async fn the_phrase_is_checked_word_by_word() {
    let site = Site::new();
    let right = site.phrase.clone();
    let words: Vec<&str> = right.split_whitespace().collect();
    let answer = |text: String| {
        let asked = site.post("/api/vault/phrase").by(&site.anna).json(&json!({ "phrase": text }));
        async move { asked.send().await }
    };
    let mut typo = words.clone();
    typo[4] = "hosue";
    let wrong = answer(typo.join(" ")).await;
    assert_eq!(wrong.status.as_u16(), 200, "{}", wrong.text());
    let wrong = wrong.json();
    assert_eq!([&wrong["right"], &wrong["problem"]["word"]["position"]], [&json!(false), &json!(5)]);
    assert_eq!(wrong["problem"]["word"]["typed"], json!("hosue"));
    let short = answer(words[..23].join(" ")).await.json();
    assert!(short["problem"]["message"].as_str().unwrap().contains("23"), "{short}");
    assert_eq!(answer(String::new()).await.json()["right"], json!(false));
    assert_eq!(site.vault().await["phrase"]["verifiedAt"], json!(null));

    let right = answer(format!("  {}\n", right.to_uppercase())).await;
    assert_eq!(right.json(), json!({"right": true}));
    assert!(site.vault().await["phrase"]["verifiedAt"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_deletion_waits_for_a_word() {
    let site = Site::new();
    let nonna = site.pair("Nonna", 3);
    let packs = site.keep_packs(&nonna, 20);
    let keeper = &site.home.vault.keeper;
    let path = format!("/api/vault/wards/{nonna}/deletion");
    assert_eq!(site.tell(&path, &json!({"allow": true})).await.0, 409, "nothing waits yet");
    let wish = || assert!(keeper.delete(&nonna, &packs[..15]).unwrap().waits_for_person);
    wish();
    let ask = site.vault().await["wards"][0]["ask"].clone();
    assert_eq!(ask["packs"], json!(15), "{ask}");
    assert_eq!(site.tell(&path, &json!({"allow": false})).await.0, 204);
    assert_eq!(site.vault().await["wards"][0]["ask"], json!(null));
    assert_eq!(keeper.ward(&nonna).unwrap().packs, 20);

    wish();
    let allow = |who: &str, of_ours: bool| VaultCommand::AnswerDeletion {
        household: who.to_owned(),
        of_ours,
        allow: true,
    };
    let answered = site.line(allow("Nonna", false)).await;
    assert_eq!([&answered["allowed"], &answered["waits_for_other_home"]], [&json!(true), &json!(true)]);
    assert_eq!(keeper.ward(&nonna).unwrap().packs, 20, "the other home has a word in it, too");
    let not_a_keeper = site.command(allow("Nonna", true)).await.unwrap_err();
    assert!(not_a_keeper.contains("keeps nothing for this home"), "{not_a_keeper}");
    site.command(VaultCommand::Ask { household: "Nonna".to_owned(), bytes: None }).await.unwrap();
    let off = site.command(allow("Nonna", true)).await.unwrap_err();
    assert!(off.contains("Nonna was not told"), "{off}");
    let off = site.tell(&format!("/api/vault/keepers/{nonna}/deletion"), &json!({"allow": true})).await;
    assert_eq!(off.0, 503, "{}", off.1);
}

#[tokio::test]
async fn alarms_are_seen_once() {
    let site = Site::new();
    let alarm = NewAlarm {
        kind: "recovery",
        household: None,
        text: "Somebody fetched your copies.".to_owned(),
        advice: "Ask who it was.".to_owned(),
    };
    site.home.vault.store.report(&alarm, 1_714_557_600_123).unwrap();
    let told = site.vault().await["alarms"][0].clone();
    assert_eq!([&told["kind"], &told["text"]], [&json!("recovery"), &json!(alarm.text)]);
    assert_eq!(told["at"], json!("2024-05-01T10:00:00.123Z"));
    let path = format!("/api/vault/alarms/{}/seen", told["id"]);
    assert_eq!(site.tell(&path, &json!({})).await.0, 204);
    assert_eq!(site.vault().await["alarms"], json!([]));
    assert_eq!(site.tell("/api/vault/alarms/999/seen", &json!({})).await.0, 404);
    assert_eq!(site.tell("/api/vault/alarms/x/seen", &json!({})).await.0, 404);
}

#[tokio::test]
async fn work_is_begun_and_the_answer_does_not_wait() {
    let site = Site::new();
    for what in ["run", "audit", "drill", "repair"] {
        assert_eq!(site.tell(&format!("/api/vault/{what}"), &json!({})).await.0, 202, "{what}");
    }
    assert_eq!(site.tell("/api/vault/forget", &json!({})).await.0, 404);
}

#[tokio::test]
async fn a_photo_of_somebody_else_is_not_there() {
    let site = Site::new();
    let ids = site.photos(1).await;
    let path = format!("/api/vault/assets/{}", ids[0]);
    let own = site.get(&path).by(&site.anna).send().await;
    assert_eq!(own.json(), json!({"original": "here", "copies": []}));
    assert_eq!(site.get("/api/vault/assets/1").by(&site.anna).send().await.json(), own.json());
    let ben = site.ben();
    assert_eq!(site.get(&path).by(&ben).send().await.status.as_u16(), 404);
    assert_eq!(site.get("/api/vault/assets/x").by(&site.anna).send().await.status.as_u16(), 404);
    assert_eq!(site.get(&path).send().await.status.as_u16(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn agreements_over_the_command_line() {
    let site = Site::new();
    let (nonna, bens) = (site.pair("Nonna", 3), site.pair("Ben's", 4));
    let ask = |who: &str, bytes| VaultCommand::Ask { household: who.to_owned(), bytes };
    let keep = |who: &str, quota| VaultCommand::Keep { household: who.to_owned(), quota };
    let asked = site.line(ask("nonna", None)).await;
    assert_eq!([&asked["household"], &asked["bytes"]], [&household(&nonna), &json!(10 * GB)]);
    let not_up = site.command(VaultCommand::Run).await.unwrap_err();
    assert!(not_up.contains("heirloom serve"), "{not_up}");
    assert!(site.command(ask("Nonna", Some(5))).await.unwrap_err().contains("64MiB"));
    assert!(site.command(ask("Carla", Some(GB))).await.unwrap_err().contains("no home Carla"));

    let unasked = site.command(keep("Ben's", None)).await.unwrap_err();
    assert!(unasked.contains("--quota"), "{unasked}");
    site.home.vault.store.note_ask(Ask { household: bens, bytes: 3 * GB, at_ms: 1_714_557_600_123 }).unwrap();
    assert_eq!(site.vault().await["asks"][0]["bytes"], json!(3 * GB));
    let kept = site.line(keep(&bens.to_string(), None)).await;
    assert_eq!([&kept["name"], &kept["quota"]], [&json!("Ben's"), &json!(3 * GB)]);
    let line = site.line(VaultCommand::Status).await;
    assert_eq!([&line["keepers"][0]["state"], &line["wards"][0]["quota"]], [&json!("asked"), &json!(3 * GB)]);
    has(&line["keepers"][0], "household packs bytes quota last_proven_at state");

    let leave = |who: &str| VaultCommand::Leave { household: who.to_owned() };
    let drop = |who: &str| VaultCommand::Drop { household: who.to_owned() };
    assert!(site.command(drop("Nonna")).await.unwrap_err().contains("keeps nothing for Nonna"));
    assert!(site.command(leave("Ben's")).await.unwrap_err().contains("Ben's keeps nothing"));
    assert_eq!(site.command(leave("Nonna")).await, Ok(Vec::new()));
    assert_eq!(site.command(drop("Ben's")).await, Ok(Vec::new()));
    let told = site.vault().await;
    assert_eq!([&told["keepers"], &told["asks"]], [&json!([]), &json!([])]);
}
