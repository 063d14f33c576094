//! `cargo xtask web`: builds the web page into `web/build`, from where the program embeds it.

use anyhow::Result;

use crate::args::Args;
use crate::{npm, shell, system};

const HELP: &str = "\
cargo xtask web [--check]

Installs the page's npm packages and builds web/build, each only when something changed.

  --check   also check its types and run its tests
";

/// Runs the verb.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let Some(mut args) = Args::new(args, HELP) else { return Ok(()) };
    let check = args.switch("--check");
    args.finish()?;
    system::for_build()?;
    provide()?;
    if check {
        shell::run(&mut npm::npm("web", &["run", "--silent", "check"]))?;
        shell::run(&mut npm::npm("web", &["run", "--silent", "test"]))?;
    }
    Ok(())
}

/// Makes sure that `web/build` is there and as new as its sources.
pub(crate) fn provide() -> Result<()> {
    if let Some(mut install) = npm::install("web") {
        println!("installing the web page's packages");
        shell::run(&mut install)?;
        npm::installed("web")?;
    }
    if let Some(mut build) = npm::build() {
        println!("building the web page");
        shell::run(&mut build)?;
    }
    Ok(())
}
