//! A catalog in a scratch folder, and photos to put into it.

use heirloom_catalog::{Arrival, AssetRef, Catalog, Derivation, Kind, Marks, View};
use heirloom_identity::{AccountId, AssetId, Hashes};
use tempfile::TempDir;

/// A catalog whose folder goes with it.
pub(crate) struct Home {
    pub(crate) catalog: Catalog,
    pub(crate) folder: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(&folder.path().join("catalog.sqlite")).unwrap();
        Self { catalog, folder }
    }

    /// Opens the same file once more, with nothing in memory.
    pub(crate) fn reopened(&self) -> Catalog {
        Catalog::open(&self.folder.path().join("catalog.sqlite")).unwrap()
    }

    pub(crate) fn mark(&self, local_id: u32, marks: Marks) {
        let asset = self.catalog.asset(&AssetRef::Local(local_id)).unwrap().unwrap().asset;
        self.catalog.marked(&[(asset, marks)]).unwrap();
    }

    pub(crate) fn skeleton(&self, view: View, since: Option<u32>) -> Skeleton {
        Skeleton::read(&self.catalog.skeleton(&account(1), view, since).unwrap())
    }
}

pub(crate) fn account(number: u8) -> AccountId {
    AccountId::from_random([number; 16])
}

/// A photo that differs from others by its number; modified at `modified_ms`, owned by account 1.
pub(crate) fn arrival(local_id: u32, modified_ms: i64) -> Arrival {
    arrival_of(account(1), local_id, modified_ms)
}

pub(crate) fn arrival_of(account: AccountId, local_id: u32, modified_ms: i64) -> Arrival {
    let Hashes { content, sha1 } = Hashes::of(&local_id.to_le_bytes());
    Arrival {
        local_id,
        asset: AssetId::derive(&account, &content),
        account,
        content,
        sha1,
        file_name: format!("IMG_{local_id}.jpg"),
        library_path: format!("library/anna/2024/2024-05/IMG_{local_id}.jpg"),
        bytes: 1_000 + u64::from(local_id),
        arrived_ms: 1_800_000_000_000 + i64::from(local_id),
        added_month: 202_701,
        modified_ms,
        mime: "image/jpeg".to_owned(),
        kind: Kind::Image,
    }
}

pub(crate) fn derivation(taken_local_ms: Option<i64>) -> Derivation {
    Derivation {
        width: 4000,
        height: 3000,
        taken_local_ms,
        thumbhash: Some(vec![1, 2, 3]),
        colour: Some([255, 0, 0]),
        version: 1,
        ..Derivation::default()
    }
}

/// A local time, for readable tests.
pub(crate) fn at(year: i64, month: i64, day: i64, hour: i64) -> i64 {
    let start = heirloom_catalog::calendar::month_start_ms(i32::try_from(year * 100 + month).unwrap());
    start + ((day - 1) * 24 + hour) * 3_600_000
}

/// A skeleton as a page reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Skeleton {
    pub(crate) rev: u32,
    pub(crate) partial: bool,
    pub(crate) months: Vec<SkeletonMonth>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SkeletonMonth {
    pub(crate) month: i32,
    pub(crate) rev: u32,
    pub(crate) days: Vec<(u32, u32)>,
    pub(crate) aspects: Vec<u8>,
    pub(crate) colours: Vec<u16>,
}

impl Skeleton {
    /// Reads the bytes, panicking where they aren't what `docs/formats/timeline.md` draws.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut rest = bytes;
        let mut take = |count: usize| {
            let (head, tail) = rest.split_at(count);
            rest = tail;
            head
        };
        assert_eq!(take(4), b"HTL1");
        let u32_of = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
        let u16_of = |bytes: &[u8]| u16::from_le_bytes(bytes.try_into().unwrap());
        let (rev, photos) = (u32_of(take(4)), u32_of(take(4)));
        let (month_count, flags) = (u16_of(take(2)), u16_of(take(2)));
        let mut months = Vec::new();
        for _ in 0..month_count {
            let (year, month, day_count) = (u16_of(take(2)), take(1)[0], take(1)[0]);
            let (count, rev) = (u32_of(take(4)), u32_of(take(4)));
            let days: Vec<(u32, u32)> =
                (0..day_count).map(|_| u32_of(take(4))).map(|day| (day & 255, day >> 8)).collect();
            assert_eq!(days.iter().map(|day| day.1).sum::<u32>(), count);
            assert!(days.is_sorted_by(|a, b| a.0 > b.0));
            let month = i32::from(year) * 100 + i32::from(month);
            months.push(SkeletonMonth { month, rev, days, aspects: Vec::new(), colours: Vec::new() });
        }
        assert!(months.is_sorted_by(|a, b| a.month > b.month));
        for month in &mut months {
            month.aspects = take(month.count()).to_vec();
        }
        if !photos.is_multiple_of(2) {
            assert_eq!(take(1), [0]);
        }
        for month in &mut months {
            month.colours = take(2 * month.count()).chunks(2).map(u16_of).collect();
        }
        assert!(rest.is_empty(), "{} bytes left over", rest.len());
        Self { rev, partial: flags == 1, months }
    }

    /// What a page knows after it took a newer answer.
    pub(crate) fn merged(mut self, newer: Self) -> Self {
        if !newer.partial {
            return newer;
        }
        for month in newer.months {
            self.months.retain(|known| known.month != month.month);
            if month.count() > 0 {
                self.months.push(month);
            }
        }
        self.months.sort_by_key(|month| std::cmp::Reverse(month.month));
        Self { rev: newer.rev, ..self }
    }
}

impl SkeletonMonth {
    pub(crate) fn count(&self) -> usize {
        usize::try_from(self.days.iter().map(|day| day.1).sum::<u32>()).unwrap()
    }
}
