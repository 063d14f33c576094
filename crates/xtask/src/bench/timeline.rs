//! The timeline of 100,000 photos: how long the server needs for its answers, and what a person feels in a browser.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::http::Client;
use super::{Measured, ingest, measure, thumbnails};
use crate::daemon::{self, Scratch};
use crate::{folders, npm, shell};

const PHOTOS: u32 = 100_000;
const SKELETONS: usize = 30;

/// Milliseconds and bytes of one kind of answer.
#[derive(Default)]
struct Series {
    ms: Vec<f64>,
    bytes: Vec<f64>,
}

/// Runs the bench.
pub(crate) fn measure() -> Result<Measured> {
    let program = ingest::build_program()?;
    let scratch = daemon::scratch(&program, "bench/timeline-home", daemon::HOUSEHOLD)?;
    let catalog = synthesise(&scratch)?;
    let log = folders::target().join("bench/timeline-home/serve.log");
    let node = daemon::serve(&program, &scratch.home, &log)?;
    let client = Client::sign_in(&node.address, daemon::EMAIL, &scratch.password)?;
    let (skeleton, months) = skeletons(&client)?;
    let columns = columns(&client, &months)?;
    let page = in_browser(&node.address, &scratch.password);
    node.stop()?;
    Ok(tell(&skeleton, &columns, &catalog, &page))
}

/// Puts a catalog of photos that do not exist into a home, and returns how long the catalog alone takes to answer.
///
/// Their thumbnails are those of the real photos of the other benches, so that a page has something to draw.
fn synthesise(scratch: &Scratch) -> Result<Value> {
    println!("making a catalog of {PHOTOS} photos");
    for ending in ["", "-wal", "-shm"] {
        let file = scratch.home.join(format!("catalog.sqlite{ending}"));
        if file.exists() {
            fs::remove_file(file)?;
        }
    }
    let pictures = thumbnails::pictures()?;
    let args =
        ["run", "--release", "--quiet", "--package", "heirloom-catalog", "--example", "timeline", "--"];
    let mut fill = shell::cargo(&args);
    fill.arg(PHOTOS.to_string()).arg(scratch.home.join("catalog.sqlite")).arg(&scratch.account).arg(pictures);
    last_json(&shell::read(&mut fill)?)
}

fn last_json(text: &str) -> Result<Value> {
    let at = text.rfind("\n{").map_or(0, |at| at + 1);
    serde_json::from_str(&text[at..]).context("a measuring program prints JSON at its end")
}

fn skeletons(client: &Client) -> Result<(Series, Vec<String>)> {
    let mut series = Series::default();
    let mut months = Vec::new();
    for _ in 0..SKELETONS {
        let answer = client.get("/api/timeline/all/skeleton")?;
        series.add(answer.took, answer.body.len());
        months = months_of(&answer.body).context("the skeleton is shorter than it says")?;
    }
    Ok((series, months))
}

/// Month names as the skeleton lists them (its layout: `docs/formats/`).
fn months_of(skeleton: &[u8]) -> Option<Vec<String>> {
    let count = u16::from_le_bytes([*skeleton.get(12)?, *skeleton.get(13)?]);
    let mut at = 16;
    let mut months = Vec::new();
    for _ in 0..count {
        let year = u16::from_le_bytes([*skeleton.get(at)?, *skeleton.get(at + 1)?]);
        months.push(format!("{year:04}-{:02}", skeleton.get(at + 2)?));
        at += 12 + 4 * usize::from(*skeleton.get(at + 3)?);
    }
    Some(months)
}

fn columns(client: &Client, months: &[String]) -> Result<Series> {
    let mut series = Series::default();
    for month in months {
        let answer = client.get(&format!("/api/timeline/all/columns/{month}"))?;
        series.add(answer.took, answer.body.len());
    }
    if series.ms.is_empty() {
        bail!("the synthetic home has no months");
    }
    Ok(series)
}

/// What the page's own measuring script prints; an error stands in the table instead of ending the bench.
fn in_browser(address: &str, password: &str) -> Value {
    let args = ["run", "--silent", "measure", "--", "--base", address, "--email", daemon::EMAIL];
    let mut command = npm::npm("web", &args);
    let measured = shell::read(command.args(["--password", password])).and_then(|text| last_json(&text));
    measured.unwrap_or_else(|error| json!({"error": format!("{error:#}")}))
}

impl Series {
    fn add(&mut self, took: Duration, bytes: usize) {
        self.ms.push(took.as_secs_f64() * 1000.0);
        self.bytes.push(f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)));
    }

    fn row(&self, name: &str) -> Vec<String> {
        let ms = [measure::median(&self.ms), measure::percentile(&self.ms, 95)];
        let mut row = vec![name.to_owned()];
        row.extend(ms.iter().map(|value| format!("{value:.1}")));
        row.push(format!("{:.1}", measure::median(&self.bytes) / 1000.0));
        row
    }

    fn json(&self) -> Value {
        json!({
            "answers": self.ms.len(),
            "p50_ms": measure::median(&self.ms),
            "p95_ms": measure::percentile(&self.ms, 95),
            "bytes_p50": measure::median(&self.bytes),
        })
    }
}

fn tell(skeleton: &Series, columns: &Series, catalog: &Value, page: &Value) -> Measured {
    let mut rows = vec![skeleton.row("skeleton"), columns.row("columns of a month")];
    for (whose, figures) in [("catalog", catalog), ("page", page)] {
        for (name, value) in figures.as_object().into_iter().flatten() {
            rows.extend(lines(&format!("{whose}: {name}"), value));
        }
    }
    Measured {
        title: format!(
            "Timeline of {PHOTOS} photos: answers of the server (not compressed) and the page in Chromium"
        ),
        head: vec!["what", "figure or p50 ms", "p95 ms", "kB"],
        rows,
        json: json!({"photos": PHOTOS, "skeleton": skeleton.json(), "columns": columns.json(),
            "catalog": catalog, "page": page,
        }),
    }
}

/// A figure, or the figures inside of it, a row each.
fn lines(name: &str, value: &Value) -> Vec<Vec<String>> {
    match value {
        Value::Object(fields) => {
            fields.iter().flat_map(|(field, value)| lines(&format!("{name}, {field}"), value)).collect()
        }
        Value::Array(values) => values
            .iter()
            .enumerate()
            .flat_map(|(at, value)| lines(&format!("{name} {}", at + 1), value))
            .collect(),
        Value::Number(number) => {
            let figure = number.as_f64().unwrap_or_default();
            vec![vec![name.to_owned(), format!("{figure:.1}"), String::new(), String::new()]]
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {
            println!("{name}: {value}");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_the_months_of_a_skeleton() {
        let mut bytes = b"HTL1\x01\0\0\0\x05\0\0\0\x02\0\0\0".to_vec();
        bytes.extend(b"\xE8\x07\x05\x01\x03\0\0\0\x01\0\0\0\x02\x03\0\0");
        bytes.extend(b"\xE7\x07\x0C\x00\x02\0\0\0\x01\0\0\0");
        assert_eq!(months_of(&bytes).unwrap(), ["2024-05", "2023-12"]);
        assert_eq!(months_of(&bytes[..30]), None);
    }
}
