//! The `Range` header (RFC 9110 §14): one range of bytes of a file, or the whole of it.

use axum::http::{HeaderMap, header};

/// What part of a file to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// From the first byte to the last, both included.
    Bytes {
        /// Position of the first byte.
        first: u64,
        /// Position of the last byte.
        last: u64,
    },
    /// A range that no byte is in.
    Nothing,
}

/// The part that a request asks for of a file of `bytes` with this strong `etag`. Several ranges at once, other
/// units and malformed ranges are answered with the whole, as the standard allows; so is a range of a version
/// (`If-Range`) that is not this one.
pub fn asked(headers: &HeaderMap, bytes: u64, etag: &str) -> Part {
    let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    let Some(range) = text(header::RANGE) else { return Part::Whole };
    if headers.contains_key(header::IF_RANGE) && text(header::IF_RANGE) != Some(etag) {
        return Part::Whole;
    }
    parse(range, bytes).unwrap_or(Part::Whole)
}

fn parse(range: &str, bytes: u64) -> Option<Part> {
    let (first, last) = range.trim().strip_prefix("bytes=")?.trim().split_once('-')?;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // More digits than fit mean "beyond the end" all the same.
        digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    let (first, last) = match (first.trim(), last.trim()) {
        ("", suffix) => (bytes.saturating_sub(number(suffix)?), u64::MAX),
        (first, "") => (number(first)?, u64::MAX),
        (first, last) => (number(first)?, number(last)?),
    };
    if first > last {
        return None;
    }
    if first >= bytes {
        return Some(Part::Nothing);
    }
    Some(Part::Bytes { first, last: last.min(bytes - 1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let check = |range: &str, expected| {
            let headers = [(header::RANGE, range.parse().unwrap())].into_iter().collect();
            assert_eq!(asked(&headers, 100, "\"e\""), expected, "{range}");
        };
        check("bytes=0-0", Part::Bytes { first: 0, last: 0 });
        check("bytes=10-19", Part::Bytes { first: 10, last: 19 });
        check("bytes=90-", Part::Bytes { first: 90, last: 99 });
        check("bytes=90-1000", Part::Bytes { first: 90, last: 99 });
        check("bytes=-10", Part::Bytes { first: 90, last: 99 });
        check("bytes=-1000", Part::Bytes { first: 0, last: 99 });
        check("bytes=-0", Part::Nothing);
        check("bytes=100-", Part::Nothing);
        check("bytes=99999999999999999999-", Part::Nothing);
        for whole in
            ["bytes=0-1,5-6", "bytes=5-4", "bytes=a-", "bytes=-", "bytes=", "lines=1-2", "bytes=+1-2"]
        {
            check(whole, Part::Whole);
        }
    }

    #[test]
    fn another_version_is_sent_whole() {
        let check = |if_range: &str, expected| {
            let headers = [(header::RANGE, "bytes=0-0"), (header::IF_RANGE, if_range)];
            let headers = headers.into_iter().map(|(name, value)| (name, value.parse().unwrap())).collect();
            assert_eq!(asked(&headers, 100, "\"e\""), expected, "{if_range}");
        };
        check("\"e\"", Part::Bytes { first: 0, last: 0 });
        check("\"f\"", Part::Whole);
        check("W/\"e\"", Part::Whole);
        check("Sat, 21 Nov 2026 11:00:00 GMT", Part::Whole);
    }
}
