//! Recovery kits over HTTP and the command line: kits on paper, since no other home runs here, and a part that another home
//! gave this one. What homes say to each other is tried in `node/tests/restore/kit.rs`.

use heirloom::control::VaultCommand;
use heirloom::control::vault::kit::{KitCommand, Words};
use heirloom::home::phrase::SETTING_PHRASE_VERIFIED;
use heirloom::ledger::shares::{RequestRow, RequestState, ShareRow};
use heirloom::vault::kits::DAY_MS;
use heirloom_identity::{
    HouseholdId, KitId, KitRecord, KitSecret, KitShare, NodeId, Phrase, Quorum, ReceiveKey, Root,
};
use serde_json::{Value, json};

use crate::harness::Site;

impl Site {
    async fn new_kit(&self, holders: Value, words: &str) -> (u16, Value) {
        let body = json!({"phrase": words, "name": "Family", "holders": holders, "delayDays": 7});
        let made = self.post("/api/vault/kits").by(&self.anna).json(&body).send().await;
        (made.status.as_u16(), made.json())
    }

    /// The only kit, as the page shows it.
    async fn kit(&self) -> Value {
        self.get("/api/vault").by(&self.anna).send().await.json()["kits"][0].clone()
    }
}

#[tokio::test]
async fn a_kit_on_paper_is_made_and_opens_the_phrase() {
    let site = Site::new();
    let words = site.phrase.clone();
    assert_eq!(site.new_kit(json!([null, null, null]), "these are not the words").await.0, 400);
    assert_eq!(site.new_kit(json!([null, null]), &words).await.0, 409);
    let nobody = HouseholdId::from_bytes([9; 32]).to_string();
    let (status, problem) = site.new_kit(json!([nobody, null, null]), &words).await;
    assert_eq!(status, 409);
    assert!(problem["message"].as_str().unwrap().contains("must be on"), "{problem}");
    assert_eq!(site.kit().await, Value::Null);

    let (status, made) = site.new_kit(json!([null, null, null]), &words).await;
    assert_eq!(status, 201, "{made}");
    let text = |at: usize| made["papers"][at]["text"].as_str().unwrap();
    let shares: Vec<KitShare> = [0, 2].map(|at| KitShare::parse(text(at)).unwrap()).into();
    let record = site.home.ledger.kits().unwrap().remove(0).record;
    let root = KitRecord::decode(&record).unwrap().open(&KitSecret::combine(&shares).unwrap()).unwrap();
    assert_eq!(*Phrase::of(&root).text(), *words);

    let kit = site.kit().await;
    assert_eq!([&kit["id"], &kit["name"], &kit["state"]], [&made["id"], &json!("Family"), &json!("ok")]);
    assert_eq!([&kit["threshold"], &kit["count"], &kit["delayDays"]], [&json!(2), &json!(3), &json!(7)]);
    assert_eq!(kit["holders"][1], json!({"household": null, "name": "", "state": "paper"}));
    let id = made["id"].as_str().unwrap();
    let checked = site.post(&format!("/api/vault/kits/{id}/check")).by(&site.anna).send().await;
    assert_eq!(checked.json(), json!({"allRight": true}));
    assert!(site.kit().await["verifiedAt"].is_string());
    let ben = site.ben();
    let refused = site.post(&format!("/api/vault/kits/{id}/refuse")).by(&ben).send().await;
    assert_eq!(refused.status.as_u16(), 204, "anybody may notice a thief");
    let path = format!("/api/vault/kits/{id}");
    let ended = |by| site.ask(axum::http::Method::DELETE, &path).by(by).send();
    assert_eq!(ended(&ben).await.status.as_u16(), 403);
    assert_eq!(ended(&site.anna).await.status.as_u16(), 204);
    assert_eq!(ended(&site.anna).await.status.as_u16(), 404);
    assert_eq!(site.kit().await, Value::Null);
}

#[tokio::test]
async fn the_command_line_makes_and_ends_a_kit() {
    let site = Site::new();
    let create = KitCommand::Create {
        name: String::new(),
        homes: Vec::new(),
        papers: 5,
        delay_days: 0,
        words: Words(site.phrase.to_string().into()),
    };
    let made = site.line(VaultCommand::Kit(create)).await;
    assert_eq!(made["papers"].as_array().unwrap().len(), 5);
    let list = site.line(VaultCommand::Kit(KitCommand::List)).await;
    assert_eq!([&list["kits"][0]["threshold"], &list["kits"][0]["delay_days"]], [&json!(3), &json!(0)]);
    let which = made["id"].as_str().unwrap()[..8].to_owned();
    let checked = site.line(VaultCommand::Kit(KitCommand::Verify { which: which.clone() })).await;
    assert_eq!(checked["all_right"], json!(true));
    site.command(VaultCommand::Kit(KitCommand::Revoke { which: which.clone() })).await.unwrap();
    let gone = site.command(VaultCommand::Kit(KitCommand::Revoke { which })).await.unwrap_err();
    assert!(gone.contains("kit list"), "{gone}");
}

