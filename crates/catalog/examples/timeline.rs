//! Fills a catalog with made-up photos and times the timeline's answers.
//!
//! `cargo run --release -p heirloom-catalog --example timeline -- [PHOTOS] [FILE] [ACCOUNT] [PICTURES]`: 100,000 photos
//! in a scratch folder unless told otherwise; a FILE that exists already is asked as it is. So that a node can serve the
//! FILE, ACCOUNT owns the photos and the WebP files in the folder PICTURES become their thumbnails, in turn, in `cache/`
//! beside the FILE. The last line is JSON.

#![expect(clippy::print_stdout, reason = "an example that talks to the person who runs it")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use heirloom_catalog::synthetic::synthetic;
use heirloom_catalog::{BucketFilter, Catalog, Marks, View};
use heirloom_identity::AccountId;

/// Photos handed over in one transaction.
const BATCH: usize = 250;
/// Every so many photos one is a favourite.
const FAVOURITE_EVERY: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let photos: u32 = args.next().map_or(Ok(100_000), |text| text.parse())?;
    let scratch = tempfile::tempdir()?;
    let path = args.next().map_or_else(|| scratch.path().join("catalog.sqlite"), PathBuf::from);
    let account = args.next().map_or(Ok(AccountId::from_random([7; 16])), |text| text.parse())?;

    if let Some(pictures) = args.next() {
        lay_out(Path::new(&pictures), &path, account, photos)?;
    }

    let mut figures = Figures::default();
    if !path.exists() {
        figures.time("fill", || fill(&path, account, photos))?;
    }
    figures.time("open", || Catalog::open(&path).map(drop))?;
    let catalog = Catalog::open(&path)?;
    measure(&mut figures, &catalog, account)?;
    figures.print(photos);
    Ok(())
}

/// Links pictures to where a home keeps the thumbnails of these photos (`docs/formats/home-folder.md`).
fn lay_out(pictures: &Path, file: &Path, account: AccountId, photos: u32) -> Result<(), Box<dyn Error>> {
    let mut all: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(pictures)? {
        all.push(entry?.path());
    }
    all.retain(|path| path.extension().is_some_and(|extension| extension == "webp"));
    let thumbs = file.with_file_name("cache").join("thumbs");
    for ((photo, _), picture) in synthetic(account, photos, 1).zip(all.iter().cycle()) {
        let hex = photo.content.to_string();
        let folder = thumbs.join(&hex[..2]).join(&hex[2..4]);
        fs::create_dir_all(&folder)?;
        fs::hard_link(picture, folder.join(format!("{hex}.webp")))?;
    }
    Ok(())
}

fn fill(path: &Path, account: AccountId, photos: u32) -> Result<(), Box<dyn Error>> {
    let catalog = Catalog::open(path)?;
    let mut rest = synthetic(account, photos, 1);
    loop {
        let batch: Vec<_> = rest.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return Ok(());
        }
        let favourite = Marks { favourite: true, ..Marks::default() };
        let marks: Vec<_> = batch
            .iter()
            .step_by(FAVOURITE_EVERY)
            .map(|(photo, _)| (photo.asset, favourite.clone()))
            .collect();
        catalog.marked(&marks)?;
        catalog.insert_derived_all(batch)?;
    }
}

fn measure(figures: &mut Figures, catalog: &Catalog, account: AccountId) -> Result<(), Box<dyn Error>> {
    let bytes = figures.time("skeleton, first", || catalog.skeleton(&account, View::All, None))?;
    figures.note("skeleton bytes", bytes.len());
    figures.median("skeleton, again", 20, |_| catalog.skeleton(&account, View::All, None).map(drop))?;
    figures.time("favourites, first", || catalog.skeleton(&account, View::Favourites, None))?;

    let months = catalog.months(&account, View::All)?;
    let largest = months.iter().max_by_key(|month| month.count).ok_or("no photos")?;
    figures.note("months", months.len());
    figures.note("largest month", usize::try_from(largest.count)?);
    let month = |turn: usize| months[turn * 37 % months.len()].month;
    figures.median("columns", 100, |turn| {
        catalog.columns(&account, View::All, month(turn), 0, false).map(drop)
    })?;
    figures.median("columns with thumbhashes", 100, |turn| {
        catalog.columns(&account, View::All, month(turn), 0, true).map(drop)
    })?;
    figures.median("bucket as Immich asks", 20, |turn| {
        let filter = BucketFilter { archived: Some(false), favourite: None };
        catalog.bucket(&account, month(turn), filter).map(drop)
    })?;
    let newest = catalog.bucket(&account, months[0].month, BucketFilter::default())?;
    let asset = newest.first().ok_or("no photos")?.asset;
    figures.median("a favourite, and the month anew", 20, |turn| {
        let rev = catalog.revision(&account)?;
        catalog
            .marked(&[(asset, Marks { favourite: turn % 2 == 0, rating: Some(5), ..Marks::default() })])?;
        catalog.skeleton(&account, View::All, Some(rev)).map(drop)
    })?;
    Ok(())
}

/// What was measured, in order.
#[derive(Default)]
struct Figures {
    times_ms: Vec<(&'static str, f64)>,
    notes: Vec<(&'static str, usize)>,
}

impl Figures {
    fn time<T, E>(&mut self, name: &'static str, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let start = Instant::now();
        let done = work()?;
        self.times_ms.push((name, start.elapsed().as_secs_f64() * 1_000.0));
        Ok(done)
    }

    fn median<E>(
        &mut self,
        name: &'static str,
        turns: usize,
        mut work: impl FnMut(usize) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut times = Vec::with_capacity(turns);
        for turn in 0..turns {
            let start = Instant::now();
            work(turn)?;
            times.push(start.elapsed().as_secs_f64() * 1_000.0);
        }
        times.sort_by(f64::total_cmp);
        self.times_ms.push((name, times[turns / 2]));
        Ok(())
    }

    fn note(&mut self, name: &'static str, value: usize) {
        self.notes.push((name, value));
    }

    fn print(&self, photos: u32) {
        println!("{photos} photos");
        let mut json = serde_json::json!({"photos": photos});
        for (name, value) in &self.notes {
            println!("{name:>34} {value:>12}");
            json[*name] = (*value).into();
        }
        for (name, time_ms) in &self.times_ms {
            println!("{name:>34} {time_ms:>12.3} ms");
            json[format!("{name} ms")] = (*time_ms).into();
        }
        println!("{json}");
    }
}
