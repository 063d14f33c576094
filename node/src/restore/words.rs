//! Reading the phrase, and saying which word is likely wrong, where the household is known: from a folder, whose marker
//! names it. Where only homes were named, [`guess`](super::guess) asks them.

use heirloom_identity::{HouseholdId, Phrase, find_wrong_word};

use super::guess::in_words;
use super::problem::Problem;
use super::source::Origin;

/// Reads a phrase that must be of a household whose copies lie in one of the folders, if there are any.
///
/// # Errors
/// What is wrong with the words.
pub fn read(text: &str, origins: &[Origin]) -> Result<Phrase, Problem> {
    let households: Vec<HouseholdId> = origins.iter().flat_map(Origin::households).collect();
    let parsed = Phrase::parse(text);
    if let Ok(phrase) = &parsed
        && (households.is_empty() || households.contains(&phrase.root().authority().household()))
    {
        return Ok(phrase.clone());
    }
    if let Some(problem) = households.iter().find_map(|household| wrong(text, household)) {
        return Err(problem);
    }
    let phrase = parsed.map_err(Problem::Phrase)?;
    let folder = origins.iter().find_map(|origin| match origin {
        Origin::Folder { place, .. } => Some(place.display().to_string()),
        Origin::Home(_) | Origin::Bucket(_) => None,
    });
    match folder {
        Some(place) => Err(Problem::OtherHousehold { place }),
        None => Ok(phrase),
    }
}

/// What is wrong with the words of this household, if little is.
pub fn wrong(text: &str, household: &HouseholdId) -> Option<Problem> {
    find_wrong_word(text, household).map(|fix| in_words(&fix))
}
