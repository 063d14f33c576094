//! What other homes do and don't.

use super::say::{NO_PHOTOS, are, counted, days, is_few, number, other_homes};
use super::{Facts, HomeFacts, Level, Reason};
use crate::policy::repair::{Absence, absence};
use crate::policy::{DAY_MS, Policy, Standing};

/// Nobody was reached for so long: it is said.
const ALONE_SAID_MS: i64 = DAY_MS / 4;
/// A folder whose disk was not there for so long is mentioned: a disk in a drawer is as it should be.
const PLACE_ABSENT_MS: i64 = 30 * DAY_MS;

/// Who keeps copies, who was asked, who said no.
pub(super) fn agreements(facts: &Facts, wanted: u32, reasons: &mut Vec<Reason>) {
    let active = facts.active().count();
    let asked: Vec<_> = facts.homes.iter().filter(|home| home.standing == Standing::Asked).collect();
    if !facts.enabled {
        reasons.push(Reason {
            kind: "notSetUp",
            level: Level::Off,
            text: "Copies in other homes are not set up yet.".to_owned(),
            advice: "Type your 24 recovery words once on this page. They lock the copies, so that nobody but your \
                     family can look at them."
                .to_owned(),
        });
    } else if active == 0 && asked.is_empty() {
        reasons.push(alone_with_photos(facts));
    } else if active < wanted as usize && asked.is_empty() {
        reasons.push(Reason {
            kind: "oneHome",
            level: Level::Attention,
            text: format!("Only {} copies for you.", keep(active)),
            advice: "Ask one more home on the Family page, best in another town: then a fire, a thief or a broken \
                     disk in one home harms nothing."
                .to_owned(),
        });
    }
    for home in asked {
        reasons.push(Reason {
            kind: "asked",
            level: Level::Attention,
            text: format!("{} has not answered yet whether it keeps copies for you.", home.name),
            advice: "Give them a call: somebody there says yes on their Family page.".to_owned(),
        });
    }
    let short = active < wanted as usize || !facts.all_safe(wanted);
    for home in facts.homes.iter().filter(|home| home.standing == Standing::Refused && short) {
        let why = home.refusal.as_deref().filter(|why| !why.is_empty());
        reasons.push(Reason {
            kind: "refused",
            level: Level::Attention,
            text: format!(
                "{} does not keep copies for you{}.",
                home.name,
                why.map(|why| format!(" (“{why}”)")).unwrap_or_default()
            ),
            advice: "Talk to them, or ask another home on the Family page.".to_owned(),
        });
    }
}

fn alone_with_photos(facts: &Facts) -> Reason {
    let reason = |level, text: String| {
        Reason {
        kind: "noHome",
        level,
        text,
        advice: "Ask a relative or friend whose home has Heirloom, too, to keep copies for you: on the Family page. \
                 They can't look at your photos."
            .to_owned(),
    }
    };
    if facts.photos.total == 0 {
        return reason(Level::Off, NO_PHOTOS.to_owned());
    }
    let left = facts.homes.iter().find(|home| home.standing == Standing::Leaving && home.photos > 0);
    let disk = facts.places.iter().any(|place| place.photos == facts.photos.total);
    let text = match (disk, left) {
        (true, None) => "Your photos are here and on a second disk, but in no other home.".to_owned(),
        (true, Some(left)) => format!(
            "Your photos are here, on a second disk, and for a while longer at {}; no other home keeps copies.",
            left.name
        ),
        (false, None) => "Your photos are only in this home. If it burns down, they are gone.".to_owned(),
        (false, Some(left)) => format!(
            "Your photos are in this home, and for a while longer at {}; no other home keeps copies.",
            left.name
        ),
    };
    reason(if disk { Level::Attention } else { Level::Off }, text)
}

fn keep(homes: usize) -> String {
    let homes = u32::try_from(homes).unwrap_or(u32::MAX);
    format!("{} {}", other_homes(homes), if homes == 1 { "keeps" } else { "keep" })
}

