//! A folder that is no home yet, served: the first-run page founds a household or restores one, and the same program goes
//! on as its home on the same port.
//!
//! Owns which of the two is going on and that there is only one; leaves founding to [`create`], restoring to
//! [`restore`], and what is said over HTTP to [`api::setup`]. Read first: [`serve_setup`],
//! [`Setup`].
//!
//! Whoever can reach the page could make the home theirs. On this machine's own address that is its people; anywhere else
//! the page asks for a code that the terminal shows. [`Setup::admits_host`] keeps out web sites that lead a browser here
//! under their own name, [`Setup::admits_proxies`] those who come through another server on this machine.

mod kit;

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow};
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use zeroize::Zeroizing;

use self::kit::Asking;
pub use self::kit::AskingNow;
use self::kit::Choice;
use crate::api;
use crate::clock;
use crate::front::Front;
use crate::home::Home;
use crate::home::create::{self, Founding};
use crate::home::layout::Layout;
use crate::restore::{self, Order, Problem, Progress, RelayAccess, Restoring};
use crate::serve::{Listen, bind, serve_behind};

/// Bytes of the code that the page asks for.
const CODE_BYTES: usize = 10;
/// Bytes of the token of a household that was prepared.
const TOKEN_BYTES: usize = 16;
/// How long whoever finishes the founding waits for the home to answer.
const OPENING_MAX: Duration = Duration::from_secs(60);
/// Endings of names that only a machine on this network has.
const LOCAL_ENDINGS: [&str; 5] = [".local", ".lan", ".home", ".home.arpa", ".internal"];

/// What the page is for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetupState {
    /// Nothing is here.
    Fresh,
    /// Homes are asked for their parts of a recovery kit.
    Asking,
    /// A household is being restored.
    Restoring,
    /// It is a home.
    Ready,
}

/// What is going on.
enum Phase {
    Fresh,
    /// Folders and keys are being made.
    Founding,
    /// They are made, and the phrase is being written down by whoever has this token.
    Prepared(String),
    /// Homes are asked for their parts of a recovery kit, for days if need be.
    Asking(Asking),
    Restoring,
    /// The files are complete; the home is being opened.
    Opening,
    Ready(Arc<Home>),
}

