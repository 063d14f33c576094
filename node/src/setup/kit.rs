//! The first-run page's way back without the phrase: asking homes for their parts of a recovery kit, for days if need be,
//! and restoring with what they open.
//!
//! What was typed lies in `restoring/` ([`Note`]), so it goes on when the program is started again; the phrase itself is
//! never written down. Nobody can begin anything else here meanwhile, until the asking is given up. When there are enough
//! parts, the places that were named are asked which states they have, and a person says that it may begin. What goes on
//! without anybody is in [`work`].

mod work;

use std::sync::Arc;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

pub(super) use self::work::Choice;
use super::{Phase, Setup, SetupError};
use crate::home::create::{make_folder, make_root};
use crate::home::layout::Layout;
use crate::restore::kit::{self, Entry, KitOrder, Note, Standing};
use crate::restore::source::Origin;
use crate::restore::states::States;
use crate::restore::{self, Problem};

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
    /// What was named, and can be taken out.
    pub entries: Vec<Entry>,
    /// There are enough parts, and these states to choose from.
    pub states: Option<States>,
    /// A person chose one of them: it begins in a moment.
    pub is_chosen: bool,
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
        self.ask_with(&layout, note)
    }

    /// Takes out a link, a disk or a part on paper that was named, and asks the others again. Nothing changes for those.
    /// Called as [`ask`](Self::ask) is.
    ///
    /// # Errors
    /// See [`SetupError`]; [`SetupError::Gone`] when nothing such was named.
    pub fn take_out(self: &Arc<Self>, entry: &str) -> Result<(), SetupError> {
        let layout = self.may_ask()?;
        let note = self.asking().and(Note::load(&layout)?);
        let note = note.and_then(|note| note.without(entry)).ok_or(SetupError::Gone)?;
        self.ask_with(&layout, note)
    }

    /// Restores the state with this id, or the newest of those that are shown.
    ///
    /// # Errors
    /// [`SetupError::Gone`] when it is not shown any more, or none is.
    pub fn choose(&self, state: Option<String>) -> Result<(), SetupError> {
        let mut phase = self.phase();
        let Phase::Asking(asking) = &mut *phase else { return Err(SetupError::Gone) };
        let states = asking.now.states.as_ref().ok_or(SetupError::Gone)?;
        if let Some(id) = &state
            && !states.best_first.iter().any(|shown| shown.id == *id)
        {
            return Err(SetupError::Gone);
        }
        asking.now.is_chosen = true;
        self.choice.send_replace(Some(Choice { up_to: state }));
        Ok(())
    }

    /// Asks for what stands in the note from now on, in place of what was asked before.
    fn ask_with(self: &Arc<Self>, layout: &Layout, note: Note) -> Result<(), SetupError> {
        let order = KitOrder::stored(layout.root(), &note)?;
        let stop = self.stop.child_token();
        let asking = asking(&note, order.standing(), &stop);
        self.may_ask()?;
        make_root(layout)?;
        make_folder(&layout.restoring())?;
        note.save(layout)?;
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
}

fn asking(note: &Note, standing: Standing, stop: &CancellationToken) -> Asking {
    let now = AskingNow {
        name: note.name.clone(),
        began_ms: note.began_ms,
        standing,
        entries: note.entries(),
        states: None,
        is_chosen: false,
        is_over: false,
    };
    Asking { stop: stop.clone(), now }
}

fn ended(note: &Note, standing: Standing, problem: &Problem) -> Asking {
    let standing = Standing { message: Some(problem.to_string()), ..standing };
    let mut asking = asking(note, standing, &CancellationToken::new());
    asking.now.is_over = true;
    asking
}
