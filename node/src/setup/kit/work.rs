//! What goes on without anybody: asking, and asking again; showing which states there are, once there are enough parts; and
//! restoring the one that a person chose.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::{AskingNow, asking};
use crate::restore::kit::{self, Entry, EntryKind, KitOrder, Note, Standing};
use crate::restore::source::Origin;
use crate::restore::{self, Order, Problem, states};
use crate::setup::{Phase, Setup};

/// How long to wait after something failed that may be over by itself, before all is tried again.
const RETRY_AFTER: Duration = Duration::from_mins(5);
/// Time after which the places are asked again which states they have, while nobody chooses and one of them did not answer;
/// it doubles each time, up to [`LOOK_AGAIN_MAX`].
const LOOK_AGAIN: Duration = Duration::from_mins(1);
/// The longest such time.
const LOOK_AGAIN_MAX: Duration = Duration::from_mins(16);
/// The same while all of them answer: nothing new is to be heard, but that one is off by now.
const ALL_ANSWER: Duration = Duration::from_hours(4);

/// What a person chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::setup) struct Choice {
    /// Nothing that is newer than this state; the newest of all when absent.
    pub(super) up_to: Option<String>,
}

/// What is worked with.
struct Work {
    order: KitOrder,
    note: Note,
    stop: CancellationToken,
}

impl Setup {
    pub(super) fn spawn_asking(self: &Arc<Self>, order: KitOrder, note: Note, stop: CancellationToken) {
        let setup = Arc::clone(self);
        self.tasks.spawn(async move {
            let work = Work { order, note, stop };
            tokio::select! {
                // Nothing that is begun here is half done: the next attempt finds everything as it was.
                biased;
                () = setup.stop.cancelled() => {}
                () = setup.ask_and_restore(&work) => {}
            }
        });
    }

    async fn ask_and_restore(&self, work: &Work) {
        let _turn = self.turn.lock().await;
        let (mut chosen, mut gone) = (None, None);
        loop {
            let Err((problem, may_pass)) = self.ask_once(work, &mut chosen, gone.take()).await else {
                return;
            };
            tracing::warn!(%problem, may_pass, "the restore with a kit ended");
            self.note_problem(work, &problem, may_pass);
            if matches!(problem, Problem::ChosenGone) {
                // For a person to choose anew, at once.
                chosen = None;
                gone = Some(format!("{problem}."));
                continue;
            }
            if !may_pass {
                return;
            }
            tokio::select! {
                biased;
                () = work.stop.cancelled() => return,
                () = tokio::time::sleep(RETRY_AFTER) => {}
            }
        }
    }

    /// Asks until there are enough parts, has a person choose, and restores; otherwise why not, and whether that may be over
    /// by itself. What was chosen once is not asked for again, unless it is `gone`: that says why.
    async fn ask_once(
        &self,
        work: &Work,
        chosen: &mut Option<Choice>,
        gone: Option<String>,
    ) -> Result<(), (Problem, bool)> {
        let mut watcher = |standing: &Standing| {
            self.note_standing(&work.stop, |now| now.standing = standing.clone());
        };
        let found = tokio::select! {
            biased;
            () = work.stop.cancelled() => return Ok(()),
            found = work.order.ask(&mut watcher, &kit::pause) => found,
        };
        let may_pass = |problem: Problem| {
            let may_pass = problem.may_pass();
            (problem, may_pass)
        };
        match found {
            Ok(phrase) => {
                if chosen.is_none() {
                    *chosen = self.let_choose(work, &phrase, gone).await.map_err(may_pass)?;
                }
                let Some(chosen) = &*chosen else { return Ok(()) };
                self.restore_with(work, &phrase, chosen).await.map_err(may_pass)
            }
            // That everybody said no is for people to talk about.
            Err(problem) => {
                let may_pass = matches!(problem, Problem::Other(_));
                Err((problem, may_pass))
            }
        }
    }

