//! Amounts of space that homes keep for each other: how people write them, and what is worth asking for.

use crate::home::Home;

/// The most that one home is taken to have for another: a petabyte. More is a slip of the finger.
pub const AMOUNT_MAX: u64 = 1_000_000_000_000_000;
/// Room to grow beside what there is now, as a fraction.
const ROOM: (u64, u64) = (3, 2);
/// Amounts that are suggested, in gigabytes.
const STEPS_GB: [u64; 11] = [10, 25, 50, 100, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000];
/// A gigabyte, as disks are sold.
const GB: u64 = 1_000_000_000;
/// The units that people write, and how many bytes each has.
const UNITS: [(&str, u64); 13] = [
    ("", 1),
    ("b", 1),
    ("k", 1_000),
    ("kb", 1_000),
    ("kib", 1 << 10),
    ("m", 1_000_000),
    ("mb", 1_000_000),
    ("mib", 1 << 20),
    ("g", GB),
    ("gb", GB),
    ("gib", 1 << 30),
    ("tb", 1_000 * GB),
    ("tib", 1 << 40),
];
/// Digits that a fraction may have.
const FRACTION_DIGITS_MAX: usize = 9;

/// Reads `500GB`, `1.5 TB`, `64 MiB`; without a unit it is bytes.
///
/// # Errors
/// A sentence, when it is no amount or more than [`AMOUNT_MAX`].
pub fn parse(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let unreadable = || format!("\"{text}\" is no amount of space; write it like 500GB, 1.5TB or 64MiB");
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim().to_ascii_lowercase();
    let (_, bytes) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(unreadable)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_number = !whole.is_empty()
        && !number.ends_with('.')
        && fraction.len() <= FRACTION_DIGITS_MAX
        && fraction.bytes().all(|digit| digit.is_ascii_digit());
    if !is_number {
        return Err(unreadable());
    }
    let part: u128 = (1_u32..)
        .zip(fraction.bytes())
        .map(|(place, digit)| u128::from(*bytes) * u128::from(digit - b'0') / 10_u128.pow(place))
        .sum();
    let whole = whole.parse::<u64>().map_or(u128::MAX, u128::from);
    let amount = whole.saturating_mul(u128::from(*bytes)).saturating_add(part);
    let amount = u64::try_from(amount).ok().filter(|amount| *amount <= AMOUNT_MAX);
    amount.ok_or_else(|| format!("{text} is more than any home has; write it like 500GB or 1.5TB"))
}

/// How much this home should ask another for: what it has and room to grow, rounded up.
///
/// # Errors
/// When the ledger cannot be read.
pub fn suggested(home: &Home) -> anyhow::Result<u64> {
    let (_, bytes) = home.ledger.file_totals()?;
    let enough = bytes / ROOM.1 * ROOM.0;
    let step = STEPS_GB.iter().map(|step| step * GB).find(|step| *step >= enough);
    Ok(step.unwrap_or_else(|| enough.min(AMOUNT_MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_as_people_write_them() {
        let check = |text: &str, bytes: u64| assert_eq!(parse(text), Ok(bytes), "{text}");
        check("500GB", 500_000_000_000);
        check("2 gb", 2_000_000_000);
        check("1.5TB", 1_500_000_000_000);
        check("0.25 tb", 250_000_000_000);
        check("64MiB", 64 << 20);
        check("1.5GiB", 3 << 29);
        check("2TiB", 2 << 40);
        check("100kB", 100_000);
        check("100KiB", 102_400);
        check(" 123456789 ", 123_456_789);
        check("0", 0);
        check("1000TB", AMOUNT_MAX);
    }

    #[test]
    fn what_is_no_amount_is_explained() {
        for text in [
            "",
            "GB",
            "much",
            "-5GB",
            "5.GB",
            ".5GB",
            "1.2.3GB",
            "5 PB",
            "5GB!",
            "1,5TB",
            "1.0123456789TB",
            "٣GB",
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains("write it like"), "{text}: {error}");
        }
        for text in
            ["1001TB", "1000.1TB", "99999999999999999999", "18446744073709551615TB", "18446744073709551615"]
        {
            assert!(parse(text).unwrap_err().contains("more than any home has"), "{text}");
        }
    }
}
