//! Clocks: wall and processor time of a child process, medians, the machine's load.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::shell;

/// Clock ticks a second in `/proc/PID/stat`; Linux has 100 on every architecture we build for.
const TICKS_PER_SECOND: u32 = 100;

/// What a process took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    /// From start to end.
    pub(crate) wall: Duration,
    /// Processor time of all its threads and of the children it waited for, in steps of 10 ms.
    pub(crate) cpu: Duration,
    /// The most memory it held, in bytes; 0 where unknown.
    pub(crate) resident_bytes_max: u64,
}

impl Spent {
    /// What nobody did took nothing.
    pub(crate) const NOTHING: Self =
        Self { wall: Duration::ZERO, cpu: Duration::ZERO, resident_bytes_max: 0 };

    /// With what another process took in the same time.
    pub(crate) fn beside(&self, other: &Self) -> Self {
        Self {
            wall: self.wall.max(other.wall),
            cpu: self.cpu + other.cpu,
            resident_bytes_max: self.resident_bytes_max + other.resident_bytes_max,
        }
    }
}

/// Runs a program to its end and says what it took.
///
/// The processor time is read while the process has ended but is not yet waited for, so nothing of it is missed.
pub(crate) fn spent(command: &mut Command) -> Result<Spent> {
    let line = shell::describe(command);
    let started = Instant::now();
    let mut child = command.spawn().with_context(|| format!("could not start `{line}`"))?;
    let mut resident_bytes_max = 0;
    let cpu = loop {
        resident_bytes_max = peak_of(child.id()).max(resident_bytes_max);
        let (state, cpu) = stat(child.id())?;
        if state == 'Z' {
            break cpu;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let wall = started.elapsed();
    let status = child.wait()?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(Spent { wall, cpu, resident_bytes_max })
}

/// The most memory that a running process held, in bytes; 0 where unknown.
pub(crate) fn peak_of(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: Option<u64> = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    kib.unwrap_or(0) * 1024
}

/// Processor time so far of a running process and of those of its children that have ended.
pub(crate) fn cpu_of(pid: u32) -> Result<Duration> {
    Ok(stat(pid)?.1)
}

/// State letter and processor time so far of a process.
fn stat(pid: u32) -> Result<(char, Duration)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))
        .context("processor time is read from /proc (Linux)")?;
    parse_stat(&text).with_context(|| format!("/proc/{pid}/stat reads {text:?}"))
}

fn parse_stat(text: &str) -> Option<(char, Duration)> {
    // The name, in brackets, may hold anything; what follows the last bracket are plain fields, state first.
    let fields: Vec<&str> = text[text.rfind(')')? + 1..].split_whitespace().collect();
    let ticks: u32 = fields.get(11..15)?.iter().filter_map(|field| field.parse::<u32>().ok()).sum();
    Some((fields.first()?.chars().next()?, Duration::from_secs(1) * ticks / TICKS_PER_SECOND))
}

/// The middle value; 0 of nothing.
pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 50)
}

/// The value below which `percent` of all lie (nearest rank); 0 of nothing.
pub(crate) fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).copied().unwrap_or(0.0)
}

/// The load average of the last minute, as the kernel writes it: what else the machine was busy with.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("unknown").to_owned()
}

/// How many cores this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_processor_time_of_an_ended_process() {
        let text = "7 (a ) b) Z 1 7 7 0 -1 4 100 0 0 0 250 50 20 5 20 0 3 0 99 0 0 1 0";
        let (state, cpu) = parse_stat(text).unwrap();
        assert_eq!((state, cpu.as_millis()), ('Z', 3250));
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert!((median(&values) - 3.0).abs() < f64::EPSILON);
        assert!((percentile(&values, 95) - 5.0).abs() < f64::EPSILON);
        assert!(percentile(&[], 95).abs() < f64::EPSILON);
    }
}
