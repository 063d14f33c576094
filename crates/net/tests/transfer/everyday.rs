//! What should simply work.

use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fs, io};

use heirloom_identity::ContentHash;
use heirloom_net::transfer::{Budget, Damage, Fetching, ItemError, fetch};
use tokio_util::sync::CancellationToken;

use crate::support::{EDGES, Heard, Peer, Shelf, TOKEN, Wish, data, serving, serving_at, soon};

fn files(sizes: &[usize]) -> Vec<Vec<u8>> {
    sizes.iter().zip(1..).map(|(&len, seed)| data(seed, len)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_every_shape_come_whole_from_one_or_three() {
    let files = files(EDGES);
    let shelf = Shelf::with(&files);
    for peers in [1_u8, 3] {
        let serving = serving(&shelf);
        let providers: Vec<Peer> =
            (1..=peers).map(|number| Peer::serving(number, &shelf, &serving)).collect();
        let wish = Wish::new(&files);
        let summary = wish.fetch(&providers).await;
        wish.expect_whole(&summary);
        assert_eq!(summary.kept_bytes, 0);
        let total: u64 = files.iter().map(|file| file.len() as u64).sum();
        assert_eq!(summary.fetched_bytes(), total);
        assert!(summary.providers.iter().all(|provider| provider.fault.is_none()), "{summary:?}");
    }
}

#[tokio::test]
async fn hundreds_of_small_files_come_on_a_single_thread() {
    let files: Vec<Vec<u8>> = (1..=600).map(|seed| data(seed, 1 + (seed as usize * 37) % 40_000)).collect();
    let shelf = Shelf::with(&files);
    let serving = serving(&shelf);
    let wish = Wish::new(&files);
    let summary = wish.fetch(&[Peer::serving(1, &shelf, &serving)]).await;
    wish.expect_whole(&summary);
    // Proofs are small: 64 bytes for each group, and a few for each file.
    let total: u64 = files.iter().map(|file| file.len() as u64).sum();
    assert!(serving.sent_bytes() < total + total / 100 + 600 * 128, "{}", serving.sent_bytes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_file_is_shared_between_providers() {
    let files = files(&[40 << 20]);
    let shelf = Shelf::with(&files);
    let servings = [(); 3].map(|()| serving_at(&shelf, Some(30 << 20)));
    let providers: Vec<Peer> =
        servings.iter().zip(1..).map(|(serving, number)| Peer::serving(number, &shelf, serving)).collect();
    let wish = Wish::new(&files);
    let summary = wish.fetch(&providers).await;
    wish.expect_whole(&summary);
    for provider in &summary.providers {
        assert!(provider.proved_bytes >= 8 << 20, "{summary:?}");
    }
}

#[tokio::test]
async fn finished_files_get_their_name_when_one_is_given() {
    let files = files(&[100_000, 0]);
    let shelf = Shelf::with(&files);
    let mut wish = Wish::new(&files);
    for at in 0..2 {
        wish.wanted[at].done = Some(wish.folder.path().join(format!("{at}.jpg")));
    }
    let summary = wish.fetch(&[Peer::serving(1, &shelf, &serving(&shelf))]).await;
    wish.expect_whole(&summary);
    assert!(!wish.part(0).exists() && !wish.part(1).exists());
}

#[tokio::test]
async fn what_is_not_there_or_not_for_us_is_not_here_and_disturbs_nobody() {
    let mut files = files(&[50_000, 60_000, 70_000, 80_000]);
    let shelf = Shelf::with(&files[..3]);
    let mut wish = Wish::new(&files);
    wish.wanted[1].token = b"may not".to_vec();
    wish.wanted[2].bytes += 1;
    let summary = wish.fetch(&[Peer::serving(1, &shelf, &serving(&shelf))]).await;
    assert!(summary.outcomes[0].is_ok());
    for outcome in &summary.outcomes[1..] {
        assert!(matches!(outcome, Err(ItemError::NotHere)), "{summary:?}");
    }
    assert!(summary.providers[0].fault.is_none());
    wish.expect_file(0);
    files.clear();
}

#[tokio::test]
async fn somebody_else_may_have_what_one_has_not() {
    let files = files(&[50_000, 9 << 20, 70_000]);
    let (one, other) = (Shelf::with(&files[..1]), Shelf::with(&files[1..]));
    let wish = Wish::new(&files);
    let providers = [Peer::serving(1, &one, &serving(&one)), Peer::serving(2, &other, &serving(&other))];
    wish.expect_whole(&wish.fetch(&providers).await);
}

#[tokio::test]
async fn nothing_can_be_fetched_from_nobody() {
    let wish = Wish::new(&files(&[10, 20]));
    let summary = wish.fetch(&[]).await;
    assert!(summary.outcomes.iter().all(|outcome| matches!(outcome, Err(ItemError::Unreachable))));
    let nothing = Wish::new(&[]);
    assert!(nothing.fetch(&[]).await.is_complete());
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused_here() {
    let mut wish = Wish::new(&files(&[10, 20]));
    wish.wanted[0].token = vec![0; 129];
    wish.wanted[1].bytes = u64::MAX;
    let shelf = Shelf::new();
    let summary = wish.fetch(&[Peer::serving(1, &shelf, &serving(&shelf))]).await;
    assert!(summary.outcomes.iter().all(|outcome| matches!(outcome, Err(ItemError::Refused))), "{summary:?}");
}

#[tokio::test]
async fn a_part_file_that_cannot_be_written_is_that_items_trouble() {
    let files = files(&[200_000, 300_000, 400_000]);
    let shelf = Shelf::with(&files);
    let mut wish = Wish::new(&files);
    fs::create_dir(wish.part(0)).unwrap();
    wish.wanted[1].part = wish.folder.path().join("no/such/folder/part");
    let summary = wish.fetch(&[Peer::serving(1, &shelf, &serving(&shelf))]).await;
    for outcome in &summary.outcomes[..2] {
        assert!(matches!(outcome, Err(ItemError::Disk(_))), "{summary:?}");
    }
    wish.expect_file(2);
    assert!(summary.providers[0].fault.is_none(), "it is not the provider's fault");
}

#[tokio::test]
async fn a_fetch_can_be_cancelled_and_taken_up_again() {
    let files = files(&[30 << 20]);
    let shelf = Shelf::with(&files);
    let wish = Wish::new(&files);
    let slow = serving_at(&shelf, Some(20 << 20));
    let cancel = CancellationToken::new();
    let heard = Arc::new(Heard { cancel_at: Some((5 << 20, cancel.clone())), ..Heard::default() });
    let summary = wish.fetch_with(&[Peer::serving(1, &shelf, &slow)], &heard, cancel).await;
    assert!(matches!(summary.outcomes[0], Err(ItemError::Cancelled)), "{summary:?}");
    let there = heard.bytes.lock().unwrap()[&0];
    assert!((5 << 20..30 << 20).contains(&there));
    let summary = wish.fetch(&[Peer::serving(1, &shelf, &serving(&shelf))]).await;
    wish.expect_whole(&summary);
    assert_eq!(summary.kept_bytes, there);
}

#[tokio::test]
async fn a_throttle_holds_a_fetch_back() {
    let files = files(&[600_000, 600_000]);
    let shelf = Shelf::with(&files);
    let wish = Wish::new(&files);
    let how = Fetching {
        progress: Arc::new(Heard::default()),
        throttle: Arc::new(Budget::new(Some(1_000_000))),
        cancel: CancellationToken::new(),
        // Shorter than the fetch: waiting for our own throttle is no stall of the other side.
        stall: Duration::from_millis(500),
    };
    let started = Instant::now();
    let provider = Peer::serving(1, &shelf, &serving(&shelf));
    // In a task of its own, as a program would.
    let fetched = tokio::spawn(fetch(vec![provider], wish.wanted.clone(), how));
    wish.expect_whole(&soon(fetched).await.unwrap());
    assert!(started.elapsed() > Duration::from_millis(700), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_wrong_sidecar_is_noticed_and_made_again() -> io::Result<()> {
    let files = files(&[5 << 20]);
    let shelf = Shelf::with(&files);
    let serving = serving(&shelf);
    let provider = Peer::serving(1, &shelf, &serving);
    let wish = Wish::new(&files);
    wish.expect_whole(&wish.fetch(std::slice::from_ref(&provider)).await);
    let root = ContentHash::of(&files[0]);
    let sidecar = serving.outboards().path(&root);
    let right = fs::read(&sidecar)?;
    for at in [0, 64 * 100 + 3, right.len() - 1] {
        let mut wrong = right.clone();
        wrong[at] ^= 1;
        fs::write(&sidecar, &wrong)?;
        let wish = Wish::new(&files);
        wish.expect_whole(&wish.fetch(std::slice::from_ref(&provider)).await);
        assert!(fs::read(&sidecar)? == right, "byte {at}");
    }
    assert!(shelf.damaged.lock().unwrap().is_empty());
    // It can be made beforehand, and only of the right file.
    serving.outboards().forget(&root)?;
    let (file, bytes) = (fs::File::open(shelf.path(&root))?, files[0].len() as u64);
    serving.prepare(&root, &file, bytes)?;
    assert!(fs::read(&sidecar)? == right);
    let other = serving.prepare(&ContentHash::of(b"another"), &file, bytes).unwrap_err();
    assert_eq!(other.kind(), io::ErrorKind::InvalidData);
    Ok(())
}

#[tokio::test]
async fn rot_is_found_where_it_happened_and_the_rest_comes_from_elsewhere() {
    let files = files(&[300_000, 5 << 20, 10_000, 400_000, 70_000]);
    let (rotten, sound) = (Shelf::with(&files), Shelf::with(&files));
    // The large one rots after its sidecar was made, the others before.
    let first = serving(&rotten);
    let wish = Wish::new(&files[1..2]);
    wish.expect_whole(&wish.fetch(&[Peer::serving(1, &rotten, &first)]).await);
    for (file, at) in [(1, (3 << 20) + 5), (2, 9_999), (3, 200_000)] {
        let path = rotten.path(&ContentHash::of(&files[file]));
        let mut bytes = files[file].clone();
        bytes[at] ^= 0x80;
        fs::write(path, bytes).unwrap();
    }
    let wish = Wish::new(&files);
    let summary = wish.fetch(&[Peer::serving(1, &rotten, &first)]).await;
    assert!(summary.providers[0].fault.is_none(), "it says itself that it is damaged: {summary:?}");
    for (at, outcome) in summary.outcomes.iter().enumerate() {
        assert_eq!(outcome.is_ok(), [0, 4].contains(&at), "{at} {outcome:?}");
        assert!(matches!(outcome, Ok(()) | Err(ItemError::Damaged)), "{at} {outcome:?}");
    }
    let told = rotten.damaged.lock().unwrap().clone();
    for file in [1, 2, 3] {
        assert!(told.contains(&(ContentHash::of(&files[file]), Damage::Changed)), "{told:?}");
    }
    let summary = wish.fetch(&[Peer::serving(2, &sound, &serving(&sound))]).await;
    wish.expect_whole(&summary);
    assert!(
        summary.kept_bytes > 300_000 + 70_000 + (2 << 20),
        "what came before the rot is kept: {summary:?}"
    );
}

#[tokio::test]
async fn a_file_that_became_shorter_is_reported() {
    let files = files(&[2 << 20]);
    let shelf = Shelf::with(&files);
    let serving = serving(&shelf);
    let root = ContentHash::of(&files[0]);
    fs::write(shelf.path(&root), &files[0][..1 << 20]).unwrap();
    let mut wish = Wish::new(&files);
    wish.wanted[0].bytes = 1 << 20;
    let summary = wish.fetch(&[Peer::serving(1, &shelf, &serving)]).await;
    assert!(matches!(summary.outcomes[0], Err(ItemError::Damaged)), "{summary:?}");
    assert!(!shelf.damaged.lock().unwrap().is_empty());
    assert_eq!(TOKEN, wish.wanted[0].token);
}
