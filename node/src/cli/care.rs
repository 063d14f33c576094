//! `heirloom doctor | rebuild | export`.

use std::path::PathBuf;

use indicatif::ProgressBar;
use serde_json::Value;

use super::{Common, output};
use crate::care::doctor::Findings;
use crate::care::export;
use crate::control::{self, Command};

/// Arguments of `heirloom doctor`.
#[derive(Debug, clap::Args)]
pub(super) struct DoctorArguments {
    #[command(flatten)]
    pub(super) common: Common,
    /// Read every byte of every original and compare it with its hash.
    #[arg(long)]
    verify: bool,
}

/// Arguments of `heirloom rebuild`.
#[derive(Debug, clap::Args)]
pub(super) struct RebuildArguments {
    #[command(flatten)]
    pub(super) common: Common,
}

/// Arguments of `heirloom export`.
#[derive(Debug, clap::Args)]
pub(super) struct ExportArguments {
    #[command(flatten)]
    pub(super) common: Common,
    /// The folder to fill; what is there already is not copied again.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

/// Looks, and ends with an error status when something is wrong.
pub(super) fn doctor(arguments: &DoctorArguments) -> anyhow::Result<()> {
    let command = Command::Doctor { verify: arguments.verify };
    let bar = output::bar(Some(0), "Checking");
    let mut problems = 0;
    control::run(&arguments.common.home(), &command, &mut |line| {
        if progress(&line, &bar) {
            return true;
        }
        bar.finish_and_clear();
        let Ok(findings) = serde_json::from_value::<Findings>(line.clone()) else { return false };
        problems = findings.problems.len();
        if arguments.common.json {
            return output::json_line(&line);
        }
        show(&findings);
        true
    })?;
    anyhow::ensure!(problems == 0, "{problems} problems found, listed above");
    Ok(())
}

fn show(findings: &Findings) {
    for problem in &findings.problems {
        let path = problem.path.as_deref().unwrap_or("this home");
        output::line(&format!("{}: {path}: {}", problem.kind, problem.advice));
    }
    let how = if findings.verified { "read byte by byte" } else { "looked up; --verify reads every byte" };
    let verdict = if findings.problems.is_empty() { "all is well" } else { "see above" };
    output::line(&format!("{} photos {how}: {verdict}.", findings.assets_checked));
}

pub(super) fn rebuild(arguments: &RebuildArguments) -> anyhow::Result<()> {
    let bar = output::bar(Some(0), "Deriving");
    control::run(&arguments.common.home(), &Command::Rebuild, &mut |line| {
        if progress(&line, &bar) {
            return true;
        }
        bar.finish_and_clear();
        if arguments.common.json {
            return output::json_line(&line);
        }
        let number = |key: &str| line.get(key).and_then(Value::as_u64).unwrap_or(0);
        output::line(&format!("{} photos derived again, {} set aside.", number("assets"), number("failed")));
        true
    })
}

pub(super) fn export(arguments: &ExportArguments) -> anyhow::Result<()> {
    let command = Command::Export { to: control::path_bytes(&arguments.to)? };
    let bar = output::bar(None, "Copying");
    control::run(&arguments.common.home(), &command, &mut |line| {
        if arguments.common.json {
            return output::json_line(&line);
        }
        if let Ok(file) = serde_json::from_value::<export::Exported>(line.clone()) {
            bar.set_message(file.path.clone());
            bar.tick();
            if let Some(reason) = &file.reason {
                bar.suspend(|| output::line(&format!("not exported: {}: {reason}", file.path)));
            }
        } else if let Ok(summary) = serde_json::from_value::<export::Summary>(line) {
            bar.finish_and_clear();
            output::line(&format!(
                "{} originals copied ({}), {} were there, {} failed.",
                summary.copied,
                output::size(summary.bytes),
                summary.there,
                summary.failed
            ));
        }
        true
    })
}

/// Moves the bar if the line is about progress; says whether it was.
fn progress(line: &Value, bar: &ProgressBar) -> bool {
    let number = |key: &str| line.get(key).and_then(Value::as_u64);
    match (line.get("stage"), number("done"), number("total")) {
        (Some(_), Some(done), Some(total)) => {
            bar.set_length(total);
            bar.set_position(done);
            true
        }
        _ => false,
    }
}
