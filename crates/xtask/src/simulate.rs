//! `cargo xtask simulate`: plays seeded histories of homes that share albums while network and disks fail.

use anyhow::{Context, Result};

use crate::args::Args;
use crate::shell;

const HELP: &str = "\
cargo xtask simulate [--seeds N | --albums N] [--from S]

Builds the simulator optimised, plays one history per seed on all processors, and checks after each that
everybody agrees, that nothing of a removed home has an effect, that it reads nothing written after its
removal, and that nothing acknowledged is lost. Stops at the first seed that breaks a promise and says which.

  --seeds N    how many histories (100,000)
  --albums N   how many histories with real albums in databases instead, which are slow
  --from S     the first seed (0); with --seeds 1 a failing history is told again
";

/// Runs the verb.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let Some(mut args) = Args::new(args, HELP) else { return Ok(()) };
    let seeds = number(args.option("--seeds")?, 100_000)?;
    let albums = args.option("--albums")?;
    let from = number(args.option("--from")?, 0)?;
    args.finish()?;
    let kind: &[&str] = if albums.is_some() { &["albums"] } else { &[] };
    let seeds = number(albums, seeds)?;
    let program = ["run", "--release", "--package", "heirloom-spaces", "--example", "simulate", "--"];
    let (seeds, from) = (seeds.to_string(), from.to_string());
    shell::run(&mut shell::cargo(&[&program[..], &[&seeds, &from], kind].concat()))
}

fn number(text: Option<String>, default: u64) -> Result<u64> {
    let Some(text) = text else { return Ok(default) };
    text.replace(['_', ','], "").parse().with_context(|| format!("{text:?} is not a number of seeds"))
}
