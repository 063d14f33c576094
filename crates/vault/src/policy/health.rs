//! How safe the photos are, in one sentence that a grandparent understands, with what is wrong and what to do under it.
//!
//! Nothing is called safe that was not proved: [`Level::Safe`] means that every photo is complete in at least two other
//! homes, that these homes proved every part of it within the time of [`Policy::audit_within_ms`], and that nothing else is
//! wrong.
//!
//! Read first: [`Facts`], [`assess`]. The words are in `health/say.rs`.

mod homes;
mod say;
mod upkeep;

#[cfg(test)]
mod tests;

use super::{PhotoCounts, Policy, Standing};

/// Fewer other homes than these are never called safe, whatever the household wishes.
pub const SAFE_HOMES_MIN: u32 = 2;

/// How things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Every photo is complete in enough other homes, and nothing is wrong.
    Safe,
    /// Somebody should look at it some day soon.
    Attention,
    /// Somebody should look at it today.
    Danger,
    /// No other home keeps copies, and none was asked.
    Off,
}

impl Level {
    /// The word for it in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Attention => "attention",
            Self::Danger => "danger",
            Self::Off => "off",
        }
    }
}

/// Another home, as far as safety goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomeFacts {
    /// What people here call it.
    pub name: String,
    /// How far the agreement is.
    pub standing: Standing,
    /// Photos that are complete there.
    pub photos: u64,
    /// Packs that are to be sent there or proved there.
    pub pending_packs: u64,
    /// Copies that were found lost there and are not proved again yet.
    pub lost: u64,
    /// Copies that were not checked within the time.
    pub stale: u64,
    /// For how long it, or its disk, was not reached while this home was on and reached others.
    pub away_ms: i64,
    /// Since when its disk is not there. Milliseconds since the Unix epoch, UTC.
    pub absent_ms: Option<i64>,
    /// It says that it has no room.
    pub full: bool,
    /// Why it said no, if it did.
    pub refusal: Option<String>,
    /// What else went wrong with it last.
    pub trouble: Option<String>,
    /// For how long, while this home was on, there has been a newer list of what is where than the one it has; 0: it has the
    /// newest.
    pub behind_ms: i64,
}

/// A folder or an object store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceFacts {
    /// What people call it: the folder, the bucket.
    pub name: String,
    /// Photos that are complete there.
    pub photos: u64,
    /// Copies that were found lost there.
    pub lost: u64,
    /// Copies that were not checked within the time.
    pub stale: u64,
    /// Since when its disk is not there. Milliseconds since the Unix epoch, UTC.
    pub absent_ms: Option<i64>,
    /// It has no room.
    pub full: bool,
}

/// The drills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DrillFacts {
    /// The last one: when, and how many of its photos did not come back as they should.
    pub last: Option<(i64, u64)>,
    /// Since when there is something that a drill could fetch.
    pub possible_since_ms: Option<i64>,
}

/// Originals here at home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OriginalFacts {
    /// Damaged, and not brought back yet.
    pub damaged: u64,
    /// Missing, and not brought back yet.
    pub missing: u64,
    /// Of both, those that are complete nowhere else either.
    pub without_copy: u64,
    /// This home is being restored, so that originals are expected to be missing.
    pub restoring: bool,
}

/// Who asked that copies be deleted, more than usual, and waits for a person's word.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeletionFacts {
    /// Homes that were asked, in this home's name, to delete copies of our photos.
    pub of_ours_at: Vec<String>,
    /// Homes that ask this one to delete copies of their photos.
    pub of_theirs: Vec<String>,
}

