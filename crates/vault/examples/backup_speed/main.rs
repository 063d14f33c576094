//! Backs a folder of files up into a folder of packs and restores it, to be timed:
//!
//! ```text
//! cargo run --release -p heirloom-vault --example backup_speed backup SOURCE STORE
//! cargo run --release -p heirloom-vault --example backup_speed restore STORE OUT
//! ```
//!
//! Everything is as in a home, but for the keys, which are fixed: a backup hashes and verifies every file, makes every
//! pack durable and writes manifest and head last; a restore begins with the head alone, verifies every file and makes
//! each durable. Prints one line of JSON: seconds, seconds of the processor, the most memory held, bytes stored.

mod backup;
mod home;
mod restore;

use std::io::Write;
use std::path::{Path, absolute};
use std::time::Instant;
use std::{env, fs, io};

/// What goes wrong ends the program.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let words: Vec<_> = env::args().skip(1).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let started = Instant::now();
    let (bytes, stored) = match words[..] {
        ["backup", source, store] => backup::run(Path::new(source), &absolute(store)?)?,
        ["restore", store, out] => restore::run(&absolute(store)?, &absolute(out)?)?,
        _ => return Err("backup_speed backup SOURCE STORE | restore STORE OUT".into()),
    };
    let line = serde_json::json!({
        "verb": words[0],
        "wall_s": started.elapsed().as_secs_f64(),
        "cpu_s": cpu_seconds()?,
        "resident_bytes_max": resident_bytes_max()?,
        "bytes": bytes,
        "bytes_stored": stored,
    });
    Ok(writeln!(io::stdout(), "{line}")?)
}

/// User and system time of all threads.
fn cpu_seconds() -> Outcome<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The second field is the program's name and may hold anything but this.
    let (_, fields) = stat.rsplit_once(')').ok_or("no name in /proc/self/stat")?;
    let fields: Vec<_> = fields.split_whitespace().collect();
    let ticks: u64 =
        fields.get(11..13).ok_or("no times")?.iter().map(|field| field.parse().unwrap_or(0)).sum();
    // Linux shows every program hundredths of a second.
    Ok(ticks as f64 / 100.0)
}

fn resident_bytes_max() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}