/// Photos that are not where they should be.
pub(super) fn progress(facts: &Facts, wanted: u32, reasons: &mut Vec<Reason>) {
    let photos = &facts.photos;
    let rest = photos.total - photos.at_least(wanted).min(photos.total);
    if rest == 0 || facts.active().next().is_none() {
        return;
    }
    // What a home can't take is not on its way.
    let takes = |home: &HomeFacts| !home.full && home.trouble.is_none();
    let moving = facts.active().any(|home| home.pending_packs > 0 && takes(home));
    let more_room =
        "Leave this computer on. If it goes on for weeks, ask for more room, or ask another home.";
    if moving {
        let text = if is_few(rest, photos.total) {
            format!("{} {} still on the way to other homes.", counted(rest, "new photo"), are(rest))
        } else {
            format!(
                "Copies are on the way: {} of {} photos are complete in {}.",
                number(photos.total - rest),
                number(photos.total),
                other_homes(wanted)
            )
        };
        let advice = "Nothing to do: leave this computer on, and theirs.".to_owned();
        reasons.push(Reason { kind: "uploading", level: Level::Attention, text, advice });
    } else if facts.active().count() >= wanted as usize {
        reasons.push(Reason {
            kind: "incomplete",
            level: Level::Attention,
            text: format!(
                "{} {} not complete in {} yet.",
                counted(rest, "photo"),
                are(rest),
                other_homes(wanted)
            ),
            advice: more_room.to_owned(),
        });
    }
}

/// Homes that are not reached, and disks that are not there.
pub(super) fn absences(facts: &Facts, policy: &Policy, wanted: u32, reasons: &mut Vec<Reason>) {
    let known = reasons.len();
    if facts.alone_ms >= ALONE_SAID_MS && facts.active().next().is_some() {
        reasons.push(alone(facts, policy));
    }
    let spare = facts.all_safe(wanted) && facts.photos.total > 0;
    for home in facts.active() {
        reasons.extend(away(home, policy, spare));
        reasons.extend(disk_absent(home, policy, spare));
        if home.full {
            reasons.push(Reason {
                kind: "full",
                level: Level::Attention,
                text: format!("{} has no more room for your photos.", home.name),
                advice: "Ask them for more room on the Family page, or ask another home.".to_owned(),
            });
        }
    }
    for place in &facts.places {
        let absent = place.absent_ms.map_or(0, |since| facts.now_ms.saturating_sub(since));
        if absent >= PLACE_ABSENT_MS {
            reasons.push(Reason {
                kind: "placeAbsent",
                level: Level::Attention,
                text: format!("The disk with {} has not been plugged in for {}.", place.name, days(absent)),
                advice: "Plug it in for a while, so that it gets the new photos and is checked.".to_owned(),
            });
        }
        if place.full {
            reasons.push(Reason {
                kind: "placeFull",
                level: Level::Attention,
                text: format!("There is no more room in {}.", place.name),
                advice: "Make room there, or use a larger disk.".to_owned(),
            });
        }
    }
    if facts.photos.total == 0 {
        // Nothing is in danger where there is nothing.
        reasons[known..].iter_mut().for_each(|reason| reason.level = reason.level.min(Level::Attention));
    }
}

/// It is this home that is cut off: nothing is said about the others, of whom nothing is known.
fn alone(facts: &Facts, policy: &Policy) -> Reason {
    let level = if facts.alone_ms >= policy.alarm_ms { Level::Danger } else { Level::Attention };
    let for_long = if facts.alone_ms < DAY_MS { "some hours".to_owned() } else { days(facts.alone_ms) };
    Reason {
        kind: "alone",
        level,
        text: format!("This home has not reached any other home for {for_long}."),
        advice: "Look whether the internet works here. If it does, the other homes may be off: ask them."
            .to_owned(),
    }
}

/// What it means for the level that a home is missing for so long. `spare`: every photo is safe all the same, and a home
/// that was replaced no longer counts towards that.
fn missing_level(absence: Absence, spare: bool) -> Option<Level> {
    match absence {
        Absence::Short => None,
        Absence::Warned => Some(Level::Attention),
        Absence::Replaced if spare => Some(Level::Attention),
        Absence::Alarmed | Absence::Replaced => Some(Level::Danger),
    }
}

