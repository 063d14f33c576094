//! How many values a change's columns claim to hold, counted before Automerge reads it.
//!
//! Columns are run-length encoded, so a few bytes may claim 10¹² operations. A change that claims more than an honest
//! program writes is refused without expanding it. The layout is Automerge's binary format, version 1.

use heirloom_identity::wire::Reader;

/// How many values one column of a change may hold; a change of 500 entries has 500 in each.
pub(crate) const COLUMN_VALUES_MAX: u64 = 16_384;
/// How many columns a change may have; Automerge writes at most 14.
const COLUMNS_MAX: u64 = 32;
/// How many other changes one may depend on.
pub(crate) const DEPS_MAX: u64 = 4096;
/// How many other actors a change may name.
const ACTORS_MAX: u64 = 16_384;
/// What every chunk begins with.
const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
/// The chunk type of an uncompressed change.
const CHANGE: u8 = 1;

/// Whether these bytes are one uncompressed change whose columns are all short. `None` when not.
pub(crate) fn are_short(bytes: &[u8]) -> Option<()> {
    let mut from = Reader(bytes);
    let magic: [u8; 4] = from.array()?;
    from.take(4)?;
    if magic != MAGIC || from.u8()? != CHANGE {
        return None;
    }
    let body = length(&mut from)?;
    if from.0.len() != body {
        return None;
    }
    let deps = at_most(unsigned(&mut from)?, DEPS_MAX)?;
    from.take(deps * 32)?;
    take_prefixed(&mut from)?;
    unsigned(&mut from)?;
    unsigned(&mut from)?;
    signed(&mut from)?;
    take_prefixed(&mut from)?;
    for _ in 0..at_most(unsigned(&mut from)?, ACTORS_MAX)? {
        take_prefixed(&mut from)?;
    }
    let count = at_most(unsigned(&mut from)?, COLUMNS_MAX)?;
    let mut columns = Vec::with_capacity(count);
    for _ in 0..count {
        columns.push((unsigned(&mut from)?, length(&mut from)?));
    }
    for (spec, bytes) in columns {
        column(spec, from.take(bytes)?)?;
    }
    // What may follow is an author, which no honest program writes and which Automerge takes at some places only.
    from.is_empty().then_some(())
}

/// Counts one column's values.
fn column(spec: u64, bytes: &[u8]) -> Option<()> {
    let mut from = Reader(bytes);
    let mut total = 0_u64;
    let mut add = |count: u64| {
        total = total.saturating_add(count);
        (total <= COLUMN_VALUES_MAX).then_some(())
    };
    match spec & 7 {
        7 => return Some(()),
        4 => {
            while !from.is_empty() {
                add(unsigned(&mut from)?)?;
            }
            return Some(());
        }
        _ => {}
    }
    let value = |from: &mut Reader<'_>| match spec & 7 {
        3 => signed(from).map(|_| ()),
        5 => take_prefixed(from),
        _ => unsigned(from).map(|_| ()),
    };
    while !from.is_empty() {
        match signed(&mut from)? {
            0 => add(unsigned(&mut from)?)?,
            run if run > 0 => {
                add(run.unsigned_abs())?;
                value(&mut from)?;
            }
            literal => {
                add(literal.unsigned_abs())?;
                for _ in 0..literal.unsigned_abs() {
                    value(&mut from)?;
                }
            }
        }
    }
    Some(())
}

fn at_most(value: u64, max: u64) -> Option<usize> {
    if value <= max { usize::try_from(value).ok() } else { None }
}

fn length(from: &mut Reader<'_>) -> Option<usize> {
    usize::try_from(unsigned(from)?).ok()
}

fn take_prefixed(from: &mut Reader<'_>) -> Option<()> {
    let bytes = length(from)?;
    from.take(bytes).map(|_| ())
}

/// LEB128.
fn unsigned(from: &mut Reader<'_>) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = from.u8()?;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Signed LEB128.
fn signed(from: &mut Reader<'_>) -> Option<i64> {
    let mut value = 0_i64;
    for shift in (0..64).step_by(7) {
        let byte = from.u8()?;
        value |= i64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            let negative = byte & 0x40 != 0 && shift + 7 < 64;
            return Some(if negative { value | (-1 << (shift + 7)) } else { value });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use automerge::{AutoCommit, ROOT, transaction::Transactable};

    use super::*;

    fn change_of(keys: u32) -> Vec<u8> {
        let mut doc = AutoCommit::new();
        for key in 0..keys {
            doc.put(ROOT, format!("key {key}"), format!("value {key}")).unwrap();
        }
        doc.commit();
        doc.get_last_local_change().unwrap().raw_bytes().to_vec()
    }

    #[test]
    fn honest_changes_are_short_and_long_ones_are_not() {
        assert_eq!(are_short(&change_of(1)), Some(()));
        assert_eq!(are_short(&change_of(500)), Some(()));
        assert_eq!(are_short(&change_of(16_385)), None);
        let bytes = change_of(3);
        assert!((0..bytes.len()).all(|end| are_short(&bytes[..end]).is_none()));
    }

    #[test]
    fn a_claim_of_many_values_is_refused() {
        // Unsigned column, one run of 10^12 values of 1.
        let claim = [0x80, 0xa0, 0x94, 0xa5, 0x8d, 0x1d, 1];
        assert_eq!(signed(&mut Reader(&claim)), Some(1_000_000_000_000));
        assert_eq!(column(2, &claim), None);
        assert_eq!(column(0x12, &[3, 1]), Some(()));
        assert_eq!(column(4, &[0xff, 0xff, 0xff, 0xff, 0x0f]), None);
        assert_eq!(signed(&mut Reader(&[0x7f])), Some(-1));
        assert_eq!(signed(&mut Reader(&[0x80; 11])), None);
    }
}
