//! The browser stage: a real node on a scratch home, a real Chromium, a person's way through the page.

use std::fs;

use anyhow::Result;

use super::schedule::Job;
use super::stages;
use crate::{daemon, folders, samples, shell};

/// Starts a node and walks through the page with `tests/browser/walk.mjs`; screenshots go to `target/browser/shots`.
pub(crate) fn run(job: &Job<'_>) -> Result<()> {
    stages::install(job, "tests/browser")?;
    let program = folders::program();
    let scratch = daemon::scratch(&program, "browser")?;
    let shots = folders::target().join("browser/shots");
    fs::create_dir_all(&shots)?;
    let log = folders::target().join("browser/serve.log");
    let node = daemon::serve(&program, &scratch.home, &log)?;
    let mut walk =
        shell::command("node", &["tests/browser/walk.mjs", &node.address, daemon::EMAIL, &scratch.password]);
    walk.arg(samples::gather()?).arg(&shots);
    let walked = job.output.run(&mut walk);
    let stopped = node.stop();
    if walked.is_err() {
        println!("--- the node said:\n{}", fs::read_to_string(&log).unwrap_or_default());
    }
    walked.and(stopped)
}
