//! Which word of a phrase is likely wrong, when only a home can tell: every phrase that the person may have meant is proved
//! to the homes that were named, and one that keeps copies for its household knows it.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use heirloom_identity::{Guess, Invitation, PhraseFix, guesses};
use heirloom_net::NodeAddress;

use super::problem::{Problem, WordProblem};
use super::source::{Origin, SOURCES_MAX};
use super::{RelayAccess, contact};
use crate::protocols::vault::{RecoverError, RecoverNet};

/// How long all homes together may take to answer.
const ASKING_MAX: Duration = Duration::from_secs(30);

/// Says more of what is wrong with a phrase, if a home that was named can tell; else the problem as it is.
pub async fn explain(problem: Problem, text: &str, from: &[String], relays: &RelayAccess) -> Problem {
    if !matches!(problem, Problem::Phrase(_)) {
        return problem;
    }
    let origins: Vec<Origin> =
        from.iter().take(SOURCES_MAX).filter_map(|text| Origin::read(text).ok()).collect();
    let homes: Vec<&Invitation> = origins
        .iter()
        .filter_map(|origin| match origin {
            Origin::Home(invitation) => Some(&**invitation),
            Origin::Folder { .. } | Origin::Bucket(_) => None,
        })
        .collect();
    let meant = guesses(text);
    if homes.is_empty() || meant.is_empty() {
        return problem;
    }
    match ask(&homes, &meant, relays).await {
        Some(index) => meant.get(index).map_or(problem, |guess| in_words(&guess.fix)),
        None => problem,
    }
}

/// Asks all of them at once; whoever waits has only just pressed a button.
async fn ask(homes: &[&Invitation], meant: &[Guess], relays: &RelayAccess) -> Option<usize> {
    let net = contact::start(homes, meant.first()?.root.authority(), relays, None).await.ok()?;
    let asked = async {
        let mut answers: FuturesUnordered<_> =
            homes.iter().map(|home| async { which(&net, &relays.addresses(home), meant).await }).collect();
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(index) => return Some(index),
                Err(error) => tracing::info!(%error, "a home could not say which word is wrong"),
            }
        }
        None
    };
    let found = tokio::time::timeout(ASKING_MAX, asked).await.ok().flatten();
    net.close().await;
    found
}

/// The phrase that a home knows, asked at the first of these addresses that leads to it.
async fn which(net: &RecoverNet, addresses: &[NodeAddress], meant: &[Guess]) -> Result<usize, RecoverError> {
    let mut answer = Err(RecoverError::Unreachable("its invitation names no address".to_owned()));
    for address in addresses {
        answer = net.which(address, meant).await;
        if !matches!(answer, Err(RecoverError::Unreachable(_))) {
            break;
        }
    }
    answer
}

/// What must be put right.
pub(super) fn in_words(fix: &PhraseFix) -> Problem {
    match fix {
        PhraseFix::Word { position, typed, likely } => Problem::Word(WordProblem {
            position: *position,
            typed: typed.clone(),
            likely: (*likely).to_owned(),
        }),
        PhraseFix::Swapped { first, second } => Problem::Swapped { first: *first, second: *second },
    }
}
