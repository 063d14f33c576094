//! Disks and buckets for copies, as the page and the command line ask for them.

use std::path::PathBuf;

use heirloom::control::VaultCommand;
use heirloom::control::vault::Bucket;
use heirloom_identity::HouseholdId;
use heirloom_vault::PackId;
use serde_json::json;

use crate::harness::Site;
use crate::vault::{bytes_of, folder, household};

/// What no answer may say.
const SECRET: &str = "hush-hush-secret";

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
        bytes_max: None,
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
