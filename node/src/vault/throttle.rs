//! How fast copies leave this network, as the settings say.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Lets bytes pass at a steady rate; shared by everything that leaves for other homes outside this network.
#[derive(Debug)]
pub struct Throttle {
    /// Nanoseconds that a byte takes; 0 means none.
    per_byte_ns: u64,
    /// When the bytes that were let through so far have passed.
    free_at: Mutex<Option<Instant>>,
}

impl Throttle {
    /// Megabits a second; 0 lets everything through at once.
    #[must_use]
    pub fn new(mbit: u32) -> Self {
        let bytes_per_sec = u64::from(mbit) * 125_000;
        let per_byte_ns = 1_000_000_000_u64.checked_div(bytes_per_sec).unwrap_or(0);
        Self { per_byte_ns, free_at: Mutex::new(None) }
    }

    /// Waits until so many bytes may leave.
    pub async fn pass(&self, bytes: usize) {
        if self.per_byte_ns == 0 {
            return;
        }
        let takes = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(self.per_byte_ns);
        let begins = {
            let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let begins = free_at.map_or(now, |free_at| free_at.max(now));
            *free_at = Some(begins + Duration::from_nanos(takes));
            begins
        };
        tokio::time::sleep_until(begins).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn took(mbit: u32, pieces: usize) -> Duration {
        let (throttle, begun) = (Throttle::new(mbit), Instant::now());
        for _ in 0..pieces {
            throttle.pass(1_000_000).await;
        }
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_pass_at_the_rate_that_was_set() {
        assert_eq!(took(0, 100).await, Duration::ZERO);
        // The first piece goes at once; each further one waits for those before it.
        let secs = took(8, 11).await.as_secs_f64();
        assert!((9.9..10.1).contains(&secs), "{secs}");
        let secs = took(80, 11).await.as_secs_f64();
        assert!((0.99..1.01).contains(&secs), "{secs}");
    }
}
