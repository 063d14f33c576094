//! The browser stage: real nodes on scratch homes, a real Chromium, a person's way through the page.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::schedule::Job;
use super::stages;
use crate::daemon::{self, Scratch, Serving};
use crate::{folders, samples, shell};

/// Walks through one home's page with `tests/browser/walk.mjs`, then through the pages of two homes that pair and share
/// with `tests/browser/family.mjs`; screenshots go to `target/browser/shots` and `target/browser/family`.
pub(crate) fn run(job: &Job<'_>) -> Result<()> {
    stages::install(job, "tests/browser")?;
    walk(job)?;
    family(job)
}

fn walk(job: &Job<'_>) -> Result<()> {
    let program = folders::program();
    let scratch = daemon::scratch(&program, "browser", daemon::HOUSEHOLD)?;
    let shots = folders::target().join("browser/shots");
    fs::create_dir_all(&shots)?;
    let house = House::serve(&program, scratch, "serve.log")?;
    let mut walk = shell::command(
        "node",
        &["tests/browser/walk.mjs", &house.node.address, daemon::EMAIL, &house.scratch.password],
    );
    walk.arg(samples::gather()?).arg(&shots);
    let walked = job.output.run(&mut walk);
    house.stop(&walked)?;
    walked
}

fn family(job: &Job<'_>) -> Result<()> {
    let program = folders::program();
    let here = daemon::scratch(&program, "browser-anna", "Anna's home")?;
    let there = daemon::scratch(&program, "browser-nonna", "Nonna's house")?;
    let shots = folders::target().join("browser/family");
    fs::create_dir_all(&shots)?;
    let (here, there) =
        (House::serve(&program, here, "anna.log")?, House::serve(&program, there, "nonna.log")?);
    let mut walk = shell::command("node", &["tests/browser/family.mjs", daemon::EMAIL]);
    for house in [&here, &there] {
        walk.args([&house.node.address, &house.scratch.password]);
    }
    walk.arg(samples::gather()?).arg(&shots);
    let walked = job.output.run(&mut walk);
    here.stop(&walked)?;
    there.stop(&walked)?;
    walked
}

/// A scratch home that is being served.
struct House {
    scratch: Scratch,
    node: Serving,
    log: std::path::PathBuf,
}

impl House {
    fn serve(program: &Path, scratch: Scratch, log: &str) -> Result<Self> {
        // Homes of a test find each other by invitation, on this machine only.
        let settings = "mdns = false\np2p_listen = \"127.0.0.1:0\"\n";
        fs::write(scratch.home.join("config.toml"), settings)?;
        let log = folders::target().join("browser").join(log);
        let node = daemon::serve(program, &scratch.home, &log)?;
        Ok(Self { scratch, node, log })
    }

    /// Stops the node; what it said is shown when the walk failed.
    fn stop(self, walked: &Result<()>) -> Result<()> {
        let stopped = self.node.stop();
        if walked.is_err() {
            println!("--- the node said:\n{}", fs::read_to_string(&self.log).unwrap_or_default());
        }
        stopped
    }
}
