//! Where a stage's programs print: straight to the terminal, or into a log that is shown when the stage fails.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::shell;

/// How many lines of a log are shown when its stage fails.
const LINES_SHOWN_MAX: usize = 120;

/// The destination of one stage's output.
pub(crate) enum Output {
    /// The terminal.
    Live,
    /// A file; two lanes that print at once could not be read.
    Log(PathBuf),
}

impl Output {
    /// An empty log file.
    pub(crate) fn log(path: PathBuf) -> Result<Self> {
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir)?;
        }
        File::create(&path).with_context(|| format!("could not write {}", path.display()))?;
        Ok(Self::Log(path))
    }

    /// Runs a program to its end; fails when it does.
    pub(crate) fn run(&self, command: &mut Command) -> Result<()> {
        if let Self::Log(path) = self {
            let file = OpenOptions::new().append(true).open(path)?;
            command.stdout(file.try_clone()?).stderr(file);
        }
        shell::run(command)
    }

    /// The end of the log; empty for the terminal, which has shown it already.
    pub(crate) fn tail(&self) -> String {
        let Self::Log(path) = self else { return String::new() };
        let text = read_lossy(path);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LINES_SHOWN_MAX)..].join("\n")
    }
}

fn read_lossy(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

/// How many tests ran, over all runs of nextest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Tally {
    /// Adds another run.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// Runs nextest with its lines passed on as they come, and returns what its summary counted.
///
/// The tally is there even when the run failed; the second value says whether it did.
pub(crate) fn run_nextest(command: &mut Command) -> Result<(Tally, Result<()>)> {
    let colour = if std::io::stderr().is_terminal() { "always" } else { "never" };
    command.args(["--color", colour]).stderr(Stdio::piped());
    let line = shell::describe(command);
    let mut child = command.spawn().with_context(|| format!("could not start `{line}`"))?;
    let stderr = child.stderr.take().context("nextest has no standard error")?;
    let mut tally = Tally::default();
    for line in BufReader::new(stderr).split(b'\n') {
        let line = line?;
        std::io::stderr().write_all(&line)?;
        std::io::stderr().write_all(b"\n")?;
        if let Some(found) = parse_summary(&String::from_utf8_lossy(&line)) {
            tally = found;
        }
    }
    let status = child.wait()?;
    let verdict = if status.success() { Ok(()) } else { describe_failure(&line, tally) };
    Ok((tally, verdict))
}

fn describe_failure(line: &str, tally: Tally) -> Result<()> {
    match tally.failed {
        0 => bail!("`{line}` failed"),
        count => bail!("{count} tests failed"),
    }
}

/// Reads `Summary [ 1.2s] 9 tests run: 7 passed (1 slow), 1 failed, 1 timed out, 3 skipped`.
fn parse_summary(line: &str) -> Option<Tally> {
    let line = without_colour(line);
    let (head, counts) = line.split_once("run:")?;
    if !head.trim_start().starts_with("Summary") {
        return None;
    }
    let mut tally = Tally::default();
    for part in counts.split(',') {
        let mut words = part.split_whitespace();
        let (Some(Ok(count)), Some(what)) = (words.next().map(str::parse::<u64>), words.next()) else {
            continue;
        };
        match what {
            "passed" => tally.passed += count,
            // Those of the other profiles.
            "skipped" => {}
            _ => tally.failed += count,
        }
    }
    Some(tally)
}

fn without_colour(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        if char == '\u{1b}' {
            chars.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(char);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<(u64, u64)>) {
        let expected = expected.map(|(passed, failed)| Tally { passed, failed });
        assert_eq!(parse_summary(line), expected, "{line}");
    }

    #[test]
    fn reads_the_summary_of_nextest() {
        check("     Summary [   1.234s] 21 tests run: 21 passed (2 slow), 0 skipped", Some((21, 0)));
        check("Summary [1s] 9 tests run: 6 passed, 2 failed, 1 timed out, 4 skipped", Some((6, 3)));
        check(
            "\u{1b}[31;1m  Summary\u{1b}[0m [1s] \u{1b}[1m2\u{1b}[0m tests run: \u{1b}[1m2\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, \u{1b}[1m0\u{1b}[0m \u{1b}[33;1mskipped\u{1b}[0m",
            Some((2, 0)),
        );
        check("        PASS [   0.004s] heirloom-identity ids::tests::round_trip", None);
    }
}
