//! `cargo xtask bench`: measures, prints a table, writes `target/bench.json`. Nothing here passes or fails by time.
//!
//! A figure is only worth something beside another one taken in the same minutes on the same machine, so each bench
//! runs its peer or its yardstick alternately with ours and reports medians.

mod corpus;
mod http;
mod ingest;
mod measure;
mod restore;
mod sharing;
mod thumbnails;
mod timeline;
mod transfer;
mod vault;
mod vault_node;

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::args::Args;
use crate::{folders, system, web};

const HELP: &str = "\
cargo xtask bench [thumbnails] [ingest] [timeline] [transfer] [sharing] [vault] [vault-node]
                  [restore]

Builds optimised programs, measures (all of them when none is named), prints tables, writes target/bench.json.

  thumbnails   a preview and a thumbnail of one photo, against npm's sharp on the same files
  ingest       importing a folder of unique photos, against the bare cost of its decoding and encoding
  timeline     100,000 photos: answers of the server, and the page in a browser
  transfer     files between two nodes over the loopback, against rsync
  sharing      how soon another home sees an edit; the first sync of an album of 100,000 entries
  vault        10 GB of photos into an encrypted folder and back, against restic and borg; needs 35 GB of room
               (HEIRLOOM_BENCH_GB=2 takes fewer)
  vault-node   the same to another node over the loopback, once; needs 40 GB of room
  restore      restoring over a line of 40 Mbit/s, until 1,000 pictures are there; needs root
";

/// What one bench has to tell.
pub(crate) struct Measured {
    title: String,
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    json: Value,
}

type Bench = fn() -> Result<Measured>;

const BENCHES: &[(&str, Bench)] = &[
    ("thumbnails", thumbnails::measure),
    ("ingest", ingest::measure),
    ("timeline", timeline::measure),
    ("transfer", transfer::measure),
    ("sharing", sharing::measure),
    ("vault", vault::measure),
    ("vault-node", vault_node::measure),
    ("restore", restore::measure),
];

/// Runs the verb.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let Some(args) = Args::new(args, HELP) else { return Ok(()) };
    let names = args.words()?;
    if let Some(unknown) = names.iter().find(|name| !BENCHES.iter().any(|(known, _)| known == name)) {
        bail!("there is no bench {unknown:?}\n\n{HELP}");
    }
    system::for_tests()?;
    web::provide()?;
    let file = folders::target().join("bench.json");
    let mut all = earlier(&file);
    let mut failed = Vec::new();
    for (name, bench) in
        BENCHES.iter().filter(|(name, _)| names.is_empty() || names.iter().any(|n| n == name))
    {
        println!("==> {name}");
        let load_before = measure::load();
        match bench() {
            Ok(measured) => {
                print_table(&measured);
                println!("  load of the machine: {load_before} before, {} after\n", measure::load());
                all[*name] = measured.json;
                all[*name]["load"] = json!([load_before, measure::load()]);
                all[*name]["cores"] = json!(measure::cores());
            }
            Err(error) => {
                println!("{name} could not be measured: {error:#}");
                failed.push(*name);
            }
        }
    }
    let text = serde_json::to_string_pretty(&all)?;
    std::fs::write(&file, text).with_context(|| format!("could not write {}", file.display()))?;
    if !failed.is_empty() {
        bail!("not measured: {}", failed.join(", "));
    }
    Ok(())
}

/// The figures of benches that are not run this time stay in the file.
fn earlier(file: &Path) -> Value {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    serde_json::from_str(&text).ok().filter(Value::is_object).unwrap_or_else(|| json!({}))
}

fn print_table(measured: &Measured) {
    let width = |column: usize| {
        let cells = measured.rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0).max(measured.head[column].chars().count())
    };
    let widths: Vec<usize> = (0..measured.head.len()).map(width).collect();
    println!("\n{}\n", measured.title);
    let head: Vec<String> = measured.head.iter().map(|&cell| cell.to_owned()).collect();
    for row in std::iter::once(&head).chain(&measured.rows) {
        let cells = row.iter().zip(&widths).enumerate();
        let line = cells.map(
            |(at, (cell, &width))| {
                if at == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            },
        );
        println!("  {}", line.collect::<Vec<_>>().join("  "));
    }
    println!();
}
