//! `cargo xtask simulate`: plays seeded histories of homes that share albums while network and disks fail, and years of
//! homes that keep copies for each other.

use anyhow::{Context, Result};

use crate::args::Args;
use crate::{folders, shell};

const HELP: &str = "\
cargo xtask simulate [--seeds N | --albums N] [--from S]
cargo xtask simulate vault [--homes N] [--years Y] [--seed S] [--write]

Builds the simulator optimised, plays one history per seed on all processors, and checks after each that
everybody agrees, that nothing of a removed home has an effect, that it reads nothing written after its
removal, and that nothing acknowledged is lost. Stops at the first seed that breaks a promise and says which.

  --seeds N    how many histories (100,000)
  --albums N   how many histories with real albums in databases instead, which are slow
  --from S     the first seed (0); with --seeds 1 a failing history is told again

`vault` plays years of households that keep copies for each other while disks die, homes are away and whole towns go
dark, with the very rules that the program follows, and tells how likely a loss is, what repair costs and how soon a
silent loss is found, beside the closed forms.

  --homes N    how many households (10,000)
  --years Y    how many years each (20)
  --seed S     the seed (1)
  --write      writes docs/durability.md and its plot
";

/// Runs the verb.
pub(crate) fn run(args: &[String]) -> Result<()> {
    if args.first().is_some_and(|word| word == "vault") {
        return vault(&args[1..]);
    }
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

fn vault(args: &[String]) -> Result<()> {
    let Some(mut args) = Args::new(args, HELP) else { return Ok(()) };
    let homes = number(args.option("--homes")?, 10_000)?.to_string();
    let years = number(args.option("--years")?, 20)?.to_string();
    let seed = number(args.option("--seed")?, 1)?.to_string();
    let write = args.switch("--write");
    args.finish()?;
    let docs = folders::root().join("docs").display().to_string();
    let program = ["run", "--release", "--package", "heirloom-vault", "--example", "simulate", "--"];
    let mut all = [&program[..], &[&homes, &years, &seed]].concat();
    if write {
        all.push(&docs);
    }
    shell::run(&mut shell::cargo(&all))
}

fn number(text: Option<String>, default: u64) -> Result<u64> {
    let Some(text) = text else { return Ok(default) };
    text.replace(['_', ','], "").parse().with_context(|| format!("{text:?} is not a number"))
}
