//! Made-up photos for benches and demonstrations: many, varied, the same for the same seed.

use heirloom_identity::{AccountId, AssetId, ContentHash, Hashes, Sha1};

use crate::calendar::month_of;
use crate::{Arrival, Derivation, Kind};

/// Years over which the photos are spread; they end with 2025.
const YEARS: i64 = 20;
/// 2026-01-01T00:00:00Z.
const END_MS: i64 = 1_767_225_600_000;
const DAY_MS: i64 = 86_400_000;
/// Days over which the photos are spread.
const DAYS: f64 = 7_299.0;
/// Where July begins in a year.
const JULY: i64 = 182;
/// Pixel sizes of phones, cameras, portraits, squares, panoramas.
const SIZES: [(u32, u32); 8] = [
    (4032, 3024),
    (4032, 3024),
    (3024, 4032),
    (6000, 4000),
    (4000, 6000),
    (1920, 1080),
    (3024, 3024),
    (9000, 2400),
];

/// Yields `count` photos of one account in the order of their local ids, which count from 1.
///
/// Capture times rise over twenty years, more from year to year, with busy days and holidays; every fortieth
/// photo has no capture date, every fiftieth is a video.
pub fn synthetic(account: AccountId, count: u32, seed: u64) -> impl Iterator<Item = (Arrival, Derivation)> {
    (1..=count).map(move |local_id| photo(account, local_id, count, seed))
}

fn photo(account: AccountId, local_id: u32, count: u32, seed: u64) -> (Arrival, Derivation) {
    let mut random = Random(seed ^ u64::from(local_id).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let Hashes { content, sha1 } =
        Hashes::of(&[seed.to_le_bytes(), u64::from(local_id).to_le_bytes()].concat());
    let taken_ms = capture_time(local_id, count, &mut random);
    let kind = if random.below(50) == 0 { Kind::Video } else { Kind::Image };
    let (width, height) = SIZES[usize::try_from(random.below(8)).unwrap_or(0)];
    let derivation = Derivation {
        width: width - u32::try_from(random.below(400)).unwrap_or(0),
        height,
        duration_ms: (kind == Kind::Video).then(|| 1_000 + u32::try_from(random.below(60_000)).unwrap_or(0)),
        taken_local_ms: (random.below(40) != 0).then_some(taken_ms + 60 * 60_000),
        offset_minutes: Some(60),
        make: Some("Heirloom".to_owned()),
        model: Some(format!("Sample {}", random.below(5))),
        thumbhash: Some((0..24).map(|_| random.byte()).collect()),
        colour: Some([random.byte(), random.byte(), random.byte()]),
        version: 1,
        ..Derivation::default()
    };
    (arrival(account, local_id, content, sha1, taken_ms, kind), derivation)
}

fn arrival(
    account: AccountId,
    local_id: u32,
    content: ContentHash,
    sha1: Sha1,
    taken_ms: i64,
    kind: Kind,
) -> Arrival {
    let (extension, mime) = match kind {
        Kind::Image => ("jpg", "image/jpeg"),
        Kind::Video => ("mp4", "video/mp4"),
    };
    let file_name = format!("IMG_{local_id:07}.{extension}");
    Arrival {
        local_id,
        asset: AssetId::derive(&account, &content),
        account,
        content,
        sha1,
        library_path: format!("library/sample/{}/{file_name}", month_of(taken_ms)),
        file_name,
        bytes: 3_000_000 + u64::from(local_id % 1_000) * 1_000,
        arrived_ms: END_MS + i64::from(local_id),
        added_month: 202_601,
        modified_ms: taken_ms,
        mime: mime.to_owned(),
        kind,
    }
}

/// More from year to year, a quarter of each year's in three weeks of July, the rest on busy days.
fn capture_time(local_id: u32, count: u32, random: &mut Random) -> i64 {
    let start_ms = END_MS - YEARS * 365 * DAY_MS;
    // The square root makes the density rise evenly from nothing.
    let share = (f64::from(local_id) / f64::from(count.max(1))).sqrt();
    #[expect(clippy::cast_possible_truncation, reason = "at most the days of twenty years")]
    let mut day = (share * DAYS) as i64;
    day -= day % (1 + random.small(9));
    if random.below(4) == 0 {
        day += JULY - day % 365 + random.small(21);
    }
    start_ms + day.min(YEARS * 365 - 1) * DAY_MS + (8 * 3_600 + random.small(12 * 3_600)) * 1_000
}

/// SplitMix64: small, seeded, good enough to look varied.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn small(&mut self, limit: u32) -> i64 {
        i64::try_from(self.below(limit.into())).unwrap_or(0)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}
