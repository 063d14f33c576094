//! The one thread that changes a database, with group commit.
//!
//! Every write runs inside its own savepoint, so one that fails takes nothing else with it; all that wait at
//! the same moment share one commit, so a full fsync is paid once for many writes. Answers go out only after
//! that commit, and after those who listen were told that something changed: so nobody hears of a change before it can be
//! read, and nobody who changed something has to think of telling.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;

use crate::StoreError;

/// Writes that may share one commit.
const GROUP_WRITES_MAX: usize = 256;
/// Writes that may wait; a further caller blocks until there is room.
const QUEUE_WRITES_MAX: usize = 1024;

/// Runs a write; says whether to keep it, and how to answer once the group's commit is known.
type Work = Box<dyn FnOnce(&Connection) -> (bool, Answer) + Send>;
/// Told `None` when the commit succeeded.
type Answer = Box<dyn FnOnce(Option<StoreError>) + Send>;

pub(crate) struct Writer {
    queue: Option<SyncSender<Work>>,
    thread: Option<JoinHandle<()>>,
    listeners: Arc<Listeners>,
}

/// Called after a commit that changed something.
type Listener = Box<dyn Fn() + Send>;

/// Who is told of commits that changed something, in the order in which they came.
#[derive(Default)]
struct Listeners(Mutex<Vec<Listener>>);

impl Listeners {
    fn lock(&self) -> MutexGuard<'_, Vec<Listener>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, tell: Listener) {
        self.lock().push(tell);
    }

    /// Tells everybody; only the writer does. The list is not held meanwhile: one who is told may bring another listener.
    /// What is said to one who panics is said to the others all the same.
    fn tell(&self) {
        let mut told = std::mem::take(&mut *self.lock());
        for tell in &told {
            drop(catch_unwind(AssertUnwindSafe(tell)));
        }
        let mut listeners = self.lock();
        told.append(&mut listeners);
        *listeners = told;
    }
}

impl Writer {
    pub(crate) fn start(conn: Connection, name: &str) -> std::io::Result<Self> {
        let (queue, incoming) = sync_channel(QUEUE_WRITES_MAX);
        let listeners = Arc::<Listeners>::default();
        let told = Arc::clone(&listeners);
        let thread = std::thread::Builder::new()
            .name(format!("write {name}"))
            .spawn(move || write_groups(&conn, &incoming, &told))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), listeners })
    }

    /// Has `tell` called after every commit that changed something.
    pub(crate) fn on_commit(&self, tell: Listener) {
        self.listeners.add(tell);
    }

    /// Runs `work` on the writer thread and returns after the commit that makes it durable.
    pub(crate) fn run<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    {
        let (answer, answered) = sync_channel::<Result<T, E>>(1);
        let job: Work = Box::new(move |conn| {
            let outcome = work(conn);
            let keep = outcome.is_ok();
            let reply: Answer = Box::new(move |commit_error| {
                let result = match (outcome, commit_error) {
                    (Ok(_), Some(error)) => Err(E::from(error)),
                    (outcome, _) => outcome,
                };
                // A caller that no longer listens loses nothing: the write is durable or was undone.
                drop(answer.send(result));
            });
            (keep, reply)
        });
        let queue = self.queue.as_ref().expect("the queue lives as long as the writer");
        queue.send(job).map_err(|_| E::from(StoreError::WriterGone))?;
        answered.recv().unwrap_or_else(|_| Err(E::from(StoreError::WriterGone)))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the writer was already answered with `WriterGone`.
            drop(thread.join());
        }
    }
}

fn write_groups(conn: &Connection, incoming: &Receiver<Work>, listeners: &Listeners) {
    while let Ok(first) = incoming.recv() {
        let mut group: Vec<Work> =
            std::iter::once(first).chain(incoming.try_iter().take(GROUP_WRITES_MAX - 1)).collect();
        while !group.is_empty() {
            group = write_some(conn, group, listeners);
        }
    }
}

/// Runs writes in one transaction and commits once. Returns what is left over when SQLite rolled the
/// transaction back in the middle (a full disk does that).
fn write_some(conn: &Connection, group: Vec<Work>, listeners: &Listeners) -> Vec<Work> {
    let (mut waiting, before) = (group.into_iter(), conn.total_changes());
    if let Err(error) = conn.execute_batch("BEGIN IMMEDIATE") {
        // Nothing can be written: keep nothing, and let every caller hear why.
        waiting.for_each(|work| refuse(conn, work, &error));
        return Vec::new();
    }
    let mut answers: Vec<Answer> = Vec::new();
    let mut failure = None;
    for work in waiting.by_ref() {
        let (answer, error) = run_in_savepoint(conn, work);
        answers.extend(answer);
        if error.is_some() || conn.is_autocommit() {
            failure = error.or_else(|| Some(rusqlite::Error::InvalidQuery));
            break;
        }
    }
    let failure = failure.or_else(|| conn.execute_batch("COMMIT").err());
    if failure.is_some() && !conn.is_autocommit() {
        conn.execute_batch("ROLLBACK").unwrap_or_default();
    }
    if failure.is_none() && conn.total_changes() != before {
        listeners.tell();
    }
    for answer in answers {
        answer(failure.as_ref().map(StoreError::commit));
    }
    waiting.collect()
}

/// Runs one write. No answer when it panicked, in which case its caller hears `WriterGone`; an error when the
/// savepoint could not be ended, after which the whole transaction is void.
fn run_in_savepoint(conn: &Connection, work: Work) -> (Option<Answer>, Option<rusqlite::Error>) {
    if let Err(error) = conn.execute_batch("SAVEPOINT one_write") {
        return (None, Some(error));
    }
    let outcome = catch_unwind(AssertUnwindSafe(|| work(conn)));
    let keep = matches!(outcome, Ok((true, _)));
    let end = if keep { "RELEASE one_write" } else { "ROLLBACK TO one_write; RELEASE one_write" };
    let ended = if conn.is_autocommit() { Ok(()) } else { conn.execute_batch(end) };
    (outcome.ok().map(|(_, answer)| answer), ended.err())
}

fn refuse(conn: &Connection, work: Work, error: &rusqlite::Error) {
    // Outside a transaction a statement would commit by itself, so the connection is made read-only first.
    if conn.pragma_update(None, "query_only", true).is_err() {
        return;
    }
    if let Ok((_, answer)) = catch_unwind(AssertUnwindSafe(|| work(conn))) {
        answer(Some(StoreError::commit(error)));
    }
    conn.pragma_update(None, "query_only", false).unwrap_or_default();
}
