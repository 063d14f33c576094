//! `heirloom openapi`: the description of the HTTP API, for the page's client and for other programs.

use anyhow::Context;

use super::output;

pub(super) fn run() -> anyhow::Result<()> {
    let text = crate::api::openapi().to_pretty_json().context("cannot write the description as JSON")?;
    output::line(&text);
    Ok(())
}
