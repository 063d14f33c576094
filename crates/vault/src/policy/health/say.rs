//! Words: numbers, times, and the one sentence.

use super::{Facts, Level, Reason, wanted};
use crate::policy::{DAY_MS, Policy};

/// A home that nobody has put anything into.
pub(super) const NO_PHOTOS: &str = "There are no photos here yet.";

/// The one sentence, or two or three short ones.
pub(super) fn sentence(facts: &Facts, policy: &Policy, level: Level, reasons: &[Reason]) -> String {
    let Some(worst) = reasons.first() else { return standing(facts, policy, reasons) };
    match level {
        Level::Off => worst.text.clone(),
        Level::Danger => format!("{} {}", worst.text, standing(facts, policy, reasons)),
        Level::Attention | Level::Safe => {
            let told = reasons.iter().find(|reason| !is_told(reason.kind));
            let more = told.map(|reason| format!(" {}", reason.text)).unwrap_or_default();
            format!("{}{more}", standing(facts, policy, reasons))
        }
    }
}

/// Whether [`standing`] says it already.
fn is_told(kind: &str) -> bool {
    matches!(kind, "uploading" | "incomplete")
}

/// Where the photos are.
fn standing(facts: &Facts, policy: &Policy, reasons: &[Reason]) -> String {
    let photos = &facts.photos;
    let wanted = wanted(policy);
    let homes = photos.complete_homes();
    if facts.books_owed {
        return "Until that is done, nobody here can say which photos are safe.".to_owned();
    }
    if photos.total == 0 {
        return NO_PHOTOS.to_owned();
    }
    if homes >= wanted && !facts.all_checked() {
        return format!("Every photo is complete in {}.", other_homes(homes));
    }
    if homes >= wanted {
        let days = policy.audit_within_ms / DAY_MS;
        return format!(
            "Every photo is complete in {}. All copies checked within {}.",
            other_homes(homes),
            counted(days.unsigned_abs(), "day")
        );
    }
    let safe = photos.at_least(wanted);
    let rest = photos.total - safe;
    if safe > 0 && is_few(rest, photos.total) {
        let but = if rest == 1 { "one".to_owned() } else { number(rest) };
        let way = match (reasons.iter().any(|reason| reason.kind == "uploading"), rest) {
            (false, _) => "",
            (true, 1) => "; it is on the way",
            (true, _) => "; the rest are on the way",
        };
        return format!("All photos but {but} are complete in {}{way}.", other_homes(wanted));
    }
    if homes > 0 && safe == 0 {
        return format!("Every photo is complete in {}.", other_homes(homes));
    }
    let (enough, count) = if safe > 0 { (wanted, safe) } else { (1, photos.at_least(1)) };
    format!(
        "{} of {} {} complete in {}.",
        number(count),
        number(photos.total),
        if photos.total == 1 { "photo is" } else { "photos are" },
        if enough == 1 { "another home".to_owned() } else { other_homes(enough) }
    )
}

/// Few enough to be named as the exception: new photos of a day or two.
pub(super) const fn is_few(rest: u64, total: u64) -> bool {
    rest > 0 && rest <= 500 && rest <= total / 10
}

/// `1 other home`, `2 other homes`.
pub(super) fn other_homes(homes: u32) -> String {
    counted(homes.into(), "other home")
}

/// `1 photo`, `1,204 photos`.
pub(super) fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", number(count))
}

/// `is` or `are`.
pub(super) const fn are(count: u64) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

/// `1,204`.
pub(super) fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `3 days`; less than one is `less than a day`.
pub(super) fn days(ms: i64) -> String {
    match ms.div_euclid(DAY_MS) {
        days if days < 1 => "less than a day".to_owned(),
        days => counted(days.unsigned_abs(), "day"),
    }
}
