//! What the vault decides, as pure functions: where copies go, what is checked, what is repaired, what people are told.
//!
//! Nothing here reads a clock, a disk or a network: facts, the time and a seed come in, decisions go out. The engine in
//! the node carries them out, and the simulation drives exactly the same functions through years of virtual time.
//!
//! Read first: [`Policy`], then [`placement`], [`audit`], [`repair`], [`health`].

pub mod audit;
pub mod drill;
pub mod forecast;
pub mod health;
pub mod placement;
pub mod repair;
pub mod schedule;
pub mod scrub;
mod seed;

#[cfg(test)]
mod tests;

use heirloom_identity::HouseholdId;

use crate::PackId;

pub use seed::Seed;

/// One day, milliseconds.
pub const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A moment that was noted, as far as it can have been: one more than a day from now was noted by a clock that was ahead,
/// and stands for nothing. Milliseconds since the Unix epoch, UTC.
#[must_use]
pub fn past(at_ms: Option<i64>, now_ms: i64) -> Option<i64> {
    at_ms.filter(|at_ms| *at_ms <= now_ms.saturating_add(DAY_MS))
}

/// The household's wishes. The numbers of [`Policy::default`] are those of the promise on the Safety page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Other homes that every photo should be complete in.
    pub copies: u32,
    /// Every pack is checked at least once in this time at each place that holds it.
    pub audit_within_ms: i64,
    /// Random checks a day at each place, besides.
    pub samples_per_day: u32,
    /// A home that was not reached for so long is mentioned.
    pub warn_ms: i64,
    /// A home that was not reached for so long is an alarm.
    pub alarm_ms: i64,
    /// A home that was not reached for so long no longer counts: its copies are made elsewhere.
    pub replace_ms: i64,
    /// How often a drill is held.
    pub drill_every_ms: i64,
    /// A drill takes at least one photo in so many.
    pub drill_one_in: u32,
    /// A drill takes at least so many photos, if there are so many.
    pub drill_least: u32,
    /// The phrase is to be typed at least so often.
    pub phrase_within_ms: i64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            copies: 2,
            audit_within_ms: 30 * DAY_MS,
            samples_per_day: 64,
            warn_ms: 3 * DAY_MS,
            alarm_ms: 5 * DAY_MS,
            replace_ms: 14 * DAY_MS,
            drill_every_ms: 7 * DAY_MS,
            drill_one_in: 100,
            drill_least: 200,
            phrase_within_ms: 365 * DAY_MS,
        }
    }
}

/// A place that packs are sent to, as this home numbers it; never used again for another place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct TargetId(pub u32);

impl std::fmt::Display for TargetId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for TargetId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// How a copy of a pack at one place stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CopyState {
    /// It is to be sent.
    Pending,
    /// It was sent; nothing was proved yet, so it counts for nothing.
    Sent,
    /// The place proved that it has it, at the time beside it.
    Proven,
    /// A check showed that it is wrong or gone; it is to be sent again.
    Lost,
    /// It is to be deleted there.
    Leaving,
}

/// One copy of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackCopy {
    /// Where.
    pub target: TargetId,
    /// How it stands.
    pub state: CopyState,
    /// When it was last proved, milliseconds since the Unix epoch, UTC.
    pub proven_ms: Option<i64>,
    /// For days, in which the place was reached, it was lost or not proved.
    pub failing: bool,
}

/// A pack and where it is, or is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackCopies {
    /// The pack.
    pub pack: PackId,
    /// Its size.
    pub bytes: u32,
    /// What it holds: 0 what the household is made of, 1 thumbnails, 2 previews, 3 originals.
    pub shelf: u8,
    /// Its copies, by target, each target once.
    pub copies: Vec<PackCopy>,
}

/// A place that can hold packs, as placement and repair see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The place.
    pub target: TargetId,
    /// Whose home it is; `None` for a folder or an object store, which gets everything and counts as no home.
    pub household: Option<HouseholdId>,
    /// It takes packs: it was agreed, not refused, and is not being left.
    pub active: bool,
    /// It said that it has no room.
    pub full: bool,
    /// It is on right now.
    pub on: bool,
    /// For how long it was not reached while this home was on and reached others.
    pub away_ms: i64,
    /// Since when it is back, if it was away for longer than [`Policy::warn_ms`].
    pub returned_ms: Option<i64>,
    /// What it keeps for us at most; `None`: as much as there is.
    pub quota: Option<u64>,
    /// What of that is taken: everything placed there, sent or not, and what it still holds of deleted packs.
    pub used: u64,
    /// Of that, what packs that are not deleted take.
    pub placed: u64,
}

impl Holder {
    /// Whether a copy there counts as one in another home.
    pub(crate) fn counts(&self, policy: &Policy) -> bool {
        self.household.is_some() && self.active && self.away_ms < policy.replace_ms
    }
}

/// Photos complete in this many homes and in more are counted together.
pub const HOMES_COUNTED_MAX: usize = 8;

/// How safe the photos are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PhotoCounts {
    /// All photos.
    pub total: u64,
    /// Bytes of their originals.
    pub bytes: u64,
    /// How many are complete in exactly so many other homes; the last counts those in more, too.
    pub in_homes: [u64; HOMES_COUNTED_MAX + 1],
    /// When the newest photo came that is complete somewhere, folders and object stores included. Milliseconds since the
    /// Unix epoch, UTC.
    pub newest_safe_ms: Option<i64>,
    /// How many are complete nowhere at all.
    pub nowhere: u64,
}

impl PhotoCounts {
    /// How many are complete in at least so many other homes.
    #[must_use]
    pub fn at_least(&self, homes: u32) -> u64 {
        self.in_homes.iter().skip(homes as usize).sum()
    }

    /// In how many other homes every photo is complete; 0 while there are no photos.
    #[must_use]
    pub fn complete_homes(&self) -> u32 {
        let least = self.in_homes.iter().position(|photos| *photos > 0).unwrap_or(0);
        u32::try_from(least).unwrap_or(0)
    }
}

/// How far an agreement with a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It was asked and has not answered.
    Asked,
    /// It keeps packs.
    Active,
    /// It said no, or no more.
    Refused,
    /// A person here ended it; what is there goes when enough others have it.
    Leaving,
}

impl Standing {
    pub(crate) const ALL: [Self; 4] = [Self::Asked, Self::Active, Self::Refused, Self::Leaving];

    /// The word for it in the table and on the page.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Active => "active",
            Self::Refused => "refused",
            Self::Leaving => "leaving",
        }
    }
}
