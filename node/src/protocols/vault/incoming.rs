//! A pack on its way in: in memory while it comes quickly, in a file of this home's once it doesn't.
//!
//! Only few packs may be in memory at once. One that comes over a slow line leaves its place to others after a moment,
//! goes on in a file, and takes a place again when all of it is here. So homes with slow lines keep nobody out.

use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use heirloom_net::StreamError;
use thiserror::Error;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::time::{Instant, sleep_until};

use super::places::{BRISK, Place};

/// Why a pack isn't here.
#[derive(Debug, Error)]
pub(super) enum Unfinished {
    /// The stream broke off.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// Fewer bytes came than were announced.
    #[error("fewer bytes came than were announced")]
    Wrong,
    /// All of it came, and there was no place for it again.
    #[error("no place became free in time")]
    Busy,
    /// It couldn't be put into a file or taken out again.
    #[error("a pack that comes slowly cannot be kept in a file: {0}")]
    Disk(#[from] io::Error),
}

/// What came so far.
enum Held {
    Memory(BytesMut),
    File(File),
}

/// Where the frames of a pack come from.
pub(super) trait Frames {
    /// The next one, of at most so many bytes; `None` at the end.
    fn next(&mut self, most: usize) -> impl Future<Output = Result<Option<Bytes>, StreamError>> + Send;
}

/// Takes in a pack of so many bytes, frame by frame. `place` is taken
/// when this returns bytes. A file, if one is needed, is made in `folder` and has no name there for longer than a moment.
pub(super) async fn take_in(
    bytes: usize,
    place: &mut Place,
    folder: &Path,
    mut frames: impl Frames,
) -> Result<Bytes, Unfinished> {
    let brisk_until = Instant::now() + BRISK;
    let (mut held, mut here) = (Held::Memory(BytesMut::new()), 0);
    while here < bytes {
        let mut next = pin!(frames.next(bytes - here));
        let is_in_memory = matches!(held, Held::Memory(_));
        let frame = tokio::select! {
            biased;
            frame = &mut next => frame,
            () = sleep_until(brisk_until), if is_in_memory => {
                held = held.into_file(folder).await?;
                place.step_aside();
                next.await
            }
        };
        let frame = frame?.filter(|frame| !frame.is_empty()).ok_or(Unfinished::Wrong)?;
        here += frame.len();
        held.add(frame).await?;
    }
    if !place.come_back().await {
        return Err(Unfinished::Busy);
    }
    held.all(bytes).await
}

impl Held {
    async fn add(&mut self, mut frame: Bytes) -> io::Result<()> {
        match self {
            Self::Memory(all) => all.extend_from_slice(&frame),
            Self::File(file) => file.write_all_buf(&mut frame).await?,
        }
        Ok(())
    }

    async fn into_file(self, folder: &Path) -> io::Result<Self> {
        match self {
            Self::Memory(mut all) => {
                let mut file = nameless(folder).await?;
                file.write_all_buf(&mut all).await?;
                Ok(Self::File(file))
            }
            Self::File(file) => Ok(Self::File(file)),
        }
    }

