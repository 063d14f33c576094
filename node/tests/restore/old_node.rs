//! The old machine that turns up again, and two machines that were restored at once.

use heirloom::home::OUTRANKED;
use heirloom::index::decide;
use heirloom::vault::status::status;
use heirloom_spaces::MarkChange;

use crate::house::{Back, House, pair, restore, restore_all};
use crate::wait::until;

/// Goal: a restore takes the place of a node that still lives, which then changes nothing more. Method: the old home stays
/// connected with the keeper while the new one is restored from it.
#[tokio::test(flavor = "multi_thread")]
async fn the_old_machine_turns_read_only() {
    let (anna, ben) = (House::found_up("Anna").await, House::found_up("Ben").await);
    pair(&anna, &ben).await;
    anna.live();
    anna.keep_at(&ben).await;
    anna.back_up().await;
    let link = ben.network().invite(true).await.unwrap().link.to_string();
    let (back, _) = restore_all(&anna.beside("new"), &anna.words(), &[&link]).await;
    until("the relative to know the new machine", &[&ben.home], || {
        let known = ben.home.ledger.peer(&anna.household()).unwrap().unwrap();
        (known.certificate == back.home.keys.certificate).then_some(())
    })
    .await;
    until("the old machine to hear of it", &[&anna.home], || anna.home.is_outranked().then_some(())).await;
    assert_eq!(anna.home.must_be_current().unwrap_err().to_string(), OUTRANKED);
    let old = status(&anna.home).unwrap();
    assert!(old.replaced && !status(&back.home).unwrap().replaced);
    assert_eq!(
        (old.level, old.sentence),
        ("attention", "Another computer has taken the place of this one.".into())
    );
    assert_eq!(old.reasons.iter().map(|reason| reason.kind).collect::<Vec<_>>(), ["outranked"]);
    assert!(!back.home.is_outranked());
    let entry = back.home.ledger.entries_after(0, 1).unwrap().remove(0);
    decide(&back.home, entry.account, &[entry.asset], &[MarkChange::Rating(Some(5))]).unwrap();
    drop(back.stop().await);
}

/// Goal: of two machines that are restored at once one wins everywhere, and the other says so. Method: both restore before
/// either has met anybody, so both take the same generation.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_restores_at_once_one_wins() {
    let (mut anna, ben) = (House::found_up("Anna").await, House::found_up("Ben").await);
    pair(&anna, &ben).await;
    anna.live();
    anna.keep_at(&ben).await;
    anna.back_up().await;
    let words = anna.words();
    anna.burn().await;
    let link = ben.network().invite(true).await.unwrap().link.to_string();
    let (here, there) = (anna.beside("here"), anna.beside("there"));
    let from = [link.as_str()];
    let (one, two) = tokio::join!(restore(&here, &words, &from), restore(&there, &words, &from));
    one.0.unwrap();
    two.0.unwrap();
    let (one, two) = tokio::join!(Back::begin(&here, &one.1), Back::begin(&there, &two.1));
    assert_eq!(one.home.keys.certificate.generation(), two.home.keys.certificate.generation());
    let first_wins = one.home.keys.certificate.outranks(&two.home.keys.certificate);
    let (winner, loser) = if first_wins { (one, two) } else { (two, one) };
    until("the other to hear of it", &[&loser.home], || loser.home.is_outranked().then_some(())).await;
    until("the relative to know the winner", &[&ben.home], || {
        let known = ben.home.ledger.peer(&anna.household()).unwrap().unwrap();
        (known.certificate == winner.home.keys.certificate).then_some(())
    })
    .await;
    assert!(!winner.home.is_outranked());
    winner.complete().await;
    drop((winner.stop().await, loser.stop().await));
}

/// Goal: a second restore before the first one's first backup takes a generation above it. Method: restored, met the
/// relative, lost again, restored again: no head knows of the first.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_restore_stands_above_the_first() {
    let (mut anna, ben) = (House::found_up("Anna").await, House::found_up("Ben").await);
    pair(&anna, &ben).await;
    anna.live();
    anna.keep_at(&ben).await;
    anna.back_up().await;
    anna.burn().await;
    let link = ben.network().invite(true).await.unwrap().link.to_string();
    let (back, _) = restore_all(&anna.beside("first"), &anna.words(), &[&link]).await;
    until("the relative to know the new machine", &[&ben.home], || {
        let known = ben.home.ledger.peer(&anna.household()).unwrap().unwrap();
        (known.certificate == back.home.keys.certificate).then_some(())
    })
    .await;
    drop(back.stop().await);
    let (back, _) = restore_all(&anna.beside("second"), &anna.words(), &[&link]).await;
    assert_eq!(back.home.keys.certificate.generation(), 3);
    drop(back.stop().await);
}
