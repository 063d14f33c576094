//! What people are told of originals that are not here as they should be.

use std::sync::Arc;

use anyhow::Context;
use heirloom_vault::store::NewAlarm;

use crate::home::Home;
use crate::vault::polite::blocking;

/// The alarm about originals that cannot be brought back.
const ALARM_AWAY: &str = "originals-away";
/// The alarm about a library whose disk is not there.
const ALARM_LIBRARY: &str = "library-away";

/// Whether the disk with the library is not there though there are photos: then nothing is lost, and people are told.
pub(super) async fn is_library_away(home: &Arc<Home>) -> anyhow::Result<bool> {
    let home = Arc::clone(home);
    blocking(move || {
        let is_away = home.is_library_away()?;
        let (store, now_ms) = (&home.vault.store, home.vault.engine.now());
        if is_away {
            let text = "The disk with your photos is not connected.";
            let advice = "Connect it again. If it is lost for good, `heirloom vault repair` brings the photos back from the copies.";
            store.raise(&alarm(ALARM_LIBRARY, text, advice), now_ms)?;
        } else {
            store.lower(ALARM_LIBRARY, None)?;
        }
        Ok(is_away)
    })
    .await
    .context("cannot look at the library")
}

/// Tells people of originals that are not here as they should be, or that all are.
pub(super) async fn note_away(home: &Arc<Home>) -> anyhow::Result<()> {
    let home = Arc::clone(home);
    blocking(move || {
        let store = &home.vault.store;
        let (damaged, missing) = store.originals_away_count()?;
        if damaged + missing == 0 {
            return Ok(store.lower(ALARM_AWAY, None)?);
        }
        let text = match damaged + missing {
            1 => "1 photo here is damaged or missing, and no copy could be reached.".to_owned(),
            count => format!("{count} photos here are damaged or missing, and no copy could be reached."),
        };
        let advice = "They come back by themselves when a home or disk that has a copy is on. \
                      `heirloom doctor --verify` names them.";
        Ok(store.raise(&alarm(ALARM_AWAY, &text, advice), home.vault.engine.now())?)
    })
    .await
}

fn alarm(kind: &'static str, text: &str, advice: &str) -> NewAlarm {
    NewAlarm { kind, household: None, text: text.to_owned(), advice: advice.to_owned() }
}
