//! `heirloom import`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use indicatif::ProgressBar;
use serde_json::Value;

use super::{Common, output};
use crate::control::{self, Command};
use crate::ingest::import::{FileOutcome, FileReport, Summary};

/// Arguments of `heirloom import`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) common: Common,
    /// Whose photos they become; the first account when absent.
    #[arg(long, value_name = "EMAIL")]
    account: Option<String>,
    /// Copy the files into the library and leave the folder as it is. This is what import does; the flag
    /// says so in scripts.
    #[arg(long)]
    copy: bool,
    /// Return as soon as the photos are safe; thumbnails are made later.
    #[arg(long)]
    no_wait: bool,
    /// Folders and files.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let paths: Result<_, _> = arguments.paths.iter().map(|path| control::path_bytes(path)).collect();
    let command =
        Command::Import { account: arguments.account.clone(), paths: paths?, wait: !arguments.no_wait };
    let home = arguments.common.home();
    if arguments.common.json {
        // Waiting for thumbnails has progress lines of its own, which the contract of `--json` does not know.
        return control::run(&home, &command, &mut |line| {
            line.get("stage").is_some() || output::json_line(&line)
        });
    }
    let bar = output::bar(None, "Looking for photos");
    let mut seen = Seen::default();
    let outcome = control::run(&home, &command, &mut |line| {
        seen.show(line, &bar);
        true
    });
    bar.finish_and_clear();
    seen.summarise();
    say_set_aside(&home)?;
    outcome.context("the import is not complete")
}

/// Photos that are kept but cannot be shown are worth a line of their own.
fn say_set_aside(home: &Path) -> anyhow::Result<()> {
    control::run(home, &Command::Status, &mut |line| {
        let failed = line.pointer("/jobs/failed").and_then(Value::as_u64).unwrap_or(0);
        if failed > 0 {
            output::line(&format!(
                "{failed} photos are kept but cannot be shown: `heirloom doctor` says why."
            ));
        }
        true
    })
}

#[derive(Default)]
struct Seen {
    summary: Option<Summary>,
    failures: Vec<FileReport>,
    files: u64,
}

impl Seen {
    fn show(&mut self, line: Value, bar: &ProgressBar) {
        if let Some(total) = line.get("total").and_then(Value::as_u64) {
            let done = line.get("done").and_then(Value::as_u64).unwrap_or(0);
            bar.set_message(format!("Making thumbnails: {done} of {total}"));
        } else if line.get("seconds").is_some() {
            self.summary = serde_json::from_value(line).ok();
        } else if let Ok(file) = serde_json::from_value::<FileReport>(line) {
            self.files += 1;
            bar.set_message(format!("{} files  {}", self.files, file.path));
            if file.outcome == FileOutcome::Failed {
                self.failures.push(file);
            }
        }
        bar.tick();
    }

    fn summarise(&self) {
        for file in &self.failures {
            output::line(&format!("not kept: {}: {}", file.path, file.reason.as_deref().unwrap_or("")));
        }
        let Some(summary) = &self.summary else { return };
        output::line(&format!(
            "{} added ({}), {} here already, {} other files, {} failed, in {:.1} s",
            output::count(summary.added, "photo", "photos"),
            output::size(summary.bytes),
            summary.duplicate,
            summary.skipped,
            summary.failed,
            summary.seconds
        ));
    }
}