    async fn all(self, bytes: usize) -> Result<Bytes, Unfinished> {
        match self {
            Self::Memory(all) => Ok(all.freeze()),
            Self::File(mut file) => {
                file.flush().await?;
                file.seek(SeekFrom::Start(0)).await?;
                let mut all = Vec::with_capacity(bytes);
                file.read_to_end(&mut all).await?;
                Ok(all.into())
            }
        }
    }
}

/// A file that goes with whoever holds it, also when the power goes.
async fn nameless(folder: &Path) -> io::Result<File> {
    let name: [u8; 16] = crate::random::bytes().map_err(io::Error::other)?;
    let path: PathBuf = folder.join(format!("{}.part", data_encoding::HEXLOWER.encode(&name)));
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    let file = options.open(&path).await?;
    tokio::fs::remove_file(&path).await?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use heirloom_identity::HouseholdId;
    use tokio::time::sleep;

    use super::*;
    use crate::protocols::vault::places::{PUTS_MAX, PUTS_PER_WARD_MAX, Places, Work};

    const FRAME: usize = 1000;

    /// Calls for each frame.
    struct Each<F>(F);

    impl<F, R> Frames for Each<F>
    where
        F: FnMut(usize) -> R,
        R: Future<Output = Result<Option<Bytes>, StreamError>> + Send,
    {
        fn next(&mut self, most: usize) -> impl Future<Output = Result<Option<Bytes>, StreamError>> + Send {
            (self.0)(most)
        }
    }

    fn content(seed: usize) -> Bytes {
        (0..5 * FRAME + 7).map(|at| u8::try_from((at * 31 + seed) % 251).unwrap()).collect()
    }

    /// Takes in a pack of which a frame comes every so often.
    async fn send(
        places: &Places,
        ward: u8,
        seed: usize,
        pause: Duration,
        folder: &Path,
    ) -> Result<Bytes, Unfinished> {
        let (content, mut at) = (content(seed), 0);
        let mut place =
            places.take(HouseholdId::from_bytes([ward; 32]), Work::Put).await.ok_or(Unfinished::Busy)?;
        let whole = content.clone();
        let frames = Each(move |most: usize| {
            let end = whole.len().min(at + most.min(FRAME));
            let frame = whole.slice(at..end);
            at = end;
            async move {
                sleep(pause).await;
                Ok(Some(frame))
            }
        });
        take_in(content.len(), &mut place, folder, frames).await
    }

    /// Goal: homes with slow lines keep nobody out. Method: two homes take all places and send a frame a minute; a third
    /// home sends, is done before they are, and all that they sent arrives.
    #[tokio::test(start_paused = true)]
    async fn slow_homes_leave_room_for_others() {
        let (places, folder) = (Places::default(), tempfile::tempdir().unwrap());
        let slow = Duration::from_secs(50);
        let began = Instant::now();
        let slow = (0..PUTS_MAX).map(|seed| {
            let ward = u8::try_from(seed / PUTS_PER_WARD_MAX).unwrap();
            send(&places, ward, seed, slow, folder.path())
        });
        let quick = async {
            sleep(Duration::from_secs(1)).await;
            let sent = send(&places, 100, 9, Duration::from_millis(1), folder.path()).await;
            (sent, began.elapsed())
        };
        let (slow, (quick, after)) = tokio::join!(futures_util::future::join_all(slow), quick);
        assert_eq!(quick.unwrap(), content(9));
        assert!(after < Duration::from_secs(15), "{after:?}");
        for (seed, sent) in slow.into_iter().enumerate() {
            assert_eq!(sent.unwrap(), content(seed), "{seed}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
    }

    /// Goal: what is cut short, or whose file fails, is no pack. Method: a stream that ends early, quick and slow, and a
    /// folder that isn't there.
    #[tokio::test(start_paused = true)]
    async fn what_is_not_all_here_is_no_pack() {
        let (places, folder) = (Places::default(), tempfile::tempdir().unwrap());
        let mut place = places.take(HouseholdId::from_bytes([1; 32]), Work::Put).await.unwrap();
        for pause in [Duration::ZERO, BRISK * 2] {
            let mut left = 3;
            let frames = Each(|_: usize| {
                left -= 1;
                let frame = (left > 0).then(|| Bytes::from_static(&[7; 10]));
                async move {
                    sleep(pause).await;
                    Ok(frame)
                }
            });
            let cut = take_in(100, &mut place, folder.path(), frames).await;
            assert!(matches!(cut, Err(Unfinished::Wrong)), "{cut:?}");
        }
        let nowhere = folder.path().join("nowhere");
        let frames = Each(|_: usize| async {
            sleep(BRISK * 2).await;
            Ok(Some(Bytes::from_static(&[7; 10])))
        });
        assert!(place.come_back().await);
        let failed = take_in(100, &mut place, &nowhere, frames).await;
        assert!(matches!(failed, Err(Unfinished::Disk(_))), "{failed:?}");
    }
}
