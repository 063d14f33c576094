//! The first-run page's way back without the phrase: asking homes for their parts of a recovery kit, for days if need be,
//! and restoring with what they open.
//!
//! What was typed lies in `restoring/` ([`Note`]), so it goes on when the program is started again; the phrase itself is
//! never written down. Nobody can begin anything else here meanwhile, until the asking is given up.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::{Phase, Setup, SetupError};
use crate::home::create::{make_folder, make_root};
use crate::home::layout::Layout;
use crate::restore::kit::{self, KitOrder, Note, Standing};
use crate::restore::source::Origin;
use crate::restore::{self, Order, Problem};

/// How long to wait after something failed that may be over by itself, before all is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(5 * 60);
/// After so many failures a disk that is not there is left out: the homes have copies, too.
const DISK_TRIES_MAX: u32 = 12;

/// Parts of a kit are being asked for.
pub(super) struct Asking {
    /// Ends it.
    stop: CancellationToken,
    now: AskingNow,
}

/// How the asking stands.
#[derive(Debug, Clone)]
pub struct AskingNow {
    /// How the home was called.
    pub name: String,
    /// When it was asked first.
    pub began_ms: i64,
    /// What everybody said.
    pub standing: Standing,
    /// It ended and goes on when somebody asks again; the message of the standing says why.
    pub is_over: bool,
}

