//! Places in an album that is arranged by hand: texts that sort, with room between any two.
//!
//! A place is read as the digits of a fraction in base 36, so between two different ones there is always a third. An
//! entry that nobody put anywhere stands where its date would put it.

use heirloom_identity::ContentHash;

/// The digits, in the order of their values and of their bytes.
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// How long a place may be, in bytes. Moving a photo between the same two neighbours again and again makes it longer by
/// one digit every five moves.
pub const PLACE_BYTES_MAX: usize = 200;

/// Whether a text is a place: digits, the last one not zero.
pub(crate) fn is_place(text: &str) -> bool {
    (1..=PLACE_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| DIGITS.contains(&byte))
        && !text.ends_with('0')
}

/// Where an entry stands that nobody put anywhere: by its date, then by its hash.
pub(crate) fn implied(date_ms: i64, content: &ContentHash) -> String {
    let biased = date_ms.cast_unsigned() ^ (1 << 63);
    let tie = content.as_bytes().iter().take(4).map(|byte| format!("{byte:02x}")).collect::<String>();
    // In the middle of all places, so that there is room before the first and after the last; never ends in zero.
    format!("i{biased:016x}{tie}i")
}

/// A place after `before` and before `after`; `None` stands for the beginning and the end. `None` when there is none,
/// because the two aren't places in this order or the place between them would be too long.
pub fn between(before: Option<&str>, after: Option<&str>) -> Option<String> {
    let ordered = match (before, after) {
        (Some(before), Some(after)) => before < after,
        _ => true,
    };
    if !ordered || before.is_some_and(|text| !is_place(text)) || after.is_some_and(|text| !is_place(text)) {
        return None;
    }
    let place = middle(before.unwrap_or_default().as_bytes(), after.map(str::as_bytes));
    let place = String::from_utf8(place).ok()?;
    is_place(&place).then_some(place)
}

/// The digits of a fraction strictly between two, which are in order and don't end in zero.
fn middle(low: &[u8], high: Option<&[u8]>) -> Vec<u8> {
    let mut digits = Vec::new();
    let mut high = high;
    for index in 0.. {
        let from = low.get(index).map_or(0, |byte| value(*byte));
        let to = high.map_or(36, |high| high.get(index).map_or(0, |byte| value(*byte)));
        if from + 1 < to {
            digits.push(DIGITS[usize::midpoint(from, to)]);
            break;
        }
        digits.push(DIGITS[from]);
        if from < to {
            // Whatever follows is below the upper bound already.
            high = None;
        }
    }
    digits
}

fn value(digit: u8) -> usize {
    DIGITS.iter().position(|known| *known == digit).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn there_is_room_everywhere() {
        assert_eq!(between(None, None).as_deref(), Some("i"));
        let mut first = implied(0, &ContentHash::of(b"a"));
        let mut last = first.clone();
        for _ in 0..500 {
            let (before, after) = (between(None, Some(&first)), between(Some(&last), None));
            let (Some(before), Some(after)) = (before, after) else { break };
            assert!(before < first && after > last);
            (first, last) = (before, after);
        }
        assert_eq!(between(Some("b"), Some("a")), None);
        assert_eq!(between(Some("a"), Some("a")), None);
        assert_eq!(between(Some("A"), None), None);
        assert!(implied(-1, &ContentHash::of(b"a")) < implied(0, &ContentHash::of(b"a")));
        assert!(implied(1, &ContentHash::of(b"a")) > implied(0, &ContentHash::of(b"b")));
    }

    proptest! {
        #[test]
        fn a_place_between_two_is_between_them(a in "[0-9a-z]{0,12}[1-9a-z]", b in "[0-9a-z]{0,12}[1-9a-z]") {
            prop_assume!(a != b);
            let (low, high) = if a < b { (a, b) } else { (b, a) };
            let place = between(Some(&low), Some(&high)).unwrap();
            prop_assert!(low < place && place < high, "{low} {place} {high}");
        }
    }
}
