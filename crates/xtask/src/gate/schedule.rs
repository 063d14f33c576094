//! Runs stages in two lanes, each in the order of the list, each stage after those it names.
//!
//! A stage names only stages that stand before it in the list, so the lanes cannot wait for each other for ever. One
//! that fails stops only those that need what it makes.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::output::{Output, Tally};
use super::stages::{Lane, Stage};
use crate::folders;

/// How a stage ended.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// All was well.
    Passed,
    /// It failed, and why.
    Failed(String),
    /// It was not run, because the named stage did not pass.
    Skipped(&'static str),
}

/// One line of the table.
pub(crate) struct Report {
    pub(crate) name: &'static str,
    pub(crate) outcome: Outcome,
    pub(crate) took: Duration,
}

/// What a stage's work is given.
pub(crate) struct Job<'a> {
    /// Where its programs print.
    pub(crate) output: &'a Output,
    /// Full counts instead of a sample.
    pub(crate) long: bool,
    board: &'a Board,
}

impl Job<'_> {
    /// Adds a run of nextest to the count that the gate closes with.
    pub(crate) fn count(&self, run: Tally) {
        lock(&self.board.tally).get_or_insert_default().add(run);
    }
}

/// What the two lanes know of each other.
#[derive(Default)]
struct Board {
    done: Mutex<Vec<Report>>,
    changed: Condvar,
    tally: Mutex<Option<Tally>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the stages and returns a report of each in the order of the list, and the tests counted if any were run.
pub(crate) fn run_all(stages: &[&'static Stage], long: bool) -> (Vec<Report>, Option<Tally>) {
    let board = Board::default();
    std::thread::scope(|scope| {
        for lane in [Lane::Cargo, Lane::Side] {
            let board = &board;
            scope.spawn(move || {
                for stage in stages.iter().filter(|stage| stage.lane == lane) {
                    let report = run_one(stage, stages, board, long);
                    lock(&board.done).push(report);
                    board.changed.notify_all();
                }
            });
        }
    });
    let mut reports = board.done.into_inner().unwrap_or_else(PoisonError::into_inner);
    reports.sort_by_key(|report| stages.iter().position(|stage| stage.name == report.name));
    (reports, board.tally.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn run_one(stage: &'static Stage, chosen: &[&'static Stage], board: &Board, long: bool) -> Report {
    for need in stage.after.iter().filter(|need| chosen.iter().any(|stage| stage.name == **need)) {
        if !wait_for(need, board) {
            return Report { name: stage.name, outcome: Outcome::Skipped(need), took: Duration::ZERO };
        }
    }
    for other in stage.behind.iter().filter(|other| chosen.iter().any(|stage| stage.name == **other)) {
        wait_for(other, board);
    }
    let started = Instant::now();
    let outcome = match work(stage, board, long) {
        Ok(()) => Outcome::Passed,
        Err(error) => Outcome::Failed(format!("{error:#}")),
    };
    let took = started.elapsed();
    if stage.lane == Lane::Side {
        let word = if matches!(outcome, Outcome::Passed) { "done" } else { "FAILED" };
        println!("==> {} {word} ({:.1} s, meanwhile)", stage.name, took.as_secs_f64());
    }
    Report { name: stage.name, outcome, took }
}

fn work(stage: &Stage, board: &Board, long: bool) -> anyhow::Result<()> {
    let output = match stage.lane {
        Lane::Cargo => {
            println!("==> {}", stage.name);
            Output::Live
        }
        Lane::Side => Output::log(folders::target().join("gate").join(format!("{}.log", stage.name)))?,
    };
    let result = (stage.work)(&Job { output: &output, long, board });
    if result.is_err() {
        println!("{}", output.tail());
    }
    result
}

/// Returns whether the named stage passed, once it has ended.
fn wait_for(name: &str, board: &Board) -> bool {
    let mut done = lock(&board.done);
    loop {
        if let Some(report) = done.iter().find(|report| report.name == name) {
            return matches!(report.outcome, Outcome::Passed);
        }
        done = board.changed.wait(done).unwrap_or_else(PoisonError::into_inner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static FAILS: Stage = Stage {
        name: "fails",
        about: "",
        lane: Lane::Cargo,
        after: &[],
        behind: &[],
        work: |_| anyhow::bail!("on purpose"),
    };
    static NEEDS: Stage = Stage {
        name: "needs",
        about: "",
        lane: Lane::Cargo,
        after: &["fails"],
        behind: &[],
        work: |_| Ok(()),
    };
    static ALONE: Stage =
        Stage { name: "alone", about: "", lane: Lane::Cargo, after: &[], behind: &[], work: |_| Ok(()) };

    #[test]
    fn a_failure_stops_only_what_needs_it() {
        let (reports, tally) = run_all(&[&FAILS, &NEEDS, &ALONE], false);
        assert!(matches!(reports[0].outcome, Outcome::Failed(_)));
        assert!(matches!(reports[1].outcome, Outcome::Skipped("fails")));
        assert!(matches!(reports[2].outcome, Outcome::Passed));
        assert_eq!(tally, None);
    }

    #[test]
    fn what_was_not_chosen_is_not_waited_for() {
        let (reports, _) = run_all(&[&NEEDS], false);
        assert!(matches!(reports[0].outcome, Outcome::Passed));
    }
}
