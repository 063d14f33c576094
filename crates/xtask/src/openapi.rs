//! `cargo xtask openapi`: the description of the HTTP interface, written by the handlers, and the page's client.
//!
//! `docs/openapi.json` and `web/src/lib/api/schema.d.ts` are committed, so that a change of the interface is seen in
//! review; the gate runs this with `--check` and fails when either differs from what the code says.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::args::Args;
use crate::{folders, npm, shell, system, web};

const HELP: &str = "\
cargo xtask openapi [--check]

Writes docs/openapi.json from the handlers and web/src/lib/api/schema.d.ts from that.

  --check   write nothing; fail when either would change
";

const SCHEMA: &str = "web/src/lib/api/schema.d.ts";

/// Runs the verb.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let Some(mut args) = Args::new(args, HELP) else { return Ok(()) };
    let check_only = args.switch("--check");
    args.finish()?;
    system::for_build()?;
    web::provide()?;
    shell::run(&mut shell::cargo(&["build", "--package", "heirloom"]))?;
    if check_only { check() } else { write() }
}

fn write() -> Result<()> {
    let root = folders::root();
    fs::write(root.join("docs/openapi.json"), document()?)?;
    generate(&root.join(SCHEMA))?;
    println!("wrote docs/openapi.json and {SCHEMA}");
    Ok(())
}

/// Fails when a committed file differs from what the built program says.
pub(crate) fn check() -> Result<()> {
    let root = folders::root();
    compare(&root.join("docs/openapi.json"), &document()?)?;
    let fresh = folders::target().join("schema.d.ts");
    generate(&fresh)?;
    compare(&root.join(SCHEMA), &fs::read_to_string(&fresh)?)
}

fn compare(committed: &Path, fresh: &str) -> Result<()> {
    let old =
        fs::read_to_string(committed).with_context(|| format!("could not read {}", committed.display()))?;
    if old != fresh {
        let at = old.lines().zip(fresh.lines()).position(|(a, b)| a != b).unwrap_or(0) + 1;
        let name = committed.display();
        bail!("{name} differs from the code from line {at} on; run `cargo xtask openapi` and commit it");
    }
    Ok(())
}

fn document() -> Result<String> {
    let text = shell::read(&mut shell::command(folders::program(), &["openapi"]))?;
    serde_json::from_str::<serde_json::Value>(&text)
        .context("`heirloom openapi` printed something else than JSON")?;
    Ok(format!("{}\n", text.trim_end()))
}

fn generate(schema: &Path) -> Result<()> {
    let mut command = npm::npm("web", &["exec", "--", "openapi-typescript", "../docs/openapi.json", "-o"]);
    shell::read(command.arg(schema)).map(drop)
}
