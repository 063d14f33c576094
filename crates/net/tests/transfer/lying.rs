//! Providers who lie, stop, dawdle or vanish: the files come from somebody else, and the summary says who it was.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use heirloom_identity::NodeId;
use heirloom_net::transfer::{Cut, Fault, ItemError, Outgoing, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Out, Peer, Shelf, Wish, data, serving, serving_at};

/// What happens to the byte at a place in what a provider sends.
#[derive(Clone, Copy)]
enum Spoil {
    Flip,
    End,
    Insert,
}

/// Serves truthfully but for one place.
struct Spoiled {
    out: Out,
    left: usize,
    spoil: Spoil,
    ended: bool,
}

impl Outgoing for Spoiled {
    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        if self.ended {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut bytes = bytes.to_vec();
        if self.left < bytes.len() {
            match self.spoil {
                Spoil::Flip => bytes[self.left] ^= 0x10,
                Spoil::Insert => bytes.insert(self.left, 0x55),
                Spoil::End => {
                    bytes.truncate(self.left);
                    self.ended = true;
                }
            }
            self.left = usize::MAX;
        } else {
            self.left -= bytes.len();
        }
        self.out.write(bytes.into()).await
    }

    fn finish(&mut self) {
        self.out.finish();
    }

    fn cut(&mut self, why: Cut) {
        self.out.cut(why);
    }
}

fn spoiled(number: u8, shelf: &Arc<Shelf>, left: usize, spoil: Spoil) -> Peer {
    let (shelf, serving) = (Arc::clone(shelf), serving(shelf));
    Peer::saying(number, move |out, asked| {
        let (shelf, serving) = (Arc::clone(&shelf), Arc::clone(&serving));
        async move {
            let out = Spoiled { out, left, spoil, ended: false };
            drop(serve(out, asked, NodeId::from_bytes([99; 32]), shelf, serving).await);
        }
    })
}

/// 9 bytes of head, 4 of segment, pairs and groups: places in each.
const PLACES: &[usize] = &[0, 1, 8, 9, 12, 13, 13 + 63, 13 + 700, 60_000, 199_999, 300_000];

#[tokio::test]
async fn wrong_bytes_anywhere_are_noticed_and_come_from_somebody_else() {
    let files = vec![data(1, 200_000), data(2, 3 << 20), data(3, 20_000)];
    let shelf = Shelf::with(&files);
    for &place in PLACES {
        for spoil in [Spoil::Flip, Spoil::Insert] {
            let wish = Wish::new(&files);
            let alone = wish.fetch(&[spoiled(1, &shelf, place, spoil)]).await;
            let fault = alone.providers[0].fault.clone();
            assert!(fault.as_ref().is_some_and(Fault::is_lie), "at {place}: {fault:?} {alone:?}");
            assert!(!alone.is_complete());
            let good = Peer::serving(2, &shelf, &serving(&shelf));
            let both = wish.fetch(&[spoiled(1, &shelf, place, spoil), good]).await;
            wish.expect_whole(&both);
            assert_eq!(both.providers[1].fault, None);
        }
    }
}

#[tokio::test]
async fn an_answer_that_ends_too_early_goes_on_where_it_ended() {
    let files = vec![data(1, 200_000), data(2, 2 << 20)];
    let shelf = Shelf::with(&files);
    for place in [0, 5, 100, 150_000, 250_000, 1 << 20] {
        let wish = Wish::new(&files);
        let alone = wish.fetch(&[spoiled(1, &shelf, place, Spoil::End)]).await;
        let last = &alone.providers[0];
        match &last.fault {
            // Each try gets further, so a few are enough for some places.
            None => wish.expect_whole(&alone),
            Some(fault) => assert!(matches!(fault, Fault::Broke(_)) && !fault.is_lie(), "{fault:?}"),
        }
        let after = wish.fetch(&[Peer::serving(2, &shelf, &serving(&shelf))]).await;
        wish.expect_whole(&after);
        let total: u64 = files.iter().map(|file| file.len() as u64).sum();
        assert_eq!(after.fetched_bytes() + after.kept_bytes, total);
        assert_eq!(after.kept_bytes, last.proved_bytes, "nothing that was written is fetched again");
    }
}

