//! Copies in other homes, as the page asks about them and as the command line says it. No network runs here: a folder
//! beside the home takes the copies, and another household's packs are given to the keeper by hand.

use std::path::{Path, PathBuf};

use axum::http::Method;
use heirloom::control::vault::Bucket;
use heirloom::control::{Command, VaultCommand, execute};
use heirloom::ledger::peers::{Peer, PeerState};
use heirloom_identity::{Certificate, HouseholdId, NodeKeys, Root};
use heirloom_testkit::photo;
use heirloom_vault::store::{Ask, NewAlarm};
use heirloom_vault::{PackId, Room};
use serde_json::{Value, json};

use crate::harness::Site;

const GB: u64 = 1_000_000_000;
/// What no answer may say.
const SECRET: &str = "hush-hush-secret";

impl Site {
    /// Pairs with a household of this name, as if its people had come; returns its id.
    fn pair(&self, name: &str, seed: u8) -> HouseholdId {
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

    async fn vault(&self) -> Value {
        self.get("/api/vault").by(&self.anna).send().await.json()
    }

    /// Posts as Anna; the status, and what the answer says.
    async fn tell(&self, path: &str, body: &Value) -> (u16, String) {
        let answer = self.post(path).by(&self.anna).json(body).send().await;
        (answer.status.as_u16(), answer.text())
    }

    async fn delete(&self, path: &str) -> u16 {
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
    async fn photos(&self, count: u32) -> Vec<String> {
        let mut ids = Vec::new();
        for n in 0..count {
            let day = format!("2024:05:{:02} 12:30:00", n % 28 + 1);
            ids.push(self.upload(&format!("IMG_{n}.png"), &photo(n, Some(&day))).await);
        }
        self.derive().await;
        ids
    }

    /// Keeps a few packs for a household, as if it had sent them.
    fn keep_packs(&self, ward: &HouseholdId, count: u8) -> Vec<PackId> {
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
fn has(value: &Value, fields: &str) {
    for field in fields.split_whitespace() {
        assert!(value.get(field).is_some(), "{field} is part of the contract: {value}");
    }
}

fn household(id: &HouseholdId) -> Value {
    json!(id.to_string())
}

fn bytes_of(path: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str().as_bytes().to_vec()
}

fn folder(path: &Path) -> VaultCommand {
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
    has(&ward, "household name state bytes quota held packs lastHeadAt free fullAt ask");

    assert_eq!(site.delete(&format!("/api/vault/keepers/{nonna}")).await, 204);
    assert_eq!(site.delete(&format!("/api/vault/keepers/{nonna}")).await, 404);
    assert_eq!(site.delete(&format!("/api/vault/wards/{bens}")).await, 204);
    let told = site.vault().await;
    assert_eq!([&told["keepers"], &told["wards"][0]["state"]], [&json!([]), &json!("ending")]);
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

/// Goal: a disk of our own takes everything, proves it, and brings it back; all over the command line's functions.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_takes_everything_and_gives_it_back() {
    let site = Site::new();
    let ids = site.photos(6).await;
    let nobody = site.command(VaultCommand::Run).await.unwrap_err();
    assert!(nobody.contains("heirloom vault ask"), "{nobody}");
    let disk = site.beside("disk");
    let added = site.line(folder(&disk)).await;
    assert_eq!([&added["kind"], &added["same_disk"]], [&json!("folder"), &json!(true)]);
    assert_eq!(added["place"], json!(disk));

    let run = site.line(VaultCommand::Run).await;
    assert_eq!(
        [&run["done"], &run["pending"], &run["homes_left_out"]],
        [&json!(true), &json!(0), &json!(false)]
    );
    assert_eq!(run["places"][0]["ended"], json!("done"), "{run}");
    assert!(disk.join("HEIRLOOM-VAULT").is_file());
    let told = site.vault().await;
    assert_eq!(told["completeHomes"], json!(0), "a disk of our own is no other home");
    let place = &told["targets"][0];
    assert_eq!([&place["kind"], &place["place"]], [&json!("folder"), &json!(disk)]);
    assert!(place["packs"].as_u64().unwrap() > 0 && place["lastProvenAt"].is_string(), "{place}");
    let copies = site.get(&format!("/api/vault/assets/{}", ids[0])).by(&site.anna).send().await;
    insta::assert_snapshot!(copies.shape().replace(disk.to_str().unwrap(), "[disk]"), @r#"
    200 {
      "copies": [
        {
          "lastProvenAt": "[now]",
          "name": "[disk]",
          "target": "1"
        }
      ],
      "original": "here"
    }
    "#);

    let audit = site.line(VaultCommand::Audit).await;
    assert!(audit["asked"].as_u64().unwrap() > 0 && audit["asked"] == audit["ok"], "{audit}");
    let drill = site.line(VaultCommand::Drill).await;
    assert_eq!([&drill["photos"], &drill["problems"]], [&json!(6), &json!(0)]);
    let told = site.vault().await;
    assert_eq!([&told["drills"][0]["photos"], &told["drills"][0]["problems"]], [&json!(6), &json!(0)]);
    assert!(told["lastDrillAt"].is_string());

    let library = site.home.layout.library().join("anna/2024/2024-05");
    let (rotten, gone) = (library.join("IMG_1.png"), library.join("IMG_3.png"));
    let whole = [&rotten, &gone].map(|path| std::fs::read(path).unwrap());
    let mut bytes = whole[0].clone();
    bytes[700] ^= 1;
    std::fs::write(&rotten, bytes).unwrap();
    std::fs::remove_file(&gone).unwrap();
    let missing = site.get(&format!("/api/vault/assets/{}", ids[3])).by(&site.anna).send().await.json();
    assert_eq!(missing["original"], json!("missing"));
    let repaired = site.line(VaultCommand::Repair).await;
    assert_eq!([&repaired["healed"], &repaired["left"]], [&json!(2), &json!(0)], "{repaired}");
    assert_eq!([&rotten, &gone].map(|path| std::fs::read(path).unwrap()), whole);
    let heals = site.vault().await["heals"].clone();
    assert_eq!(heals.as_array().unwrap().len(), 2, "{heals}");

    let removed = VaultCommand::RemoveTarget { target: disk.to_str().unwrap().to_owned() };
    assert_eq!(site.command(removed.clone()).await, Ok(Vec::new()));
    assert!(site.command(removed).await.unwrap_err().contains("no such folder"));
    assert_eq!(site.vault().await["targets"], json!([]));
    assert!(disk.join("HEIRLOOM-VAULT").is_file(), "what is there stays");
}

#[tokio::test]
async fn bad_folders_are_explained() {
    let site = Site::new();
    let file = site.beside("file");
    std::fs::write(&file, "x").unwrap();
    let inside = site.home.layout.root().join("library/copies");
    let link = site.beside("link");
    std::os::unix::fs::symlink(site.home.layout.root(), &link).unwrap();
    let long = site.beside(&"x".repeat(2000));
    let others = site.beside("others");
    std::fs::create_dir(&others).unwrap();
    let marker =
        format!("Heirloom vault, version 1\nhousehold {}\ndisk {}\n", "ab".repeat(32), "cd".repeat(16));
    std::fs::write(others.join("HEIRLOOM-VAULT"), marker).unwrap();
    for (place, status, says) in [
        (PathBuf::from("media/usb"), 400, "whole path"),
        (PathBuf::new(), 400, "whole path"),
        (file.clone(), 400, "is a file"),
        (file.join("below"), 400, "cannot be used"),
        (inside, 400, "home's own folder"),
        (link.join("library"), 400, "home's own folder"),
        (long, 400, "too long"),
        (others, 400, "another household"),
        (site.beside("not/there"), 503, "plugged in"),
    ] {
        let (got, text) = site.tell("/api/vault/targets", &json!({"kind": "folder", "place": place})).await;
        assert_eq!(got, status, "{}: {text}", place.display());
        assert!(text.contains(says), "{}: {text}", place.display());
    }
    for body in
        [json!({}), json!({"kind": "ftp", "place": "/tmp"}), json!({"kind": "folder"}), json!({"kind": "s3"})]
    {
        assert_eq!(site.tell("/api/vault/targets", &body).await.0, 400, "{body}");
    }
    assert_eq!(site.vault().await["targets"], json!([]));
    for id in ["7", "x", "-1"] {
        assert_eq!(site.delete(&format!("/api/vault/targets/{id}")).await, 404, "{id}");
    }
}

#[tokio::test]
async fn keys_of_a_bucket_are_never_said() {
    let site = Site::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = listener.local_addr().unwrap().port();
    drop(listener);
    let bucket = |endpoint: &str, bucket: &str| {
        json!({"kind": "s3", "endpoint": endpoint, "bucket": bucket, "prefix": "", "accessKey": "AKIA-us",
            "secretKey": SECRET, "region": ""})
    };
    for (body, says) in [
        (bucket("ftp://s3.example.org", "family"), "https"),
        (bucket("http://203.0.113.9", "family"), "http"),
        (bucket("", "family"), "address is missing"),
        (bucket("https://s3.example.org", " "), "name is missing"),
        (bucket("https://s3.example.org", &"b".repeat(2000)), "too long"),
    ] {
        let (status, text) = site.tell("/api/vault/targets", &body).await;
        assert_eq!(status, 400, "{text}");
        assert!(text.contains(says) && !text.contains(SECRET) && !text.contains("AKIA"), "{text}");
    }
    let away = bucket(&format!("http://127.0.0.1:{closed}"), "family");
    let (status, text) = site.tell("/api/vault/targets", &away).await;
    assert!(matches!(status, 400 | 503), "{status} {text}");
    assert!(!text.contains(SECRET) && !text.contains("AKIA"), "{text}");
    let command = VaultCommand::AddBucket(Bucket {
        endpoint: format!("http://127.0.0.1:{closed}"),
        bucket: "family".to_owned(),
        prefix: String::new(),
        region: String::new(),
        access_key: "AKIA-us".to_owned().into(),
        secret_key: SECRET.to_owned().into(),
    });
    let said = site.command(command).await.unwrap_err();
    assert!(!said.contains(SECRET) && !said.contains("AKIA"), "{said}");
    assert!(!site.vault().await.to_string().contains(SECRET));
    assert_eq!(site.vault().await["targets"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_for_another_home_is_written_and_checked() {
    let site = Site::new();
    let (nonna, bens) = (site.pair("Nonna", 3), site.pair("Ben's", 4));
    let packs = site.keep_packs(&nonna, 5);
    let disk = site.beside("usb");
    std::fs::create_dir(&disk).unwrap();
    let write = |who: &str| VaultCommand::WriteUsb { ward: who.to_owned(), to: bytes_of(&disk) };
    let written = site.line(write("nonna")).await;
    assert_eq!(
        [&written["packs"], &written["bad"], &written["name"]],
        [&json!(5), &json!(0), &json!("Nonna")]
    );
    let on_disk = |pack: &PackId| disk.join(format!("packs/{:02x}/{pack}.pack", pack.as_bytes()[0]));
    assert!(packs.iter().all(|pack| on_disk(pack).is_file()));

    // Again: what rotted or went is written once more.
    std::fs::write(on_disk(&packs[0]), vec![9; 70_000]).unwrap();
    std::fs::remove_file(on_disk(&packs[1])).unwrap();
    let again = site.line(write(&nonna.to_string()[..12])).await;
    assert_eq!(again["packs"], json!(5));
    assert!(packs.iter().all(|pack| PackId::of(&std::fs::read(on_disk(pack)).unwrap()) == *pack));

    let stranger = site.command(write("Ben's")).await.unwrap_err();
    assert!(stranger.contains("keeps nothing for Ben's"), "{stranger}");
    site.keep_packs(&bens, 1);
    let other = site.command(write("Ben's")).await.unwrap_err();
    assert!(other.contains("another household"), "{other}");
    assert!(site.command(write("Carla")).await.unwrap_err().contains("no home Carla"));

    // The page is answered at once, and told when it is finished.
    let second = site.beside("second");
    let body = json!({"household": household(&nonna), "folder": second});
    let mut news = site.home.events.listen();
    assert_eq!(site.tell("/api/vault/usb", &body).await.0, 202);
    let alarm = loop {
        let alarms = site.vault().await["alarms"].clone();
        if let Some(alarm) = alarms.as_array().unwrap().first() {
            break alarm.clone();
        }
        news.recv().await.unwrap();
    };
    assert_eq!(alarm["kind"], json!("disk_written"), "{alarm}");
    assert!(alarm["text"].as_str().unwrap().contains("Nonna"));
    assert!(second.join("HEIRLOOM-VAULT").is_file());
    for (household, place, status) in [
        (household(&HouseholdId::from_bytes([8; 32])), json!(second), 404),
        (household(&nonna), json!("usb"), 400),
        (household(&nonna), json!(site.home.layout.root().join("usb")), 400),
        (household(&bens), json!(second), 400),
        (household(&nonna), json!("/not/there/usb"), 503),
    ] {
        let (got, text) =
            site.tell("/api/vault/usb", &json!({"household": household, "folder": place})).await;
        assert_eq!(got, status, "{household} {place}: {text}");
    }
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