    /// Shows which states there are until somebody chose one; `None` when the asking was stopped.
    /// `said` stands beside them.
    async fn let_choose(
        &self,
        work: &Work,
        phrase: &Zeroizing<String>,
        said: Option<String>,
    ) -> Result<Option<Choice>, Problem> {
        let mut choice = self.choice.subscribe();
        self.choice.send_replace(None);
        let mut pause = LOOK_AGAIN;
        loop {
            let order = self.order(work, phrase).await?;
            // Whoever was asked for a part hears of one machine, however often it looks. The restore itself takes keys of its
            // own: after a failed one its connections may still be open, and would be in the way of the next asking.
            let order = tokio::task::spawn_blocking(move || order.as_asked()).await;
            let order = order.context("a thread ended unexpectedly")??;
            let found = tokio::select! {
                biased;
                () = work.stop.cancelled() => return Ok(None),
                found = states::look(&order) => found,
            };
            // Chosen while they were asked.
            let chosen = choice.borrow().clone();
            if chosen.is_some() {
                return Ok(chosen);
            }
            let found = found?;
            let entries = work.note.clone();
            let entries = tokio::task::spawn_blocking(move || entries.entries()).await;
            let entries = entries.context("a thread ended unexpectedly")?;
            let is_away = |entry: &Entry| entry.kind == EntryKind::Place { is_there: false };
            let next =
                if found.silent.is_empty() && !entries.iter().any(is_away) { ALL_ANSWER } else { pause };
            pause = LOOK_AGAIN_MAX.min(pause * 2);
            self.note_standing(&work.stop, |now| {
                now.states = Some(found);
                now.entries = entries;
                now.standing.message.clone_from(&said);
            });
            tokio::select! {
                biased;
                () = work.stop.cancelled() => return Ok(None),
                chosen = choice.wait_for(Option::is_some) => {
                    return Ok(chosen.context("the page is gone")?.clone());
                }
                () = tokio::time::sleep(next) => {}
            }
        }
    }

    /// What is restored, and from where: a disk that is not there now is left out, and the page says so.
    async fn order(&self, work: &Work, phrase: &Zeroizing<String>) -> Result<Order, Problem> {
        let layout = self.layout.clone().context("there is no folder to restore into")?;
        let (phrase, mut from, relays) = (phrase.clone(), work.note.from.clone(), work.note.relays()?);
        let read = tokio::task::spawn_blocking(move || {
            from.retain(|text| Origin::read(text).is_ok());
            Order::read(layout.root(), &phrase, &from)
        });
        Ok(read.await.context("a thread ended unexpectedly")??.over(relays))
    }

    /// Restores with the phrase that the parts opened, as with one that was typed.
    async fn restore_with(
        &self,
        work: &Work,
        phrase: &Zeroizing<String>,
        chosen: &Choice,
    ) -> Result<(), Problem> {
        {
            let mut now = self.phase();
            if work.stop.is_cancelled() {
                return Ok(());
            }
            self.restoring.start(work.note.from.len() as u64);
            *now = Phase::Restoring;
        }
        let order = self.order(work, phrase).await?.up_to(chosen.up_to.clone());
        restore::run(&order, &self.restoring).await?;
        let layout = self.layout.clone().context("there is no folder to restore into")?;
        let forgotten = tokio::task::spawn_blocking(move || kit::forget(layout.root())).await;
        if let Err(error) = forgotten.context("a thread ended unexpectedly").flatten() {
            // It goes with the folder when everything is back.
            tracing::warn!("the keys of the asking are still there: {error:#}");
        }
        self.home_is_made();
        Ok(())
    }

    /// Shows what failed, and whether it goes on by itself.
    fn note_problem(&self, work: &Work, problem: &Problem, may_pass: bool) {
        let mut message = problem.to_string();
        if may_pass && !matches!(problem, Problem::ChosenGone) {
            message.truncate(message.trim_end_matches('.').len());
            message.push_str(". It is tried again by itself in five minutes.");
        }
        let mut phase = self.phase();
        match &mut *phase {
            Phase::Asking(_) if work.stop.is_cancelled() => {}
            Phase::Asking(asking) => {
                asking.now.is_over = !may_pass;
                asking.now.states = None;
                asking.now.is_chosen = false;
                asking.now.standing.message = Some(message);
            }
            Phase::Restoring => {
                self.restoring.fail(message.clone());
                let mut again = asking(&work.note, work.order.standing(), &work.stop);
                again.now.is_over = !may_pass;
                again.now.standing.message = Some(message);
                *phase = Phase::Asking(again);
            }
            Phase::Fresh | Phase::Founding | Phase::Prepared(_) | Phase::Opening | Phase::Ready(_) => {}
        }
    }

    fn note_standing(&self, stop: &CancellationToken, change: impl FnOnce(&mut AskingNow)) {
        if let Phase::Asking(asking) = &mut *self.phase()
            && !stop.is_cancelled()
        {
            change(&mut asking.now);
        }
    }
}