/// Why something cannot be done now.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Something else is going on.
    #[error("{0}")]
    Busy(&'static str),
    /// What is meant is not there any more.
    #[error("That has changed in another window. Load this page again.")]
    Gone,
    /// What was typed is not right.
    #[error("{0}")]
    Input(String),
    /// The restore cannot begin like this.
    #[error(transparent)]
    Restore(#[from] Problem),
    /// It failed.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

/// What a new household is asked for on the page.
pub struct NewHousehold {
    /// The household's name.
    pub name: String,
    /// The first person's email.
    pub email: String,
    /// What the first person is called.
    pub account_name: String,
    /// Their password.
    pub password: Zeroizing<String>,
}

/// A household that was prepared.
#[derive(Debug)]
pub struct Prepared {
    /// The words of its phrase.
    pub words: Vec<&'static str>,
    /// What [`Setup::finish`] must be told: two pages may have asked, and only the last one's words open anything.
    pub token: String,
}

/// A folder that becomes a home, or is one.
pub struct Setup {
    layout: Option<Layout>,
    code: Option<Zeroizing<String>>,
    phase: Mutex<Phase>,
    restoring: Arc<Restoring>,
    /// Held by whoever asks for the parts of a kit.
    turn: tokio::sync::Mutex<()>,
    /// What somebody chose to restore, once there are enough parts.
    choice: watch::Sender<Option<Choice>>,
    /// Turns true when the files of a home are complete.
    made: watch::Sender<bool>,
    /// Turns true when the home answers.
    ready: watch::Sender<bool>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Setup {
    /// Nothing is here yet. `listens_to_all` asks for a code.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn begin(layout: Layout, needs_code: bool) -> anyhow::Result<Arc<Self>> {
        let code = || anyhow::Ok(Zeroizing::new(BASE32_NOPAD.encode(&crate::random::bytes::<CODE_BYTES>()?)));
        let code = needs_code.then(code).transpose()?;
        Ok(Arc::new(Self::with(Some(layout), code, Phase::Fresh)))
    }

    /// It is a home already: there is nothing to set up, and a restore can be followed.
    pub fn of_home(home: Arc<Home>) -> Arc<Self> {
        Arc::new(Self::with(None, None, Phase::Ready(home)))
    }

    fn with(layout: Option<Layout>, code: Option<Zeroizing<String>>, phase: Phase) -> Self {
        Self {
            layout,
            code,
            phase: Mutex::new(phase),
            restoring: Arc::default(),
            turn: tokio::sync::Mutex::default(),
            choice: watch::Sender::new(None),
            made: watch::Sender::new(false),
            ready: watch::Sender::new(false),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    /// The code that the page asks for, if it does.
    pub fn code(&self) -> Option<&str> {
        self.code.as_ref().map(|code| code.as_str())
    }

    /// Whether somebody gave the right code, or none is asked for.
    pub fn admits(&self, given: Option<&str>) -> bool {
        let Some(code) = &self.code else { return true };
        // Hashed first, so that the time it takes says nothing.
        let hash = |text: &str| blake3::hash(text.trim().to_ascii_uppercase().as_bytes());
        given.is_some_and(|given| hash(given) == hash(code))
    }

    /// Whether a browser that was led here under this name may see the page. A name that a stranger can choose may lead
    /// to any address, so only addresses and names of this network are taken, and with no code asked for only those of
    /// this machine.
    pub fn admits_host(&self, host: &str) -> bool {
        let name = match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if let Ok(address) = name.parse::<IpAddr>() {
            return self.code.is_some() || address.is_loopback();
        }
        if name == "localhost" || name.ends_with(".localhost") {
            return true;
        }
        let is_local = !name.contains('.') || LOCAL_ENDINGS.iter().any(|ending| name.ends_with(ending));
        self.code.is_some() && is_local && !name.is_empty()
    }

    /// Whether requests may come through another server. It comes from this machine's own address, whoever stands behind
    /// it, so it is served only where a code is asked for.
    pub fn admits_proxies(&self) -> bool {
        self.code.is_some()
    }

    /// What the page is for now.
    pub fn state(&self) -> SetupState {
        match &*self.phase() {
            Phase::Fresh | Phase::Founding | Phase::Prepared(_) => SetupState::Fresh,
            Phase::Asking(_) => SetupState::Asking,
            Phase::Restoring | Phase::Opening => SetupState::Restoring,
            Phase::Ready(home) => match home.restoring.progress() {
                Some(progress) if progress.stage != restore::Stage::Done => SetupState::Restoring,
                _ => SetupState::Ready,
            },
        }
    }

    /// How far a restore is; `None` when there is none.
    pub fn progress(&self) -> Option<Progress> {
        match &*self.phase() {
            Phase::Ready(home) => home.restoring.progress(),
            _ => self.restoring.progress(),
        }
    }

    /// Makes everything of a home but the last file, and gives the words of its phrase. May be done again until it is
    /// [finished](Setup::finish); the words before are worth nothing then. Blocks.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn found(&self, new: &NewHousehold) -> Result<Prepared, SetupError> {
        let token = HEXLOWER.encode(&crate::random::bytes::<TOKEN_BYTES>()?);
        let (layout, before) = self.enter(Phase::Founding, Phase::may_begin)?;
        if let Err(error) = check(new) {
            // Nothing was touched: what somebody writes down in another page still counts.
            *self.phase() = before;
            return Err(error);
        }
        let founded = prepare(&layout, new);
        *self.phase() = if founded.is_ok() { Phase::Prepared(token.clone()) } else { Phase::Fresh };
        Ok(Prepared { words: founded?.phrase.words().to_vec(), token })
    }

    /// Makes the home that was prepared count, and waits until it answers. `token` says which one is meant.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub async fn finish(&self, token: &str) -> Result<(), SetupError> {
        if matches!(&*self.phase(), Phase::Prepared(prepared) if prepared != token) {
            return Err(SetupError::Busy(
                "Somebody began again in another window, so these words open nothing. Begin again here, and write the \
                 new words down.",
            ));
        }
        let (layout, before) = self
            .enter(Phase::Opening, |phase| matches!(phase, Phase::Prepared(prepared) if prepared == token))?;
        let root = layout.root().to_owned();
        let finished = tokio::task::spawn_blocking(move || create::finish(&root)).await;
        if let Err(error) = finished.map_err(|_| anyhow!("a thread ended unexpectedly")).flatten() {
            *self.phase() = before;
            return Err(error.into());
        }
        self.made.send_replace(true);
        let mut ready = self.ready.subscribe();
        let waited = tokio::time::timeout(OPENING_MAX, ready.wait_for(|ready| *ready)).await;
        match waited {
            Ok(Ok(_)) => Ok(()),
            _ => Err(anyhow!("the home is made but does not answer yet; look into the terminal").into()),
        }
    }

    /// Begins to restore a household. What was typed is judged before this returns, by asking the homes that were named if
    /// need be; the rest goes on by itself. Waits, so it is called on a thread for that.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn restore(
        self: &Arc<Self>,
        phrase: &str,
        from: &[String],
        relays: RelayAccess,
    ) -> Result<(), SetupError> {
        let (layout, before) = self.enter(Phase::Restoring, Phase::may_begin)?;
        let order = match Order::read(layout.root(), phrase, from) {
            Ok(order) => order.over(relays),
            Err(problem) => {
                // Whoever writes words down in another page may still finish.
                *self.phase() = before;
                let explained = async {
                    tokio::select! {
                        explained = restore::guess::explain(problem, phrase, from, &relays) => Ok(explained),
                        () = self.stop.cancelled() => Err(anyhow!("the program ends")),
                    }
                };
                return Err(tokio::runtime::Handle::current().block_on(explained)?.into());
            }
        };
        // What an attempt before came to is over when this returns.
        self.restoring.start(from.len() as u64);
        let setup = Arc::clone(self);
        self.tasks.spawn(async move {
            let restored = tokio::select! {
                restored = restore::run(&order, &setup.restoring) => restored,
                () = setup.stop.cancelled() => return,
            };
            match restored {
                Ok(()) => setup.home_is_made(),
                Err(problem) => {
                    tracing::warn!(%problem, "the restore ended");
                    // At once: whoever reads that it failed may begin again.
                    let mut phase = setup.phase();
                    setup.restoring.fail(problem.to_string());
                    *phase = Phase::Fresh;
                }
            }
        });
        Ok(())
    }

    /// Begins something, if nothing else is going on; gives what was before, too.
    fn enter(&self, next: Phase, may: impl FnOnce(&Phase) -> bool) -> Result<(Layout, Phase), SetupError> {
        let mut phase = self.phase();
        let layout = self.layout.clone();
        match (&*phase, layout) {
            (Phase::Ready(_), _) | (_, None) => {
                Err(SetupError::Busy("There is a home here already. Sign in, or use another folder."))
            }
            (now, Some(layout)) if may(now) => Ok((layout, std::mem::replace(&mut *phase, next))),
            (Phase::Fresh, Some(_)) => Err(SetupError::Busy("There is nothing to finish yet.")),
            (Phase::Restoring | Phase::Opening, Some(_)) => {
                Err(SetupError::Busy("A household is being restored here already."))
            }
            (Phase::Asking(_), Some(_)) => Err(SetupError::Busy(
                "The parts of a recovery kit are being asked for here. Load the page again; there it can be given up.",
            )),
            (_, Some(_)) => Err(SetupError::Busy("A home is being made here already.")),
        }
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The files are complete, and the home can be opened.
    fn home_is_made(&self) {
        *self.phase() = Phase::Opening;
        self.made.send_replace(true);
    }

    async fn until_made(&self) {
        // The sender lives as long as this does.
        drop(self.made.subscribe().wait_for(|made| *made).await);
    }

    fn answers(&self, home: Arc<Home>) {
        *self.phase() = Phase::Ready(home);
        self.ready.send_replace(true);
    }
}

impl Phase {
    /// Whether a household may be founded or restored.
    fn may_begin(&self) -> bool {
        matches!(self, Self::Fresh | Self::Prepared(_))
    }
}

fn check(new: &NewHousehold) -> Result<(), SetupError> {
    let (name, email) = (new.name.trim(), new.email.trim());
    if name.is_empty() {
        return Err(SetupError::Input("A home needs a name.".to_owned()));
    }
    if !email.contains('@') {
        return Err(SetupError::Input("Type an email address; it is what you sign in with.".to_owned()));
    }
    if let Err(error) = crate::password::check_strength(&new.password) {
        return Err(SetupError::Input(format!("{error:#}")));
    }
    Ok(())
}

fn prepare(layout: &Layout, new: &NewHousehold) -> Result<create::Founded, SetupError> {
    let (name, email) = (new.name.trim(), new.email.trim());
    restore::state::forget(layout)?;
    let account_name = match new.account_name.trim() {
        "" => create::display_name(email),
        name => name.to_owned(),
    };
    let now_ms = clock::now_ms();
    let founding = Founding { name, email, password: &new.password, passphrase: None, now_ms };
    Ok(create::prepare(layout.root(), &founding, &account_name)?)
}

/// Whether a folder can be set up, rather than being a home or something else.
///
/// # Errors
/// When the folder cannot be looked at.
pub fn can_set_up(root: &Path) -> anyhow::Result<bool> {
    let layout = Layout::of(root)?;
    restore::place::finish(&layout)?;
    Ok(!layout.config().is_file() && (layout.is_vacant() || layout.restoring().is_dir()))
}

/// Serves the first-run page until there is a home, then the home, until `stop` resolves. `ready` is called once with
/// the address and the code that the page asks for.
///
/// # Errors
/// When the address is taken, or the home that was made cannot be served; says what to do.
pub async fn serve_setup(
    root: &Path,
    listen: Listen,
    ready: impl FnOnce(SocketAddr, Option<&str>),
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let listener = bind(listen.http).await?;
    let is_reached_from_outside = !listener.local_addr()?.ip().is_loopback();
    let setup = Setup::begin(Layout::of(root)?, is_reached_from_outside)?;
    setup.go_on_asking()?;
    let front = Front::start(listener, api::setup::router(Arc::clone(&setup)))?;
    ready(front.address(), setup.code());
    let mut stop = std::pin::pin!(stop);
    let is_made = tokio::select! {
        () = setup.until_made() => true,
        () = &mut stop => false,
    };
    let served = if is_made {
        open_and_serve(&setup, root, front, listen.p2p, stop).await
    } else {
        // First whatever requests may wait for.
        setup.stop.cancel();
        front.stop().await;
        Ok(())
    };
    setup.stop.cancel();
    setup.tasks.close();
    setup.tasks.wait().await;
    served
}

/// Opens the home that was made and shows it instead of the first-run page. Requests that wait for it are answered still.
async fn open_and_serve(
    setup: &Arc<Setup>,
    root: &Path,
    front: Front,
    p2p: Option<SocketAddr>,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let root = root.to_owned();
    let home = tokio::task::spawn_blocking(move || Home::open(&root)).await?;
    let home = home.context("the home that was made cannot be opened")?;
    home.restoring.adopt(&setup.restoring);
    let at = Arc::clone(&home);
    serve_behind(front, home, p2p, |_| setup.answers(at), stop).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_that_was_led_here_under_another_name_sees_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::of(folder.path()).unwrap();
        let check = |needs_code, host: &str, expected| {
            let setup = Setup::begin(layout.clone(), needs_code).unwrap();
            assert_eq!(setup.admits_host(host), expected, "{host}, code: {needs_code}");
        };
        for needs_code in [false, true] {
            check(needs_code, "127.0.0.1:2283", true);
            check(needs_code, "[::1]:2283", true);
            check(needs_code, "localhost", true);
            check(needs_code, "heirloom.localhost:80", true);
            check(needs_code, "evil.example.org:2283", false);
            check(needs_code, "127.0.0.1.example.org", false);
            check(needs_code, "", false);
        }
        for (host, with_code) in [("192.168.1.4:2283", true), ("pi:2283", true), ("pi.local", true)] {
            check(true, host, with_code);
            check(false, host, false);
        }
    }

    #[test]
    fn the_code_is_asked_for_away_from_this_machine() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::of(folder.path()).unwrap();
        let open = Setup::begin(layout.clone(), false).unwrap();
        assert!(open.code().is_none() && open.admits(None));
        let setup = Setup::begin(layout, true).unwrap();
        let code = setup.code().unwrap().to_owned();
        assert_eq!(code.len(), 16);
        assert!(setup.admits(Some(&code)) && setup.admits(Some(&format!(" {} ", code.to_lowercase()))));
        assert!(!setup.admits(None) && !setup.admits(Some("")) && !setup.admits(Some(&code[1..])));
    }
}