#[tokio::test]
async fn whoever_asks_for_a_part_is_shown_and_answered() {
    let site = Site::new();
    let root = Root::from_bytes([5; 32]);
    let (household, kit) = (root.authority().household(), KitId::from_bytes([6; 16]));
    let secret = KitSecret::from_bytes([7; 32]);
    let shares = secret.split(&household, &kit, Quorum::TwoOfThree, &[8; 32]);
    let held = ShareRow {
        kit,
        household,
        name: "The Millers".to_owned(),
        share: shares[0].encode(),
        record: KitRecord::seal(&root, &secret, &shares, 1, [1; 24]).unwrap().encode(),
        delay_ms: 7 * 24 * 60 * 60 * 1000,
        holders: Vec::new(),
        since_ms: 1,
    };
    site.home.ledger.hold_share(held).unwrap();
    let ask = |n: u8, kit| RequestRow {
        node: NodeId::from_bytes([n; 32]),
        receive: ReceiveKey::from_bytes(&[n; 32]).public(),
        claimed: "The Millers".to_owned(),
        kit,
        state: RequestState::Asked,
        asked_ms: i64::from(n),
        looked_ms: i64::from(n),
        waited_ms: 0,
    };
    site.home.ledger.add_request(ask(1, Some(kit))).unwrap();
    site.home.ledger.add_request(ask(2, None)).unwrap();
    let shown = || async { site.get("/api/vault").by(&site.anna).send().await.json()["kitRequests"].clone() };
    let two = shown().await;
    assert_eq!(
        [&two[0]["state"], &two[0]["name"], &two[0]["hoursLeft"]],
        [&json!("asked"), &json!(null), &json!(null)]
    );
    assert_eq!(two[1]["words"].as_str().unwrap().split(' ').count(), 6);
    assert_ne!(two[0]["words"], two[1]["words"]);

    let answer = |n: u8, allow: bool, by: &str| {
        let path = format!("/api/vault/kit-requests/{}", NodeId::from_bytes([n; 32]));
        let asked = site.post(&path).by(by).json(&json!({ "allow": allow }));
        async move { asked.send().await.status.as_u16() }
    };
    assert_eq!(answer(1, true, &site.ben()).await, 403);
    assert_eq!(answer(1, true, &site.anna).await, 204);
    assert_eq!(answer(2, false, &site.anna).await, 204);
    assert_eq!(answer(2, true, &site.anna).await, 409, "no is no");
    assert_eq!(answer(3, true, &site.anna).await, 409, "nobody asks");
    let one = shown().await;
    assert_eq!([&one[0]["state"], &one[1]], [&json!("allowed"), &Value::Null]);
    let answer = KitCommand::Answer { which: "01010101".to_owned(), allow: false, household: None };
    site.command(VaultCommand::Kit(answer)).await.unwrap();
    let line = site.line(VaultCommand::Kit(KitCommand::Requests)).await;
    assert_eq!(line["requests"], json!([]));
}

/// Goal: what was not looked at for a year is said once, and keeps quiet for a month when somebody puts it off. Method: the
/// moments of the last checks are set back by hand.
#[tokio::test]
async fn a_year_later_people_are_reminded() {
    let site = Site::new();
    let reminders =
        || async { site.get("/api/vault").by(&site.anna).send().await.json()["reminders"].clone() };
    let kinds = |told: &Value| -> Vec<String> {
        told.as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap().to_owned()).collect()
    };
    let said = |about: &str, answer: &str, by: &str| {
        let path = format!("/api/vault/reminders/{about}");
        let asked = site.post(&path).by(by).json(&json!({ "answer": answer }));
        async move { asked.send().await.status.as_u16() }
    };
    let (status, made) = site.new_kit(json!([null, null, null]), &site.phrase).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(reminders().await, json!([]));

    let long_ago = (site.home.vault.engine.now() - 366 * DAY_MS).to_string();
    site.home.ledger.set_setting(SETTING_PHRASE_VERIFIED, &long_ago).unwrap();
    let mut kit = site.home.ledger.kits().unwrap().remove(0);
    kit.kit = KitId::from_bytes([3; 16]);
    kit.created_ms = long_ago.parse().unwrap();
    let id = kit.kit.to_string();
    site.home.ledger.add_kit(kit).unwrap();
    let told = reminders().await;
    assert_eq!(kinds(&told), ["phrase", "paper"], "{told}");
    assert_eq!(told[1]["about"], id);

    assert_eq!(said("phrase", "later", &site.ben()).await, 403);
    assert_eq!(said("phrase", "there", &site.anna).await, 404, "the words are typed, not claimed");
    assert_eq!(said("nothing", "later", &site.anna).await, 404);
    assert_eq!(said("phrase", "later", &site.anna).await, 204);
    assert_eq!(kinds(&reminders().await), ["paper"]);
    let a_month_ago = (site.home.vault.engine.now() - 31 * DAY_MS).to_string();
    site.home.ledger.set_setting("reminder_put_off:phrase", &a_month_ago).unwrap();
    assert_eq!(kinds(&reminders().await), ["phrase", "paper"]);
    assert_eq!(said(&id, "there", &site.anna).await, 204);
    assert_eq!(kinds(&reminders().await), ["phrase"]);
    site.home.ledger.set_setting(SETTING_PHRASE_VERIFIED, &site.home.vault.engine.now().to_string()).unwrap();
    assert_eq!(reminders().await, json!([]));
}
