//! The results as lines, as a page, and as a plot.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use crate::plot::{self, Bar};
use crate::simulation::audits::Trial;
use crate::simulation::statistics::{percentile, rate_between};
use crate::simulation::{Experiment, Tally};

/// What one experiment showed, on one line.
pub(crate) fn line(experiment: &Experiment, tally: &mut Tally) -> String {
    let (low, high) = rate_between(tally.losses, tally.years);
    let mut line = format!(
        "{}: {} losses in {:.0} household-years, {:.1e} a year (95 %: {low:.1e} to {high:.1e})",
        experiment.name,
        tally.losses,
        tally.years,
        tally.losses as f64 / tally.years
    );
    if let Some(expected) = experiment.closed_form() {
        write!(line, "; closed form {expected:.1e}").unwrap_or_default();
    } else {
        write!(
            line,
            "; {} more before the first copies were complete; {} restores, {:.0} GB of repair a year, {:.1} thin days a year, whole again after {} days (95 % within {})",
            tally.early,
            tally.restores,
            tally.repair_gb / tally.years,
            tally.thin_days as f64 / tally.years,
            percentile(&mut tally.whole_again_days, 50),
            percentile(&mut tally.whole_again_days, 95),
        )
        .unwrap_or_default();
    }
    line
}

/// How soon a loss was found.
pub(crate) struct Found {
    name: &'static str,
    days: [f64; 3],
    asked_a_day: f64,
}

impl Found {
    /// Sums up trials.
    pub(crate) fn of(name: &'static str, trials: &[Trial]) -> Self {
        let mut days: Vec<f64> = trials.iter().map(|trial| trial.found_days).collect();
        days.sort_by(f64::total_cmp);
        let at = |percent: usize| days[(days.len() * percent / 100).min(days.len() - 1)];
        let asked = trials.iter().map(|trial| trial.asked_a_day).sum::<f64>() / trials.len() as f64;
        Self { name, days: [at(50), at(95), at(99)], asked_a_day: asked }
    }

    /// The same on one line.
    pub(crate) fn line(&self) -> String {
        let [half, most, nearly_all] = self.days;
        format!(
            "{}: found after {half:.1} days (95 %: {most:.1}, 99 %: {nearly_all:.1}); {:.0} questions a day",
            self.name, self.asked_a_day
        )
    }
}

/// Writes the page and its plot.
pub(crate) fn write(
    docs: &Path,
    results: &mut [(&Experiment, Tally)],
    found: &[Found],
    homes: u64,
    years: u32,
    seed: u64,
) -> io::Result<()> {
    let mut bars = Vec::new();
    let (mut book, mut life) = (String::new(), String::new());
    for (experiment, tally) in results {
        let rate = tally.losses as f64 / tally.years;
        let (low, high) = rate_between(tally.losses, tally.years);
        bars.push(Bar { name: experiment.name, rate, low, high, expected: experiment.closed_form() });
        let said = if tally.losses == 0 { "none".to_owned() } else { format!("{rate:.1e}") };
        let between = format!("{low:.1e} to {high:.1e}");
        if let Some(expected) = experiment.closed_form() {
            writeln!(book, "| {} | {} | {said} | {between} | {expected:.1e} |", experiment.name, tally.losses)
        } else {
            let [again, again_most] =
                [50, 95].map(|percent| percentile(&mut tally.whole_again_days, percent));
            writeln!(
                life,
                "| {} | {} | {said} | {between} | {} | {} | {:.0} | {again} ({again_most}) |",
                experiment.name,
                tally.losses,
                tally.early,
                tally.restores,
                tally.repair_gb / tally.years
            )
        }
        .unwrap_or_default();
    }
    let finding: String = found
        .iter()
        .map(|one| {
            let [half, most, nearly_all] = one.days;
            format!("| {} | {half:.1} | {most:.1} | {nearly_all:.1} | {:.0} |\n", one.name, one.asked_a_day)
        })
        .collect();
    let page = include_str!("page.md")
        .replace("{homes}", &homes.to_string())
        .replace("{years}", &years.to_string())
        .replace("{seed}", &seed.to_string())
        .replace("{book}\n", &book)
        .replace("{life}\n", &life)
        .replace("{found}\n", &finding);
    fs::create_dir_all(docs.join("images"))?;
    fs::write(docs.join("images/durability.svg"), plot::draw(&bars))?;
    fs::write(docs.join("durability.md"), page)
}