impl Setup {
    /// Begins to ask homes for their parts, or adds to what was named before and asks again. What was typed is judged before
    /// this returns; folders are looked at, so it is called on a thread for that, within the runtime.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn ask(self: &Arc<Self>, later: Note) -> Result<(), SetupError> {
        let layout = self.may_ask()?;
        for text in &later.from {
            Origin::read(text)?;
        }
        let note = match self.asking() {
            Some(_) => Note::load(&layout)?.map_or_else(|| later.clone(), |note| note.and(later.clone())),
            None => later,
        };
        let order = KitOrder::stored(layout.root(), &note)?;
        let stop = self.stop.child_token();
        let asking = asking(&note, order.standing(), &stop);
        self.may_ask()?;
        make_root(&layout)?;
        make_folder(&layout.restoring())?;
        note.save(&layout)?;
        self.now_ask(asking)?;
        self.spawn_asking(order, note, stop);
        Ok(())
    }

    /// How the asking stands; `None` when nobody asks.
    pub fn asking(&self) -> Option<AskingNow> {
        match &*self.phase() {
            Phase::Asking(asking) => Some(asking.now.clone()),
            Phase::Fresh
            | Phase::Founding
            | Phase::Prepared(_)
            | Phase::Restoring
            | Phase::Opening
            | Phase::Ready(_) => None,
        }
    }

    /// Gives the asking up and forgets all of it: whoever is asked again sees another machine, and the delay begins anew.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub async fn give_up_asking(&self) -> Result<(), SetupError> {
        {
            let mut phase = self.phase();
            let Phase::Asking(asking) = &mut *phase else {
                return Err(SetupError::Busy("Nobody asks for the parts of a recovery kit here."));
            };
            asking.stop.cancel();
        }
        // The one who asks ends first; it has the folder.
        let _turn = self.turn.lock().await;
        if let Some(layout) = self.layout.clone() {
            let forgotten = tokio::task::spawn_blocking(move || kit::forget(layout.root())).await;
            forgotten.context("a thread ended unexpectedly")??;
        }
        let mut phase = self.phase();
        if matches!(&*phase, Phase::Asking(_)) {
            *phase = Phase::Fresh;
        }
        Ok(())
    }

    /// Goes on asking, if that was begun before the program was started. Looks at the disk.
    ///
    /// # Errors
    /// When what was named cannot be read.
    pub fn go_on_asking(self: &Arc<Self>) -> anyhow::Result<()> {
        let Some(layout) = &self.layout else { return Ok(()) };
        let Some(note) = Note::load(layout)? else { return Ok(()) };
        // Nobody may have read it: only who presses a button has.
        restore::forget_told(layout)?;
        let stop = self.stop.child_token();
        match KitOrder::stored(layout.root(), &note) {
            Ok(order) => {
                *self.phase() = Phase::Asking(asking(&note, order.standing(), &stop));
                self.spawn_asking(order, note, stop);
            }
            Err(problem) => {
                *self.phase() = Phase::Asking(ended(&note, Standing::default(), &problem));
            }
        }
        Ok(())
    }

    /// The folder, if somebody may ask now.
    fn may_ask(&self) -> Result<Layout, SetupError> {
        let phase = self.phase();
        match (&*phase, &self.layout) {
            (Phase::Fresh | Phase::Prepared(_) | Phase::Asking(_), Some(layout)) => Ok(layout.clone()),
            (Phase::Ready(_), _) | (_, None) => {
                Err(SetupError::Busy("There is a home here already. Sign in, or use another folder."))
            }
            (Phase::Restoring | Phase::Opening, Some(_)) => {
                Err(SetupError::Busy("A household is being restored here already."))
            }
            (Phase::Founding, Some(_)) => Err(SetupError::Busy("A home is being made here already.")),
        }
    }

    /// Shows the new asking in place of whatever was there; an older one ends.
    fn now_ask(&self, asking: Asking) -> Result<(), SetupError> {
        let mut phase = self.phase();
        match &*phase {
            Phase::Asking(before) => before.stop.cancel(),
            Phase::Fresh | Phase::Prepared(_) => {}
            Phase::Founding | Phase::Restoring | Phase::Opening | Phase::Ready(_) => {
                return Err(SetupError::Busy(
                    "Something else was begun in another window. Load this page again.",
                ));
            }
        }
        *phase = Phase::Asking(asking);
        Ok(())
    }

    fn spawn_asking(self: &Arc<Self>, order: KitOrder, note: Note, stop: CancellationToken) {
        let setup = Arc::clone(self);
        self.tasks.spawn(async move {
            let asked = setup.ask_and_restore(&order, &note, &stop);
            tokio::select! {
                // Nothing that is begun here is half done: the next attempt finds everything as it was.
                biased;
                () = setup.stop.cancelled() => {}
                () = asked => {}
            }
        });
    }

    async fn ask_and_restore(&self, order: &KitOrder, note: &Note, stop: &CancellationToken) {
        let _turn = self.turn.lock().await;
        let mut tries = 0;
        loop {
            let Err((problem, may_pass)) = self.ask_once(order, note, stop, tries).await else { return };
            tracing::warn!(%problem, may_pass, "the restore with a kit ended");
            self.note_problem(order, note, stop, &problem, may_pass);
            if !may_pass {
                return;
            }
            tries += 1;
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(RETRY_AFTER) => {}
            }
        }
    }

    /// Asks until there are enough parts, and restores; otherwise why not, and whether that may be over by itself.
    async fn ask_once(
        &self,
        order: &KitOrder,
        note: &Note,
        stop: &CancellationToken,
        tries: u32,
    ) -> Result<(), (Problem, bool)> {
        let mut watcher = |standing: &Standing| {
            self.note_standing(stop, |now| now.standing = standing.clone());
        };
        let found = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            found = order.ask(&mut watcher, &kit::pause) => found,
        };
        match found {
            Ok(phrase) => self.restore_with(&phrase, note, stop, tries).await.map_err(|problem| {
                let may_pass = problem.may_pass();
                (problem, may_pass)
            }),
            // That everybody said no is for people to talk about.
            Err(problem) => {
                let may_pass = matches!(problem, Problem::Other(_));
                Err((problem, may_pass))
            }
        }
    }

    /// Shows what failed, and whether it goes on by itself.
    fn note_problem(
        &self,
        order: &KitOrder,
        note: &Note,
        stop: &CancellationToken,
        problem: &Problem,
        may_pass: bool,
    ) {
        let mut message = problem.to_string();
        if may_pass {
            message.truncate(message.trim_end_matches('.').len());
            message.push_str(". It is tried again by itself in five minutes.");
        }
        let mut phase = self.phase();
        match &mut *phase {
            Phase::Asking(_) if stop.is_cancelled() => {}
            Phase::Asking(asking) => {
                asking.now.is_over = !may_pass;
                asking.now.standing.message = Some(message);
            }
            Phase::Restoring => {
                self.restoring.fail(message.clone());
                let mut again = asking(note, order.standing(), stop);
                again.now.is_over = !may_pass;
                again.now.standing.message = Some(message);
                *phase = Phase::Asking(again);
            }
            Phase::Fresh | Phase::Founding | Phase::Prepared(_) | Phase::Opening | Phase::Ready(_) => {}
        }
    }

    /// Restores with the phrase that the parts opened, as with one that was typed.
    async fn restore_with(
        &self,
        phrase: &Zeroizing<String>,
        note: &Note,
        stop: &CancellationToken,
        tries: u32,
    ) -> Result<(), Problem> {
        {
            let mut now = self.phase();
            if stop.is_cancelled() {
                return Ok(());
            }
            self.restoring.start(note.from.len() as u64);
            *now = Phase::Restoring;
        }
        let layout = self.layout.clone().context("there is no folder to restore into")?;
        let (root, phrase, mut from) = (layout.root().to_owned(), phrase.clone(), note.from.clone());
        let read = tokio::task::spawn_blocking(move || {
            if tries >= DISK_TRIES_MAX {
                from.retain(|text| Origin::read(text).is_ok());
            }
            Order::read(&root, &phrase, &from)
        })
        .await;
        restore::run(&read.context("a thread ended unexpectedly")??, &self.restoring).await?;
        let forgotten = tokio::task::spawn_blocking(move || kit::forget(layout.root())).await;
        if let Err(error) = forgotten.context("a thread ended unexpectedly").flatten() {
            // It goes with the folder when everything is back.
            tracing::warn!("the keys of the asking are still there: {error:#}");
        }
        self.home_is_made();
        Ok(())
    }

    fn note_standing(&self, stop: &CancellationToken, change: impl FnOnce(&mut AskingNow)) {
        if let Phase::Asking(asking) = &mut *self.phase()
            && !stop.is_cancelled()
        {
            change(&mut asking.now);
        }
    }
}

fn asking(note: &Note, standing: Standing, stop: &CancellationToken) -> Asking {
    let now = AskingNow { name: note.name.clone(), began_ms: note.began_ms, standing, is_over: false };
    Asking { stop: stop.clone(), now }
}

fn ended(note: &Note, standing: Standing, problem: &Problem) -> Asking {
    let standing = Standing { message: Some(problem.to_string()), ..standing };
    let now = AskingNow { name: note.name.clone(), began_ms: note.began_ms, standing, is_over: true };
    Asking { stop: CancellationToken::new(), now }
}
