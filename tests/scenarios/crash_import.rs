//! The real process is killed (SIGKILL) in the middle of imports, again and again, on one home.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{self, Chance, Client, TestHome, files_below, padded_photo, write};

/// Files that each round adds to the folder.
const FILES_PER_ROUND: u64 = 8;
/// After how many microseconds at most a process is killed, where time decides.
const MOMENT_US_MAX: u64 = 120_000;

/// How many times the process is killed in one test; four tests make the 200 that are asked for.
pub(crate) fn kills() -> u32 {
    if std::env::var_os("HEIRLOOM_TEST_LONG").is_some() { 500 } else { 50 }
}

struct Story {
    home: TestHome,
    source: PathBuf,
    chance: Chance,
    /// Every file of the folder with its bytes' number; duplicates share one.
    files: BTreeMap<PathBuf, Vec<u8>>,
    contents: HashSet<Vec<u8>>,
    /// Acknowledged: file and asset.
    acknowledged: BTreeMap<PathBuf, String>,
    /// Originals that were looked at: they never change.
    looked_at: HashSet<PathBuf>,
}

impl Story {
    fn new(seed: u64) -> Self {
        let home = TestHome::new();
        let source = home.beside("source");
        Self {
            source,
            home,
            chance: Chance::new(seed),
            files: BTreeMap::new(),
            contents: HashSet::new(),
            acknowledged: BTreeMap::new(),
            looked_at: HashSet::new(),
        }
    }

    /// More photos: most small, some large, some twins in name, some twins in content.
    fn add_files(&mut self, round: u32) {
        for n in 0..FILES_PER_ROUND {
            let seed = round * 100 + u32::try_from(n).unwrap();
            let month = 1 + seed % 12;
            let taken = format!("20{:02}:{month:02}:10 10:00:00", 10 + round % 15);
            let bytes = match self.chance.below(6) {
                0 => padded_photo(seed, Some(&taken), 400_000),
                1 => self.files.values().next().cloned().unwrap_or_else(|| padded_photo(seed, None, 10)),
                2 => padded_photo(seed, None, 0),
                _ => padded_photo(seed, Some(&taken), 2_000),
            };
            let path = self.source.join(format!("{round:03}/IMG_{n}.png"));
            write(&path, &bytes);
            self.contents.insert(bytes.clone());
            self.files.insert(path, bytes);
        }
    }

    /// Imports the folder and pulls the plug: at some moment, or after some line of the report. Says whether
    /// the import was still running.
    fn import_and_kill(&mut self) -> bool {
        let arguments = self.home.arguments(&["import", "--no-wait"], &[self.source.as_os_str()]);
        let running = harness::spawn(arguments);
        let mut lines = Vec::new();
        if self.chance.below(2) == 0 {
            let until = harness::soon(Duration::from_micros(self.chance.below(MOMENT_US_MAX)));
            while let Ok(line) = running.line_until(until) {
                lines.push(line);
            }
        } else {
            // Files of earlier rounds are reported too; those that matter come last.
            let known = u64::try_from(self.files.len()).unwrap().saturating_sub(FILES_PER_ROUND);
            let until = known + self.chance.below(FILES_PER_ROUND + 1);
            while u64::try_from(lines.len()).unwrap() < until {
                let Some(line) = running.line() else { break };
                lines.push(line);
            }
        }
        let (rest, was_running) = running.kill();
        for line in lines.into_iter().chain(rest) {
            self.note(&line);
        }
        was_running
    }

    /// Whoever read this line may throw the file away.
    fn note(&mut self, line: &str) {
        // The last line may be cut off: that one was not acknowledged.
        let Ok(line) = serde_json::from_str::<Value>(line) else { return };
        assert_ne!(line["outcome"], "failed", "{line}");
        if let (Some(path), Some(asset)) = (line["path"].as_str(), line["asset"].as_str()) {
            let before = self.acknowledged.insert(PathBuf::from(path), asset.to_owned());
            assert!(before.is_none_or(|before| before == asset), "{path} became another photo");
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

    /// The end of the story: everything is there, and the doctor is content.
    fn finish(mut self) {
        let imported = self.home.import(&self.source);
        for line in &imported.files {
            self.note(&line.to_string());
        }
        assert_eq!(self.acknowledged.len(), self.files.len());
        assert_eq!(self.home.problems(), [] as [Value; 0]);
        assert_eq!(self.home.originals().len(), self.contents.len(), "each content lies there once");
        assert_eq!(self.home.status()["assets"], self.contents.len());
        assert_eq!(files_below(&self.home.root().join("inbox")).len(), 0);
        self.looked_at.clear();
        self.look_at_originals();
        let served = self.home.serve();
        let client = Client::with_key(served.address, &self.home.key());
        for (path, asset) in &self.acknowledged {
            let original = client.get(&format!("/api/assets/{asset}/original")).unwrap();
            assert!(original.status == 200 && original.body == self.files[path], "{}", path.display());
        }
        served.stop();
    }
}

/// Goal: no import that is killed loses a photo it reported, leaves half of one under a final name, or needs
/// a person to repair anything. Method: kill, look at the files, go on; at the end import to the end, compare
/// every acknowledged photo byte by byte, and ask the doctor.
fn killed_imports(seed: u64) {
    let mut story = Story::new(seed);
    let (mut round, mut killed) = (0, 0);
    while killed < kills() {
        assert!(round < 3 * kills(), "the kills come too late: {killed} of {round} hit a running import");
        story.add_files(round);
        killed += u32::from(story.import_and_kill());
        story.look_at_originals();
        round += 1;
    }
    let acknowledged = story.acknowledged.len();
    println!(
        "{} kills, {acknowledged} of {} files acknowledged before the last import",
        kills(),
        story.files.len()
    );
    assert!(acknowledged > 0, "the kills come too early to show anything");
    story.finish();
}

/// See [`killed_imports`].
#[test]
fn killed_imports_lose_nothing_1() {
    killed_imports(1);
}

/// See [`killed_imports`].
#[test]
fn killed_imports_lose_nothing_2() {
    killed_imports(2);
}

/// Goal: thumbnails that a killed process was making come back by themselves.
/// Method: kill imports that also derive, then let one end, and look at every thumbnail.
#[test]
fn killed_workers_begin_again() {
    let home = TestHome::new();
    let source = home.beside("source");
    let mut chance = Chance::new(3);
    for round in 0..8_u32 {
        for n in 0..6 {
            let path = source.join(format!("{round}/{n}.png"));
            write(&path, &padded_photo(round * 10 + n, Some("2024:05:01 10:00:00"), 100));
        }
        let running = harness::spawn(home.arguments(&["import"], &[source.as_os_str()]));
        let until = harness::soon(Duration::from_micros(chance.below(2 * MOMENT_US_MAX)));
        while running.line_until(until).is_ok() {}
        drop(running.kill());
    }
    let imported = home.import(&source);
    let served = home.serve();
    let client = Client::with_key(served.address, &home.key());
    for line in &imported.files {
        let asset = line["asset"].as_str().unwrap();
        let thumbnail = client.get(&format!("/api/assets/{asset}/thumbnail")).unwrap();
        assert_eq!(thumbnail.status, 200, "{line}");
    }
    served.stop();
    assert_eq!(home.problems(), [] as [Value; 0]);
}