#[tokio::test]
async fn a_file_with_the_right_size_and_other_bytes_is_a_lie() {
    // A provider that answers each request with bytes it made up.
    let liar = Peer::saying(1, |mut out, mut asked| async move {
        let mut request = vec![0; 4096];
        let Ok(count) = asked.0.read(&mut request).await else { return };
        let size = &request[count - 9..count - 1];
        let mut answer = vec![0];
        answer.extend_from_slice(size);
        answer.extend_from_slice(&10_000_u32.to_le_bytes());
        answer.extend_from_slice(&data(9, 10_000));
        drop(out.0.write_all(&answer).await);
        // Stays open: the lie is noticed before anything else happens.
        drop(asked.0.read(&mut request).await);
    });
    let wish = Wish::new(&[data(1, 10_000)]);
    let summary = wish.fetch(&[liar]).await;
    assert_eq!(summary.providers[0].fault, Some(Fault::WrongBytes { item: 0 }));
    assert!(matches!(summary.outcomes[0], Err(ItemError::Unreachable)));
    assert!(!wish.part(0).exists(), "nothing unproved reaches the disk");
}

#[tokio::test]
async fn more_than_was_asked_for_is_a_lie() {
    // Sends what no answer is, before it was asked for anything, and a lot of it.
    let flood = Peer::saying(1, |mut out, _asked| async move {
        let bytes = vec![1; 1 << 16];
        while out.0.write_all(&bytes).await.is_ok() {}
    });
    let wish = Wish::new(&[data(1, 10_000)]);
    let summary = wish.fetch(&[flood]).await;
    assert!(summary.providers[0].fault.as_ref().is_some_and(Fault::is_lie), "{summary:?}");
    assert!(summary.providers[0].received_bytes < 16 << 20);
}

#[tokio::test]
async fn another_size_is_a_lie() {
    let liar = Peer::saying(1, |mut out, mut asked| async move {
        let mut request = [0; 64];
        drop(asked.0.read(&mut request).await);
        drop(out.0.write_all(&[0, 255, 255, 255, 255, 255, 255, 255, 255]).await);
        drop(asked.0.read(&mut request).await);
    });
    let summary = Wish::new(&[data(1, 10_000)]).fetch(&[liar]).await;
    let fault = summary.providers[0].fault.clone();
    assert_eq!(fault, Some(Fault::WrongSize { item: 0, bytes: u64::MAX, wanted: 10_000 }));
}

/// Keeps the stream open; sends a byte now and then, or nothing.
fn dawdler(number: u8, pause: Option<Duration>) -> Peer {
    Peer::saying(number, move |mut out, _asked| async move {
        let Some(pause) = pause else { return std::future::pending().await };
        while out.0.write_all(&[0]).await.is_ok() {
            tokio::time::sleep(pause).await;
        }
    })
}

#[tokio::test]
async fn who_stalls_or_drips_loses_its_items_to_the_others() {
    let files: Vec<Vec<u8>> = (1..40).map(|seed| data(seed, 100_000)).collect();
    let shelf = Shelf::with(&files);
    let wish = Wish::new(&files);
    let silent = wish.fetch(&[dawdler(1, None)]).await;
    assert_eq!(silent.providers[0].fault, Some(Fault::Stalled));
    assert!(matches!(silent.outcomes[0], Err(ItemError::Unreachable)));
    // The good one is slow enough to leave the others some items.
    let good = Peer::serving(3, &shelf, &serving_at(&shelf, Some(8 << 20)));
    let providers = [dawdler(1, None), dawdler(2, Some(Duration::from_millis(40))), good];
    let summary = wish.fetch(&providers).await;
    wish.expect_whole(&summary);
    for provider in &summary.providers[..2] {
        assert!(provider.fault != Some(Fault::TooMuch) && provider.proved_bytes == 0, "{summary:?}");
    }
    assert_eq!(summary.providers[2].fault, None);
}

#[tokio::test]
async fn a_slow_provider_does_not_hold_the_end_up() {
    let files = vec![data(1, 24 << 20)];
    let shelf = Shelf::with(&files);
    let wish = Wish::new(&files);
    // At this rate its first piece alone would take half an hour.
    let slow = Peer::serving(1, &shelf, &serving_at(&shelf, Some(4096)));
    let quick = Peer::serving(2, &shelf, &serving_at(&shelf, Some(16 << 20)));
    let summary = wish.fetch(&[slow, quick]).await;
    wish.expect_whole(&summary);
    assert!(summary.providers[1].proved_bytes > 20 << 20, "{summary:?}");
}

#[tokio::test]
async fn who_cannot_be_reached_is_named() {
    let gone = Peer::saying(1, |out, asked| async move { drop((out, asked)) });
    let files = vec![data(1, 100_000)];
    let shelf = Shelf::with(&files);
    let wish = Wish::new(&files);
    let summary = wish.fetch(std::slice::from_ref(&gone)).await;
    assert!(matches!(summary.providers[0].fault, Some(Fault::Broke(_))), "{summary:?}");
    let good = Peer::serving(2, &shelf, &serving(&shelf));
    wish.expect_whole(&wish.fetch(&[gone, good]).await);
}
