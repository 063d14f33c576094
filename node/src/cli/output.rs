//! How answers reach a person or a script. The one place that prints.
#![expect(clippy::print_stdout, reason = "standard output is what a command line answers on")]
#![expect(clippy::print_stderr, reason = "errors go to standard error")]

use std::io::{IsTerminal, Read as _, Write};
use std::path::Path;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// The longest text that is looked at for a phrase.
const PHRASE_BYTES_MAX: u64 = 16 << 10;

/// Prints a line for a person.
pub(super) fn line(text: &str) {
    println!("{text}");
}

/// Prints a line for a script; `false` when nobody reads any more.
pub(super) fn json_line(value: &Value) -> bool {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{value}").and_then(|()| out.flush()).is_ok()
}

/// Prints what failed, why, and what to do.
pub(super) fn failure(error: &anyhow::Error, json: bool) {
    let text = format!("{error:#}");
    if json {
        json_line(&json!({ "error": text }));
    }
    eprintln!("heirloom: {text}");
}

/// A bar with a known or unknown total, on a terminal; nothing elsewhere.
pub(super) fn bar(total: Option<u64>, what: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match total {
        Some(total) => (ProgressBar::new(total), "{msg}  {wide_bar}  {human_pos} of {human_len}  {eta}"),
        None => (ProgressBar::new_spinner(), "{spinner} {msg}"),
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style).with_message(what.to_owned())
}

/// Reads a password from a file, or from standard input for `-`; one line, its line break removed.
///
/// # Errors
/// When it cannot be read.
pub(super) fn read_secret(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let text = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin()).context("cannot read the password from standard input")?
    } else {
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?
    };
    let text = Zeroizing::new(text);
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}

/// Reads a recovery phrase from a file, or from standard input for `-`; all of it, because people write it in lines.
///
/// # Errors
/// When it cannot be read.
pub(super) fn read_phrase(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    if path == Path::new("-") {
        let read = std::io::stdin().take(PHRASE_BYTES_MAX).read_to_string(&mut text);
        read.context("cannot read the phrase from standard input")?;
    } else {
        let attempt = || format!("cannot read the phrase in {}", path.display());
        let file = std::fs::File::open(path).with_context(attempt)?;
        file.take(PHRASE_BYTES_MAX).read_to_string(&mut text).with_context(attempt)?;
    }
    Ok(text)
}

/// Says that a file with the recovery phrase is to go, if it came from one: whoever finds it can open every copy.
pub(super) fn forget_words(path: &Path) {
    if path != Path::new("-") {
        line(&format!("Now delete {}: the sheet with the 24 words is enough.", path.display()));
    }
}

/// A number with its word.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", indicatif::HumanCount(number), if number == 1 { one } else { many })
}

/// Bytes as people say them.
pub(super) fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}
