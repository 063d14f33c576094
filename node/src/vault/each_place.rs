//! Something done at every place at once, so that one that answers slowly holds up no other.

use std::time::Duration;

use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

/// Places that are asked at the same time.
const PLACES_AT_ONCE: usize = 8;

/// Does `work` at every place, several at once. A place that takes longer than `limit` is left: what it did counts, the rest
/// is for another time; so is everything that is under way when `stop` comes.
///
/// # Errors
/// The first of `work`; the other places are left then.
pub(super) async fn each_place<P, F>(
    places: Vec<P>,
    limit: Duration,
    stop: &CancellationToken,
    work: impl Fn(P) -> F,
) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let limited = places.into_iter().map(|place| tokio::time::timeout(limit, work(place)));
    let mut under_way = futures_util::stream::iter(limited).buffer_unordered(PLACES_AT_ONCE);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            done = under_way.next() => match done {
                Some(Ok(done)) => done?,
                Some(Err(_)) => tracing::debug!("a place takes too long; the rest is for another time"),
                None => return Ok(()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(1);
    const NO_LIMIT: Duration = Duration::from_hours(1);

    /// Goal: a place that never answers holds up no other. Method: the first answers only once all the others have.
    #[tokio::test]
    async fn a_slow_place_holds_up_no_other() {
        let answered = Semaphore::new(0);
        let work = |place: u32| {
            let answered = &answered;
            async move {
                if place == 0 {
                    answered.acquire_many(5).await.map(drop)?;
                } else {
                    answered.add_permits(1);
                }
                Ok(())
            }
        };
        each_place((0..6).collect(), NO_LIMIT, &CancellationToken::new(), work).await.unwrap();
    }

    /// Goal: places that never answer at all are left after their time, all of them, and the others are not.
    #[tokio::test]
    async fn a_place_that_never_answers_is_left() {
        let answered = AtomicU32::new(0);
        let work = |place: u32| {
            let answered = &answered;
            async move {
                if place < 20 {
                    std::future::pending::<()>().await;
                }
                answered.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        };
        each_place((0..24).collect(), LIMIT, &CancellationToken::new(), work).await.unwrap();
        assert_eq!(answered.into_inner(), 4);
    }

    /// Goal: a stop ends what is under way at once.
    #[tokio::test]
    async fn a_stop_waits_for_nobody() {
        let stop = CancellationToken::new();
        let work = |_| {
            let stop = stop.clone();
            async move {
                stop.cancel();
                std::future::pending().await
            }
        };
        each_place(vec![1, 2], NO_LIMIT, &stop, work).await.unwrap();
    }
}
