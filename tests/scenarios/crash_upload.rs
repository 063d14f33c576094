//! The real process is killed (SIGKILL) in the middle of uploads, again and again, on one home.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::crash_import::kills;
use crate::harness::{self, Chance, Client, Served, TestHome, files_below, padded_photo};

/// Phones that upload at the same time.
const PHONES: usize = 3;
/// Photos that each round brings.
const PHOTOS_PER_ROUND: u32 = 6;

/// A photo on a phone: its name and bytes.
type Waiting = (String, Vec<u8>);

/// What a phone hears.
enum Heard {
    /// The node has it: the phone may delete its own.
    Safe(String, Waiting),
    /// No answer: it tries again some day.
    Nothing(Waiting),
}

struct Story {
    home: TestHome,
    key: String,
    chance: Chance,
    waiting: VecDeque<Waiting>,
    contents: HashSet<Vec<u8>>,
    /// What the phones may have deleted: asset and bytes.
    acknowledged: BTreeMap<String, Vec<u8>>,
    /// Originals that were looked at: they never change.
    looked_at: HashSet<PathBuf>,
}

impl Story {
    fn new(seed: u64) -> Self {
        let home = TestHome::new();
        let key = home.key();
        Self {
            home,
            key,
            chance: Chance::new(seed),
            waiting: VecDeque::new(),
            contents: HashSet::new(),
            acknowledged: BTreeMap::new(),
            looked_at: HashSet::new(),
        }
    }

    /// More photos; names come again and again, as cameras count.
    fn add_photos(&mut self, round: u32) {
        for n in 0..PHOTOS_PER_ROUND {
            let padding = if self.chance.below(4) == 0 { 600_000 } else { 1_000 };
            let taken = format!("2024:{:02}:10 10:00:00", 1 + round % 12);
            let bytes = padded_photo(round * 10 + n, Some(&taken), padding);
            self.contents.insert(bytes.clone());
            self.waiting.push_back((format!("IMG_{n}.png"), bytes));
        }
    }

    /// Serves, lets the phones upload, and pulls the plug after some answers and a moment.
    fn upload_and_kill(&mut self) {
        if self.chance.below(8) == 0 {
            // Killed while it starts.
            let starting = harness::spawn(self.home.arguments_to_serve());
            let until = harness::soon(Duration::from_micros(self.chance.below(60_000)));
            while starting.line_until(until).is_ok() {}
            drop(starting.kill());
            return;
        }
        let served = self.home.serve();
        let (answers, moment) = (self.chance.below(4), Duration::from_micros(self.chance.below(12_000)));
        let (sender, heard) = channel();
        let queue = Arc::new(Mutex::new(std::mem::take(&mut self.waiting)));
        let phones: Vec<_> = (0..PHONES)
            .map(|_| {
                let (client, queue, sender) = (self.client(&served), Arc::clone(&queue), sender.clone());
                std::thread::spawn(move || phone(&client, &queue, &sender))
            })
            .collect();
        drop(sender);
        for _ in 0..answers {
            let Ok(one) = heard.recv() else { break };
            self.note(one);
        }
        let until = harness::soon(moment);
        while let Ok(one) = heard.recv_timeout(until.saturating_duration_since(Instant::now())) {
            self.note(one);
        }
        served.kill();
        for phone in phones {
            phone.join().unwrap();
        }
        for one in heard {
            self.note(one);
        }
        self.waiting.append(&mut queue.lock().unwrap());
    }

    fn client(&self, served: &Served) -> Client {
        Client::with_key(served.address, &self.key)
    }

    fn note(&mut self, heard: Heard) {
        match heard {
            Heard::Safe(asset, (_, bytes)) => drop(self.acknowledged.insert(asset, bytes)),
            Heard::Nothing(photo) => self.waiting.push_back(photo),
        }
    }