/// Everything that the sentence is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Now, milliseconds since the Unix epoch, UTC.
    pub now_ms: i64,
    /// The household has the keys that copies are made with.
    pub enabled: bool,
    /// Since when it has them.
    pub enabled_ms: i64,
    /// What this home knew about its copies was lost and is not made anew yet: nothing is known of any copy.
    pub books_owed: bool,
    /// The photos, counted with proofs not older than [`Policy::audit_within_ms`], without homes that were away for
    /// [`Policy::replace_ms`], and without those that are being left.
    pub photos: PhotoCounts,
    /// Other homes that were asked, keep copies, or kept some.
    pub homes: Vec<HomeFacts>,
    /// Folders and object stores.
    pub places: Vec<PlaceFacts>,
    /// For how long this home, while it was on, has reached nobody at all.
    pub alone_ms: i64,
    /// For how long, while this home was on, what is new here could not be listed for any place.
    pub unlisted_ms: i64,
    /// When somebody last proved that they have the phrase.
    pub phrase_verified_ms: Option<i64>,
    /// The drills.
    pub drills: DrillFacts,
    /// Originals here.
    pub originals: OriginalFacts,
    /// Deletions that wait for a person.
    pub deletions: DeletionFacts,
    /// The disk of this home has no room: what is new waits.
    pub disk_is_full: bool,
}

/// Something that keeps the level from being better.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// A word for programs.
    pub kind: &'static str,
    /// How bad it is by itself.
    pub level: Level,
    /// What is so, in one sentence.
    pub text: String,
    /// What to do, in one or two.
    pub advice: String,
}

/// How safe the photos are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// How things stand.
    pub level: Level,
    /// In words.
    pub sentence: String,
    /// Why it is not better, the worst first.
    pub reasons: Vec<Reason>,
    /// In how many other homes every photo is complete.
    pub complete_homes: u32,
}

/// Says how safe the photos are.
#[must_use]
pub fn assess(facts: &Facts, policy: &Policy) -> Health {
    let wanted = wanted(policy);
    let mut reasons = Vec::new();
    if facts.books_owed {
        // Where photos are is not known, so nothing is said about it.
        reasons.push(upkeep::books_owed());
    } else {
        homes::agreements(facts, wanted, &mut reasons);
        homes::progress(facts, wanted, &mut reasons);
    }
    homes::absences(facts, policy, wanted, &mut reasons);
    homes::copies(facts, policy, &mut reasons);
    homes::hindrances(facts, policy, wanted, &mut reasons);
    homes::unlisted(facts, policy, &mut reasons);
    upkeep::deletions(facts, &mut reasons);
    upkeep::disk(facts, &mut reasons);
    upkeep::originals(facts, &mut reasons);
    upkeep::drills(facts, policy, &mut reasons);
    upkeep::phrase(facts, policy, &mut reasons);
    // A stable sort: what was found first is what matters most among equals.
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.level));
    let level = reasons.first().map_or(Level::Safe, |reason| reason.level);
    let complete_homes = facts.photos.complete_homes();
    Health { level, sentence: say::sentence(facts, policy, level, &reasons), reasons, complete_homes }
}

/// What is said on a computer whose place another one has taken: nothing here can be made safer, so nothing else is said.
#[must_use]
pub fn replaced(photos: &PhotoCounts) -> Health {
    let sentence = "Another computer has taken the place of this one.".to_owned();
    let advice = "Use the new computer. The photos here stay as plain files on this disk, and nothing more is added \
                  here. If this one is the right one, stop Heirloom here and run `heirloom keys renew` with your 24 words.";
    let reason = Reason {
        kind: "outranked",
        level: Level::Attention,
        text: sentence.clone(),
        advice: advice.to_owned(),
    };
    Health { level: reason.level, sentence, reasons: vec![reason], complete_homes: photos.complete_homes() }
}

/// In how many homes a photo has to be to be called safe.
fn wanted(policy: &Policy) -> u32 {
    policy.copies.max(SAFE_HOMES_MIN)
}

impl Facts {
    /// Homes that keep copies.
    fn active(&self) -> impl Iterator<Item = &HomeFacts> {
        self.homes.iter().filter(|home| home.standing == Standing::Active)
    }

    /// Every copy anywhere was checked in time.
    fn all_checked(&self) -> bool {
        self.active().all(|home| home.stale == 0) && self.places.iter().all(|place| place.stale == 0)
    }

    /// Every photo is where it should be.
    fn all_safe(&self, wanted: u32) -> bool {
        self.photos.at_least(wanted) == self.photos.total
    }
}
