//! Commands about newer states of this home that other homes and disks have.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::super::Say;
use super::kit::Words;
use super::work;
use crate::api::dates::iso;
use crate::home::Home;
use crate::vault::newer::{self, Answer, State};

/// What can be asked about newer states.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "newer", rename_all = "kebab-case", deny_unknown_fields)]
pub enum NewerCommand {
    /// One line: all of them.
    List,
    /// One line: the state; with no home up, once everything that can be had now is here.
    Bring {
        /// The beginning of its id; the only open one when absent.
        which: Option<String>,
        /// The 24 words, where they are needed.
        words: Option<Words>,
    },
    /// One line: the state that is left.
    Leave {
        /// The beginning of its id; the only open one when absent.
        which: Option<String>,
    },
}

/// Does what was asked.
pub(super) fn execute(home: &Arc<Home>, command: &NewerCommand, say: &mut Say<'_>) -> anyhow::Result<()> {
    match command {
        NewerCommand::List => {
            let states: Vec<Value> = newer::list(home)?.iter().map(shown).collect();
            say(json!({"states": states}));
        }
        NewerCommand::Bring { which, words } => {
            let state = newer::find(home, which.as_deref())?;
            let words = words.as_ref().map(|words| words.0.clone());
            work::wait(home, newer::answer(home, &state.id, Answer::Bring(words)))??;
            // A home that is up goes on by itself; alone, a command does it.
            if home.network().is_none() {
                work::wait(home, Box::pin(newer::bring(home, &CancellationToken::new())))??;
            }
            say(shown(&newer::find(home, Some(&state.id))?));
        }
        NewerCommand::Leave { which } => {
            let state = newer::find(home, which.as_deref())?;
            work::wait(home, newer::answer(home, &state.id, Answer::Leave))??;
            say(shown(&newer::find(home, Some(&state.id))?));
        }
    }
    Ok(())
}

fn shown(state: &State) -> Value {
    json!({
        "id": state.id, "place": state.place, "made_at": iso(state.made_ms), "why": state.why, "state": state.doing,
        "needs_phrase": state.needs_phrase, "brought": state.brought, "total": state.total, "missing": state.missing,
        "note": state.note,
    })
}
