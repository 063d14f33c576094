//! Measures the first sync of a large album, and what one caption costs:
//! `cargo run --release -p heirloom-spaces --example albums_speed -- 100000`.

#![expect(clippy::print_stdout, reason = "an example talks to the person who runs it")]

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use heirloom_identity::{AccountId, Certificate, ContentHash, NodeKeys, ReceiveKey, Role, Root, SpaceId};
use heirloom_spaces::{AlbumEdit, AlbumKeys, Albums, Blob, EntryFacts, MIGRATIONS, SyncMessage, SyncSession};
use heirloom_store::{Database, Durability};

type Failure = Box<dyn std::error::Error>;

/// A moment in 2026.
const NOW_MS: i64 = 1_784_000_000_000;
/// How many entries one call adds.
const CALL_ENTRIES: u64 = 5000;

fn main() -> Result<(), Failure> {
    let count: u64 = std::env::args().nth(1).map_or(Ok(100_000), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let anna = home(1, &folder.path().join("anna.sqlite"))?;
    let ben = home(2, &folder.path().join("ben.sqlite"))?;
    let account = AccountId::from_random([1; 16]);
    let space = anna.create(account, "Everything", NOW_MS)?;

    let (started, cpu) = (Instant::now(), cpu_seconds());
    for first in (0..count).step_by(usize::try_from(CALL_ENTRIES)?) {
        let entries = (first..count.min(first + CALL_ENTRIES)).map(|n| facts(n, account)).collect();
        anna.edit(&space, account, &[AlbumEdit::Add(entries)], NOW_MS)?;
    }
    println!(
        "{count} entries added in {:.2} s, {:.2} s of processor; {} MB resident",
        started.elapsed().as_secs_f64(),
        cpu_seconds() - cpu,
        resident_mb()
    );

    let receive = ReceiveKey::from_bytes(&[2; 32]).public();
    anna.invite(&space, ben.household(), receive, Role::Contributor, Vec::new(), NOW_MS)?;
    let mut link = Link {
        left: anna.session(ben.household()),
        right: ben.session(anna.household()),
        bytes: 0,
        messages: 0,
    };
    let (started, cpu) = (Instant::now(), cpu_seconds());
    let offers = link.left.open()?;
    link.exchange(&offers)?;
    let seconds = started.elapsed().as_secs_f64();
    let has = ben.album(&space)?.map_or(0, |album| album.entries);
    println!(
        "first sync of {has} entries in {seconds:.2} s, {:.2} s of processor, both homes in one process: {:.1} MB in {} messages; {} MB resident, {} MB at most",
        cpu_seconds() - cpu,
        megabytes(link.bytes),
        link.messages,
        resident_mb(),
        status_mb("VmHWM:"),
    );
    pages(&ben, &space, count)?;
    caption(&anna, &ben, &space, account, &mut link)
}

fn pages(ben: &Albums, space: &SpaceId, count: u64) -> Result<(), Failure> {
    let started = Instant::now();
    for page in 0..20 {
        let from = count / 20 * page;
        ben.entries(space, from..from + 500)?;
    }
    println!("a page of 500 entries anywhere: {:.1} ms", started.elapsed().as_secs_f64() * 1000.0 / 20.0);
    Ok(())
}

fn caption(
    anna: &Albums,
    ben: &Albums,
    space: &SpaceId,
    account: AccountId,
    link: &mut Link,
) -> Result<(), Failure> {
    let before = link.bytes;
    let started = Instant::now();
    let content = facts(7, account).content;
    let text = "Nonna am Meer".to_owned();
    anna.edit(space, account, &[AlbumEdit::Caption(content, Some(text.clone()))], NOW_MS)?;
    let pushed = link.left.push(space)?;
    link.exchange(&pushed)?;
    let seen = ben.entry(space, &content)?.and_then(|entry| entry.caption);
    println!(
        "one caption: {} bytes on the wire, {:.1} ms from edit to seen ({})",
        link.bytes - before,
        started.elapsed().as_secs_f64() * 1000.0,
        seen == Some(text),
    );
    Ok(())
}

/// Two homes that are connected; what the left one says first is exchanged until nobody has anything to say.
struct Link {
    left: SyncSession,
    right: SyncSession,
    bytes: usize,
    messages: usize,
}

impl Link {
    fn exchange(&mut self, first: &[SyncMessage]) -> Result<(), Failure> {
        let mut under_way: VecDeque<(bool, Vec<u8>)> =
            first.iter().map(|message| (true, message.encode())).collect();
        while let Some((to_right, bytes)) = under_way.pop_front() {
            self.bytes += bytes.len();
            self.messages += 1;
            let session = if to_right { &mut self.right } else { &mut self.left };
            let replies = session.receive(SyncMessage::decode(&bytes)?, NOW_MS)?;
            under_way.extend(replies.iter().map(|message| (!to_right, message.encode())));
        }
        Ok(())
    }
}

fn home(seed: u8, path: &Path) -> Result<Albums, Failure> {
    let node = NodeKeys::from_bytes(&std::array::from_fn(|n| if n < 32 { seed } else { seed + 100 }));
    let authority = Root::from_bytes([seed; 32]).authority();
    let certificate = Certificate::issue(&authority, 1, node.node(), node.signer().id(), 0)?;
    let receive = vec![ReceiveKey::from_bytes(&[seed; 32])];
    let keys = AlbumKeys { certificate, signer: node.signer().clone(), receive };
    let counter = AtomicU64::new(u64::from(seed) << 48);
    // A real node takes these bytes from the system's randomness.
    let random = move |bytes: &mut [u8]| {
        for chunk in bytes.chunks_mut(32) {
            let hash = ContentHash::of(&counter.fetch_add(1, Ordering::Relaxed).to_le_bytes());
            chunk.copy_from_slice(&hash.as_bytes()[..chunk.len()]);
        }
    };
    let db = Database::open(path, Durability::Full, MIGRATIONS)?;
    Ok(Albums::open(db, keys, Arc::new(random))?)
}

fn facts(n: u64, owner: AccountId) -> EntryFacts {
    let hash = |kind: &str| ContentHash::of(format!("{kind} {n}").as_bytes());
    EntryFacts {
        content: hash("photo"),
        bytes: 3_500_000 + n,
        mime: "image/jpeg".to_owned(),
        file_name: format!("IMG_{n:05}.JPG"),
        owner,
        added_at_ms: NOW_MS,
        taken_local_ms: i64::try_from(n).ok().map(|n| 1_600_000_000_000 + n * 977_000),
        offset_minutes: Some(120),
        width: 4032,
        height: 3024,
        duration_ms: None,
        thumbhash: hash("thumbhash").as_bytes()[..25].to_vec(),
        colour: Some([90, 120, 150]),
        latitude: Some(45.0),
        longitude: Some(7.5),
        make: Some("Apple".to_owned()),
        model: Some("iPhone 15".to_owned()),
        thumbnail: Some(Blob { hash: hash("thumbnail"), bytes: 14_000 }),
        preview: Some(Blob { hash: hash("preview"), bytes: 280_000 }),
    }
}

fn resident_mb() -> u64 {
    status_mb("VmRSS:")
}

/// A figure of this process's memory; 0 where the system doesn't say.
fn status_mb(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() / 1024
}

/// What the processor worked for this process so far; 0 where the system doesn't say. Linux counts in hundredths.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    ticks / 100.0
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}
