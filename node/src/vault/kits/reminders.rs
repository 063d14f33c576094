//! What people should look at once a year: the sheet with the phrase, the parts of kits at homes, and those on paper. A
//! reminder that was put off keeps quiet for a month, and nothing is said more than that.

use heirloom_identity::KitId;
use serde::Serialize;
use utoipa::ToSchema;

use super::DAY_MS;
use crate::home::{Home, phrase};
use crate::ledger::kits::KitRow;

/// After how long something is to be looked at again.
const YEAR_MS: i64 = 365 * DAY_MS;
/// How long a reminder that was put off keeps quiet.
const LATER_MS: i64 = 30 * DAY_MS;
/// What a reminder about the phrase is called.
pub const PHRASE: &str = "phrase";

/// Something that was not looked at for a year.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReminderNow {
    /// What it is about: `phrase`, or the id of a kit.
    pub about: String,
    /// `phrase`, `kit` (its homes were not asked for a year) or `paper` (nobody said for a year that the papers are there).
    #[schema(pattern = "phrase|kit|paper")]
    pub kind: &'static str,
    /// What is so.
    pub text: String,
    /// What to do.
    pub advice: String,
}

/// What is to be looked at now, and was not put off.
///
/// # Errors
/// When the ledger cannot be read.
pub fn due(home: &Home, now_ms: i64) -> anyhow::Result<Vec<ReminderNow>> {
    let mut due = Vec::new();
    if home.keys.vault().is_none() || home.is_outranked() {
        return Ok(due);
    }
    let is_old = |at_ms: i64| now_ms.saturating_sub(at_ms) >= YEAR_MS;
    let founded_ms = home.ledger.accounts()?.iter().map(|account| account.created_ms).min();
    let verified_ms = phrase::verified_ms(home)?;
    if verified_ms.or(founded_ms).is_some_and(is_old) && !is_put_off(home, PHRASE, now_ms)? {
        due.push(ReminderNow {
            about: PHRASE.to_owned(),
            kind: PHRASE,
            text: match verified_ms {
                Some(_) => "Nobody has checked the sheet with your 24 words for a year.".to_owned(),
                None => "Nobody has checked the sheet with your 24 words yet.".to_owned(),
            },
            advice: "Do you still have the paper? Take it out and type the words here once; it takes five minutes."
                .to_owned(),
        });
    }
    for kit in home.ledger.kits()?.into_iter().filter(|kit| kit.revocation.is_none()) {
        let about = kit.kit.to_string();
        if is_put_off(home, &about, now_ms)? {
            continue;
        }
        let (at_homes, on_paper) = (has_homes(&kit), has_papers(&kit));
        let of_kit = |kind, text, advice: &str| ReminderNow {
            about: about.clone(),
            kind,
            text,
            advice: advice.to_owned(),
        };
        if at_homes && is_old(kit.verified_ms.unwrap_or(kit.created_ms)) {
            let text = format!(
                "The homes that hold parts of \u{201c}{}\u{201d} were not asked for a year.",
                kit.name
            );
            due.push(of_kit("kit", text, "Check the parts, best when all of those homes are on."));
        }
        if on_paper && is_old(papers_seen_ms(home, &kit.kit)?.unwrap_or(kit.created_ms)) {
            let text = format!("Do you still have the papers of the kit \u{201c}{}\u{201d}?", kit.name);
            let advice = "Look where they are, or ask whoever keeps them. If one is gone, end this kit and make a new one.";
            due.push(of_kit("paper", text, advice));
        }
    }
    Ok(due)
}

fn has_homes(kit: &KitRow) -> bool {
    kit.parts.iter().any(|part| part.household.is_some())
}

fn has_papers(kit: &KitRow) -> bool {
    kit.parts.iter().any(|part| part.household.is_none())
}

/// When somebody last said that the papers of a kit are where they should be.
///
/// # Errors
/// When the ledger cannot be read.
pub fn papers_seen_ms(home: &Home, kit: &KitId) -> anyhow::Result<Option<i64>> {
    moment(home, &papers_key(&kit.to_string()))
}

/// Notes that somebody looked, and the papers of a kit are there.
///
/// # Errors
/// When it could not be saved.
pub fn papers_are_there(home: &Home, kit: &KitId, now_ms: i64) -> anyhow::Result<()> {
    home.ledger.set_setting(&papers_key(&kit.to_string()), &now_ms.to_string())?;
    home.vault.changed(home);
    Ok(())
}

/// Keeps a reminder quiet for a month.
///
/// # Errors
/// When it could not be saved.
pub fn put_off(home: &Home, about: &str, now_ms: i64) -> anyhow::Result<()> {
    home.ledger.set_setting(&later_key(about), &now_ms.to_string())?;
    home.vault.changed(home);
    Ok(())
}

/// A clock that was ahead when it was put off keeps nothing quiet.
fn is_put_off(home: &Home, about: &str, now_ms: i64) -> anyhow::Result<bool> {
    let put_off = moment(home, &later_key(about))?;
    Ok(put_off.is_some_and(|at_ms| (0..LATER_MS).contains(&now_ms.saturating_sub(at_ms))))
}

fn moment(home: &Home, key: &str) -> anyhow::Result<Option<i64>> {
    Ok(home.ledger.setting(key)?.and_then(|text| text.parse().ok()))
}

fn papers_key(kit: &str) -> String {
    format!("kit_papers_seen:{kit}")
}

fn later_key(about: &str) -> String {
    format!("reminder_put_off:{about}")
}
