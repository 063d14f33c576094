//! What is to be looked after at home: deletions, originals, drills, the phrase.

use super::say::{are, counted, days};
use super::{Facts, Level, Reason};
use crate::policy::{Policy, past};

/// What is known of copies was lost, and the places that could tell it anew have not done so yet.
pub(super) fn books_owed() -> Reason {
    Reason {
        kind: "booksOwed",
        level: Level::Danger,
        text: "What this home knew about its copies was lost, and is made anew from them.".to_owned(),
        advice: "Switch on the homes and connect the disks that keep copies. Nothing is deleted anywhere, and what is \
                 new is not copied until then."
            .to_owned(),
    }
}

/// Deletions that wait for a person.
pub(super) fn deletions(facts: &Facts, reasons: &mut Vec<Reason>) {
    for name in &facts.deletions.of_ours_at {
        reasons.push(Reason {
            kind: "deletion",
            level: Level::Danger,
            text: format!("Somebody wants to delete many copies of your photos at {name}."),
            advice: "If that was not one of you, say no: nothing is deleted for at least 30 days. Then found a new \
                     home with new words, as the guide says: somebody else may have your keys."
                .to_owned(),
        });
    }
    for name in &facts.deletions.of_theirs {
        reasons.push(Reason {
            kind: "deletionAsked",
            level: Level::Attention,
            text: format!("{name} wants to delete many of the copies that you keep for them."),
            advice: "Call them and ask whether it was really them before you say yes.".to_owned(),
        });
    }
}

/// A full disk stops nearly everything, and cannot be noted in a database that lies on it: so it is told from the disk itself.
pub(super) fn disk(facts: &Facts, reasons: &mut Vec<Reason>) {
    if facts.disk_is_full {
        reasons.push(Reason {
            kind: "homeDiskFull",
            level: Level::Attention,
            text: "The disk of this computer is full.".to_owned(),
            advice: "Make room on it. Nothing was lost; new photos, new copies and photos that come back wait until then, and \
                     go on by themselves."
                .to_owned(),
        });
    }
}

/// Originals here that are not as they should be.
pub(super) fn originals(facts: &Facts, reasons: &mut Vec<Reason>) {
    let originals = &facts.originals;
    if originals.without_copy > 0 && !originals.restoring {
        let count = originals.without_copy;
        reasons.push(Reason {
            kind: "originalsLost",
            level: Level::Danger,
            text: format!(
                "{} here {} damaged or missing, and no other home has {}.",
                counted(count, "photo"),
                are(count),
                if count == 1 { "it" } else { "them" }
            ),
            advice: "Look whether they are on a phone, a camera card or an old disk, and add them once more."
                .to_owned(),
        });
    }
    let (damaged, missing) = (originals.damaged, originals.missing);
    if damaged + missing == 0 {
        return;
    }
    let (kind, text) = if originals.restoring {
        ("restoring", format!("{} still on the way back to this home.", counted_are(missing + damaged)))
    } else if missing == 0 {
        ("originalsDamaged", format!("{} damaged on this computer's disk.", counted_are(damaged)))
    } else if damaged == 0 {
        ("originalsMissing", format!("{} missing on this computer.", counted_are(missing)))
    } else {
        (
            "originalsDamaged",
            format!("{} damaged or missing on this computer.", counted_are(damaged + missing)),
        )
    };
    let advice = if originals.restoring {
        "Nothing to do: leave this computer on, and theirs."
    } else {
        "They are brought back from other homes by themselves. If it happens again, this computer's disk may be failing."
    };
    reasons.push(Reason { kind, level: Level::Attention, text, advice: advice.to_owned() });
}

fn counted_are(count: u64) -> String {
    format!("{} {}", counted(count, "photo"), are(count))
}

/// The last drill failed, or there was none for too long.
pub(super) fn drills(facts: &Facts, policy: &Policy, reasons: &mut Vec<Reason>) {
    if let Some((_, problems)) = facts.drills.last.filter(|(_, problems)| *problems > 0) {
        reasons.push(Reason {
            kind: "drillFailed",
            level: Level::Danger,
            text: format!(
                "At the last trial, {} did not come back from the other homes as {} should.",
                counted(problems, "photo"),
                if problems == 1 { "it" } else { "they" }
            ),
            advice: "Those copies are being sent again by themselves. Press “Try now” tomorrow; if it fails again, \
                     ask for help."
                .to_owned(),
        });
    }
    let Some(possible_ms) = facts.drills.possible_since_ms else { return };
    let last = past(facts.drills.last.map(|(at, _)| at), facts.now_ms);
    let last = last.map_or(possible_ms, |at| at.max(possible_ms));
    let since = facts.now_ms.saturating_sub(last);
    // One week late is a computer that was off; two are not.
    if since >= 2 * policy.drill_every_ms {
        reasons.push(Reason {
            kind: "drillOverdue",
            level: Level::Attention,
            text: format!("No photos were brought back on trial for {}.", days(since)),
            advice: "It happens by itself when another home is on at the same time. Or press “Try now”."
                .to_owned(),
        });
    }
}

/// Nobody proved for a year that the words are still there.
pub(super) fn phrase(facts: &Facts, policy: &Policy, reasons: &mut Vec<Reason>) {
    if !facts.enabled {
        return;
    }
    let last = past(facts.phrase_verified_ms, facts.now_ms).unwrap_or(facts.enabled_ms);
    if facts.now_ms.saturating_sub(last) >= policy.phrase_within_ms {
        reasons.push(Reason {
            kind: "phrase",
            level: Level::Attention,
            text: "Nobody has checked the recovery words for more than a year.".to_owned(),
            advice: "Get the sheet with the 24 words and type them in under “Check our words”. Without them nobody can \
                     bring the photos back."
                .to_owned(),
        });
    }
}
