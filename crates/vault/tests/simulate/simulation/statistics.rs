//! How sure a number is.

/// Events from which on an approximation is as good as the exact limits, whose terms would no longer fit into a number.
const MANY: u64 = 400;

/// The interval that holds the true rate with 95 % probability, when so many events were seen in so many years (exact
/// Poisson limits by bisection, Garwood 1936; for many events the cube of a normal, Wilson and Hilferty 1931).
pub(crate) fn rate_between(events: u64, years: f64) -> (f64, f64) {
    if events > MANY {
        let limit = |count: f64, sign: f64| {
            count * (1.0 - 1.0 / (9.0 * count) + sign * 1.96 / (3.0 * count.sqrt())).powi(3)
        };
        return (limit(events as f64, -1.0) / years, limit(events as f64 + 1.0, 1.0) / years);
    }
    let upper = solve(|mean| at_most(events, mean) - 0.025, events as f64);
    let lower =
        if events == 0 { 0.0 } else { solve(|mean| at_most(events - 1, mean) - 0.975, events as f64) };
    (lower / years, upper / years)
}

/// The probability of at most so many events with this mean.
fn at_most(events: u64, mean: f64) -> f64 {
    let mut term = (-mean).exp();
    let mut sum = term;
    for event in 1..=events {
        term *= mean / event as f64;
        sum += term;
    }
    sum
}

/// The mean at which a falling function is 0.
fn solve(falling: impl Fn(f64) -> f64, near: f64) -> f64 {
    let (mut low, mut high) = (0.0, 2.0 * near + 20.0);
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if falling(middle) > 0.0 { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// The value below which so many percent lie; 0 of nothing.
pub(crate) fn percentile(values: &mut [u32], percent: usize) -> u32 {
    values.sort_unstable();
    let at = (values.len() * percent / 100).min(values.len().saturating_sub(1));
    values.get(at).copied().unwrap_or(0)
}
