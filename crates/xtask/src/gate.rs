//! `cargo xtask test`: the gate. Every check of the project, in an order that fails fast.
//!
//! [`stages`] lists what is checked; [`schedule`] runs it in two lanes, cargo's and everybody else's, because cargo
//! takes turns with itself anyway while npm has time to work beside it; [`output`] keeps the two apart on the terminal.

mod browser;
mod output;
mod schedule;
mod stages;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::args::Args;
use schedule::{Outcome, Report};
use stages::STAGES;

const HELP: &str = "\
cargo xtask test [--long] [--only STAGE[,STAGE]] [--list]

Installs what the tests need and runs all of them; prints how long each stage took.

  --long               full counts of kills, histories and fuzzed inputs
  --only STAGE,STAGE   only these, in the order of the list
  --list               say which stages there are
";

/// Runs the verb.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let Some(mut args) = Args::new(args, HELP) else { return Ok(()) };
    if args.switch("--list") {
        STAGES.iter().for_each(|stage| println!("{:<12} {}", stage.name, stage.about));
        return Ok(());
    }
    let long = args.switch("--long");
    let only = args.option("--only")?;
    args.finish()?;
    let chosen = choose(only.as_deref())?;
    let started = Instant::now();
    let (reports, tally) = schedule::run_all(&chosen, long);
    print_table(&reports, started.elapsed());
    if let Some(tally) = tally {
        println!("\ntests: {} passed, {} failed", tally.passed, tally.failed);
    }
    verdict(&reports)
}

fn choose(only: Option<&str>) -> Result<Vec<&'static stages::Stage>> {
    let Some(only) = only else { return Ok(STAGES.iter().collect()) };
    let names: Vec<&str> = only.split(',').map(str::trim).collect();
    if let Some(unknown) = names.iter().find(|name| !STAGES.iter().any(|stage| stage.name == **name)) {
        let known: Vec<&str> = STAGES.iter().map(|stage| stage.name).collect();
        bail!("there is no stage {unknown:?}; there are: {}", known.join(", "));
    }
    Ok(STAGES.iter().filter(|stage| names.contains(&stage.name)).collect())
}

fn print_table(reports: &[Report], total: Duration) {
    println!("\n{:<16} {:<9} {:>9}", "stage", "result", "seconds");
    for report in reports {
        let result = match &report.outcome {
            Outcome::Passed => "ok",
            Outcome::Failed(_) => "FAILED",
            Outcome::Skipped(_) => "skipped",
        };
        println!("{:<16} {result:<9} {:>9.1}", report.name, report.took.as_secs_f64());
    }
    println!("{:<16} {:<9} {:>9.1}", "all", "", total.as_secs_f64());
}

fn verdict(reports: &[Report]) -> Result<()> {
    let mut bad = Vec::new();
    for report in reports {
        match &report.outcome {
            Outcome::Passed => {}
            Outcome::Failed(why) => bad.push(format!("{}: {why}", report.name)),
            Outcome::Skipped(why) => {
                bad.push(format!("{}: not run, because {why} did not pass", report.name));
            }
        }
    }
    if !bad.is_empty() {
        bail!("not everything passed\n  {}", bad.join("\n  "));
    }
    Ok(())
}