fn away(home: &HomeFacts, policy: &Policy, spare: bool) -> Option<Reason> {
    if home.absent_ms.is_some() {
        return None;
    }
    let absence = absence(home.away_ms, policy);
    let level = missing_level(absence, spare)?;
    let (kind, advice) = match absence {
        Absence::Replaced => (
            "replaced",
            "It is no longer counted on, and copies go to other homes as far as there are some. Give them a call; if \
             they won't be back, ask another home.",
        ),
        Absence::Alarmed => ("absent", "Give them a call: their computer may be off or broken."),
        Absence::Short | Absence::Warned => {
            ("away", "Perhaps they are on holiday. Give them a call if it goes on.")
        }
    };
    let text = format!("{} has not been reached for {}.", home.name, days(home.away_ms));
    Some(Reason { kind, level, text, advice: advice.to_owned() })
}

fn disk_absent(home: &HomeFacts, policy: &Policy, spare: bool) -> Option<Reason> {
    home.absent_ms?;
    let level = missing_level(absence(home.away_ms, policy), spare).unwrap_or(Level::Attention);
    Some(Reason {
        kind: "diskAbsent",
        level,
        text: format!("{} is on, but the disk with your copies is not plugged in there.", home.name),
        advice: "Ask them to plug it in. Nothing is lost as long as the disk is well.".to_owned(),
    })
}

/// Copies that were found lost, and copies that were not checked in time.
pub(super) fn copies(facts: &Facts, policy: &Policy, reasons: &mut Vec<Reason>) {
    let nowhere = facts.photos.nowhere > 0;
    let lost = facts.active().map(|home| (&home.name, home.lost));
    let lost = lost.chain(facts.places.iter().map(|place| (&place.name, place.lost)));
    for (name, count) in lost.filter(|(_, count)| *count > 0) {
        reasons.push(Reason {
            kind: "lost",
            level: if nowhere { Level::Danger } else { Level::Attention },
            text: format!("A check found {} of your photos damaged or gone at {name}.", counted(count, "part")),
            advice: "They are being sent again by themselves. If it happens again, their disk may be failing: tell \
                     them."
                .to_owned(),
        });
    }
    for home in facts.active().filter(|home| home.stale > 0 && home.away_ms < policy.warn_ms) {
        reasons.push(Reason {
            kind: "unchecked",
            level: Level::Attention,
            text: format!(
                "Some copies at {} have not been checked for {}.",
                home.name,
                days(policy.audit_within_ms)
            ),
            advice: "Nothing to do: they are checked as soon as both homes are on at the same time."
                .to_owned(),
        });
    }
}

/// What keeps homes that are there from getting the newest copies.
pub(super) fn hindrances(facts: &Facts, policy: &Policy, wanted: u32, reasons: &mut Vec<Reason>) {
    let spare = facts.all_safe(wanted);
    for home in facts.active().filter(|home| home.away_ms < policy.warn_ms && home.absent_ms.is_none()) {
        if let Some(trouble) = &home.trouble {
            reasons.push(Reason {
                kind: "trouble",
                level: Level::Attention,
                text: format!("Something goes wrong with the copies at {}.", home.name),
                advice: format!(
                    "It is tried again by itself. If it goes on for days, ask for help. The last time it was: “{trouble}”."
                ),
            });
        }
        if home.behind_ms >= policy.warn_ms {
            reasons.push(Reason {
                kind: "behind",
                level: if home.behind_ms >= policy.alarm_ms && !spare { Level::Danger } else { Level::Attention },
                text: format!(
                    "The newest list of your photos has not reached {} for {}.",
                    home.name,
                    days(home.behind_ms)
                ),
                advice: "Leave this computer on while theirs is. If it goes on, ask for help: without the list, newer \
                         photos would not be found there."
                    .to_owned(),
            });
        }
    }
}

/// What people did here since, albums and captions too, is nowhere else yet.
pub(super) fn unlisted(facts: &Facts, policy: &Policy, reasons: &mut Vec<Reason>) {
    if facts.unlisted_ms < policy.warn_ms || facts.active().next().is_none() {
        return;
    }
    reasons.push(Reason {
        kind: "unlisted",
        level: if facts.unlisted_ms >= policy.alarm_ms { Level::Danger } else { Level::Attention },
        text: format!(
            "What is new here has not been saved in any other home for {}.",
            days(facts.unlisted_ms)
        ),
        advice: "That is also what you wrote and put into albums since. Leave this computer on while another home is; if it \
                 goes on, ask for help."
            .to_owned(),
    });
}
