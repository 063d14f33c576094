//! Part files: what is there and right is not fetched again; what is wrong is.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::support::{Heard, Peer, Shelf, Wish, data, serving, serving_at};

/// A wish of which some has come.
async fn interrupted(files: &[Vec<u8>], shelf: &Arc<Shelf>, at: u64) -> (Wish, u64) {
    let wish = Wish::new(files);
    let cancel = CancellationToken::new();
    let heard = Arc::new(Heard { cancel_at: Some((at, cancel.clone())), ..Heard::default() });
    let slow = serving_at(shelf, Some(20 << 20));
    wish.fetch_with(&[Peer::serving(1, shelf, &slow)], &heard, cancel).await;
    let there = heard.bytes.lock().unwrap().values().sum();
    (wish, there)
}

#[tokio::test]
async fn only_what_is_missing_is_sent() {
    let files = vec![data(1, (12 << 20) + 77)];
    let shelf = Shelf::with(&files);
    let (wish, there) = interrupted(&files, &shelf, 4 << 20).await;
    let serving = serving(&shelf);
    let summary = wish.fetch(&[Peer::serving(1, &shelf, &serving)]).await;
    wish.expect_whole(&summary);
    let missing = files[0].len() as u64 - there;
    assert_eq!((summary.kept_bytes, summary.fetched_bytes()), (there, missing));
    assert!(serving.sent_bytes() < missing + missing / 100 + 4096, "{} {missing}", serving.sent_bytes());
}

#[tokio::test]
async fn a_whole_part_file_needs_nobody() {
    let files = vec![data(1, 3 << 20), data(2, 100), data(3, 0), data(4, 16384)];
    let shelf = Shelf::with(&files);
    let wish = Wish::new(&files);
    wish.expect_whole(&wish.fetch(&[Peer::serving(1, &shelf, &serving(&shelf))]).await);
    let summary = wish.fetch(&[]).await;
    wish.expect_whole(&summary);
    assert_eq!(summary.kept_bytes, files.iter().map(|file| file.len() as u64).sum::<u64>());
}

#[tokio::test]
async fn garbage_in_the_middle_is_found_and_fetched_again() {
    let files = vec![data(1, 12 << 20)];
    let shelf = Shelf::with(&files);
    let (wish, there) = interrupted(&files, &shelf, 6 << 20).await;
    let part = OpenOptions::new().write(true).open(wish.part(0)).unwrap();
    part.write_all_at(&data(99, 20_000), 3_000_000).unwrap();
    let summary = wish.fetch(&[Peer::serving(1, &shelf, &serving(&shelf))]).await;
    wish.expect_whole(&summary);
    let lost = there - summary.kept_bytes;
    assert!((20_000..=3 * 16384).contains(&lost), "{lost}");
}

#[tokio::test]
async fn garbage_in_the_proofs_costs_only_what_they_prove() {
    let files = vec![data(1, 12 << 20)];
    let shelf = Shelf::with(&files);
    let (wish, there) = interrupted(&files, &shelf, 6 << 20).await;
    let part = OpenOptions::new().write(true).open(wish.part(0)).unwrap();
    // The pair of the root, which everything hangs on.
    part.write_all_at(&[0x55; 64], 12 << 20).unwrap();
    let summary = wish.fetch(&[Peer::serving(1, &shelf, &serving(&shelf))]).await;
    wish.expect_whole(&summary);
    assert!(summary.kept_bytes == 0 && there > 0);
}

#[tokio::test]
async fn any_file_in_the_place_of_a_part_becomes_the_right_one() {
    let file = data(1, 3 << 20);
    let shelf = Shelf::with(std::slice::from_ref(&file));
    let mut longer = file.clone();
    longer.extend_from_slice(&data(5, 300_000));
    let mut flipped = file.clone();
    flipped[1_500_000] ^= 1;
    for found in [data(7, 10), data(7, 3 << 20), data(7, 5 << 20), longer, flipped, Vec::new()] {
        let wish = Wish::new(std::slice::from_ref(&file));
        fs::write(wish.part(0), found).unwrap();
        wish.expect_whole(&wish.fetch(&[Peer::serving(1, &shelf, &serving(&shelf))]).await);
    }
}

#[tokio::test]
async fn a_sparse_part_of_several_providers_is_taken_up_again() {
    // Every other megabyte of a part file is there: pieces came from several providers, then the power went.
    let file = data(1, (16 << 20) + 5);
    let shelf = Shelf::with(std::slice::from_ref(&file));
    let wish = Wish::new(std::slice::from_ref(&file));
    let summary = wish.fetch(&[Peer::serving(1, &shelf, &serving(&shelf))]).await;
    wish.expect_whole(&summary);
    let (half, there) = interrupted(std::slice::from_ref(&file), &shelf, 15 << 20).await;
    assert!(there < file.len() as u64);
    let part = File::options().write(true).open(half.part(0)).unwrap();
    for hole in (0..15).step_by(2) {
        part.write_all_at(&vec![0; 1 << 20], hole << 20).unwrap();
    }
    let summary = half.fetch(&[Peer::serving(1, &shelf, &serving(&shelf))]).await;
    half.expect_whole(&summary);
    assert_eq!(summary.kept_bytes, there - (8 << 20));
}
