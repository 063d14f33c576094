//! When the vault may use the line, and how much of it.

/// Minutes of a day.
const DAY_MINUTES: u16 = 24 * 60;
/// A bucket holds what passes in so many seconds, so that a pause is not followed by a flood.
const BURST_SECONDS: u64 = 2;

/// The hours in which the vault may send, by the clock on the wall: from a minute of the day up to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    from: u16,
    to: u16,
}

/// Why a text is no [`Hours`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("hours are written like 22:00-07:00")]
pub struct HoursText;

impl Hours {
    /// Always.
    pub const ALWAYS: Self = Self { from: 0, to: 0 };

    /// From a minute of the day to another; the same twice means always.
    #[must_use]
    pub const fn new(from: u16, to: u16) -> Option<Self> {
        if from < DAY_MINUTES && to < DAY_MINUTES { Some(Self { from, to }) } else { None }
    }

    /// Whether it may send in this minute of the day.
    #[must_use]
    pub const fn allow(&self, minute: u16) -> bool {
        if self.from == self.to {
            return true;
        }
        if self.from < self.to {
            return minute >= self.from && minute < self.to;
        }
        minute >= self.from || minute < self.to
    }

    /// How many minutes it has to wait from this minute of the day; 0 when it may send.
    #[must_use]
    pub const fn wait_minutes(&self, minute: u16) -> u16 {
        if self.allow(minute) {
            return 0;
        }
        (self.from + DAY_MINUTES - minute % DAY_MINUTES) % DAY_MINUTES
    }
}

impl std::str::FromStr for Hours {
    type Err = HoursText;

    fn from_str(text: &str) -> Result<Self, HoursText> {
        let (from, to) = text.trim().split_once('-').ok_or(HoursText)?;
        Self::new(minute(from)?, minute(to)?).ok_or(HoursText)
    }
}

impl std::fmt::Display for Hours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { from, to } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

fn minute(text: &str) -> Result<u16, HoursText> {
    let (hour, minute) = text.trim().split_once(':').ok_or(HoursText)?;
    let number = |text: &str| {
        let digits = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if digits { text.parse::<u16>().map_err(|_| HoursText) } else { Err(HoursText) }
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    // A day ends where the next begins.
    match (hour, minute) {
        (24, 0) => Ok(0),
        (0..24, 0..60) => Ok(hour * 60 + minute),
        _ => Err(HoursText),
    }
}

/// A token bucket: how long to wait so that no more than a rate passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    bytes_per_second: u64,
    /// What may pass at once, in thousandths of a byte; below zero after more passed than there was.
    milli_bytes: i128,
    at_ms: i64,
}

impl Throttle {
    /// Lets so many bytes a second pass; 0: any number.
    #[must_use]
    pub fn new(bytes_per_second: u64, now_ms: i64) -> Self {
        let mut throttle = Self { bytes_per_second, milli_bytes: 0, at_ms: now_ms };
        throttle.milli_bytes = throttle.burst();
        throttle
    }

    /// Lets so many megabits a second pass; 0: any number.
    #[must_use]
    pub fn megabits(megabits: u32, now_ms: i64) -> Self {
        Self::new(u64::from(megabits) * 1_000_000 / 8, now_ms)
    }

    /// Takes `bytes` and says for how many milliseconds to wait before they pass.
    pub fn take(&mut self, bytes: u64, now_ms: i64) -> u64 {
        if self.bytes_per_second == 0 {
            return 0;
        }
        // A clock that went back gives nothing and takes nothing.
        let passed = u64::try_from(now_ms.saturating_sub(self.at_ms)).unwrap_or(0);
        self.at_ms = now_ms;
        let filled = self.milli_bytes + i128::from(passed) * i128::from(self.bytes_per_second);
        self.milli_bytes = filled.min(self.burst()) - i128::from(bytes) * 1000;
        let debt = u128::try_from(-self.milli_bytes).unwrap_or(0);
        u64::try_from(debt.div_ceil(u128::from(self.bytes_per_second))).unwrap_or(u64::MAX)
    }

    fn burst(&self) -> i128 {
        i128::from(self.bytes_per_second) * i128::from(BURST_SECONDS) * 1000
    }
}