    /// Nothing partial lies under a final name, at no time.
    fn look_at_originals(&mut self) {
        for path in self.home.library_files() {
            if self.looked_at.insert(path.clone()) {
                let bytes = std::fs::read(&path).unwrap();
                assert!(self.contents.contains(&bytes), "{} is not whole", path.display());
            }
        }
    }

    /// The end of the story: the rest is uploaded, and everything is there.
    fn finish(mut self) {
        let served = self.home.serve();
        let client = self.client(&served);
        for (name, bytes) in std::mem::take(&mut self.waiting) {
            let answer = client.upload(&name, &bytes).unwrap();
            assert!(matches!(answer.status, 200 | 201), "{}", answer.head);
            self.acknowledged.insert(answer.json()["id"].as_str().unwrap().to_owned(), bytes);
        }
        assert_eq!(self.acknowledged.len(), self.contents.len());
        for (asset, bytes) in &self.acknowledged {
            let original = client.get(&format!("/api/assets/{asset}/original")).unwrap();
            assert!(original.status == 200 && original.body == *bytes, "{asset}");
        }
        self.try_again(&client);
        served.stop();
        assert_eq!(self.home.problems(), [] as [Value; 0]);
        assert_eq!(self.home.originals().len(), self.contents.len(), "each content lies there once");
        assert_eq!(self.home.status()["assets"], self.contents.len());
        assert_eq!(files_below(&self.home.root().join("inbox")).len(), 0);
        self.looked_at.clear();
        self.look_at_originals();
    }

    /// A photo whose thumbnail was being made at three kills is set aside, because it may be what ended the
    /// program; asked to try again, the node finds nothing wrong with it.
    fn try_again(&self, client: &Client) {
        for problem in client.get("/api/problems").unwrap().json().as_array().unwrap() {
            assert!(problem["reason"].as_str().unwrap().contains("the program stopped"), "{problem}");
            let path = format!("/api/problems/{}/retry", problem["id"]).replace('"', "");
            assert_eq!(client.send_json("POST", &path, &Value::Null).unwrap().status, 204);
        }
        std::fs::create_dir(self.home.beside("nothing")).unwrap();
        // An import of nothing ends when every thumbnail is made.
        self.home.import(&self.home.beside("nothing"));
    }
}

/// Uploads until nothing is left or the node is gone.
fn phone(client: &Client, queue: &Mutex<VecDeque<Waiting>>, heard: &Sender<Heard>) {
    loop {
        let Some(photo) = queue.lock().unwrap().pop_front() else { return };
        let answer = client.upload(&photo.0, &photo.1);
        let Ok(answer) = answer else {
            drop(heard.send(Heard::Nothing(photo)));
            return;
        };
        assert!(
            matches!(answer.status, 200 | 201),
            "{} {}",
            answer.head,
            String::from_utf8_lossy(&answer.body)
        );
        let asset = answer.json()["id"].as_str().unwrap().to_owned();
        drop(heard.send(Heard::Safe(asset, photo)));
    }
}

/// Goal: no upload that was answered is lost, whenever the node is killed; what was not answered can be sent
/// again and arrives once. Method: several phones upload, the node is killed and started again, the phones
/// repeat what was not answered; at the end every answered photo is fetched and compared, and the doctor asked.
fn killed_uploads(seed: u64) {
    let mut story = Story::new(seed);
    for round in 0..kills() {
        story.add_photos(round);
        story.upload_and_kill();
        story.look_at_originals();
    }
    let acknowledged = story.acknowledged.len();
    println!(
        "{} kills, {acknowledged} of {} photos answered before the last start",
        kills(),
        story.contents.len()
    );
    assert!(acknowledged > 0, "the kills come too early to show anything");
    story.finish();
}

/// See [`killed_uploads`].
#[test]
fn killed_uploads_lose_nothing_1() {
    killed_uploads(1);
}

/// See [`killed_uploads`].
#[test]
fn killed_uploads_lose_nothing_2() {
    killed_uploads(2);
}
