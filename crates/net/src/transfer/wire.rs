//! The bytes of a transfer: what is asked and how an answer begins. Drawn in `docs/formats/transfer.md`.
//!
//! Everything a peer sends is checked against a named limit before anything is allocated for it.

use heirloom_identity::ContentHash;
use thiserror::Error;

use super::tree::GROUP_LEN;
use super::tree::{FILE_BYTES_MAX, Groups, PAIR_LEN, group_count};

/// First byte of what the asking side sends.
pub(crate) const VERSION: u8 = 1;

/// The longest token, the asker's claim of why it may have a file.
pub const TOKEN_BYTES_MAX: usize = 128;

/// The most ranges one item may name.
pub const RANGES_MAX: usize = 64;

/// The most items that may be asked for in one stream.
pub const ITEMS_PER_STREAM_MAX: u32 = 4096;

/// The longest request.
pub(crate) const REQUEST_BYTES_MAX: usize = 1 + TOKEN_BYTES_MAX + 32 + 8 + 1 + RANGES_MAX * 16;

/// Status and size.
pub(crate) const HEAD_LEN: usize = 9;

/// Length of a segment.
pub(crate) const SEGMENT_HEAD_LEN: usize = 4;

/// The longest segment: 16 groups, a pair for each, and the path from the root to them.
pub(crate) const SEGMENT_BYTES_MAX: usize = 16 * (GROUP_LEN + PAIR_LEN) + 64 * PAIR_LEN;

/// The item follows.
pub(crate) const STATUS_HERE: u8 = 0;
/// The asker may not have it, or it is not here: nobody can tell which.
pub(crate) const STATUS_NOT_HERE: u8 = 1;

/// Why an answer breaks off in the middle of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum BrokenOff {
    /// The file could not be read.
    Unreadable = 1,
    /// The file is not what its name says any more.
    Damaged = 2,
}

impl BrokenOff {
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Unreadable),
            2 => Some(Self::Damaged),
            _ => None,
        }
    }
}

/// What of a request is not as it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RequestError {
    /// The asker speaks another version.
    #[error("transfers of version {0} are not known here")]
    Version(u8),
    /// The token is longer than [`TOKEN_BYTES_MAX`].
    #[error("a token of {0} bytes")]
    Token(u8),
    /// No file is that large.
    #[error("a file of {0} bytes")]
    Size(u64),
    /// More than [`RANGES_MAX`].
    #[error("{0} ranges for one item")]
    Ranges(u8),
    /// Empty, out of order, touching the one before, or past the end of the file.
    #[error("a range from group {first} to {end} of {count}")]
    Range {
        /// First group.
        first: u64,
        /// The group behind the last.
        end: u64,
        /// How many the file has.
        count: u64,
    },
    /// More than [`ITEMS_PER_STREAM_MAX`] items in one stream.
    #[error("too many items in one stream")]
    Items,
    /// The stream ended in the middle of a request.
    #[error("a request is cut off")]
    CutOff,
}

/// One item that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) token: Vec<u8>,
    pub(crate) root: ContentHash,
    pub(crate) bytes: u64,
    pub(crate) groups: Groups,
}

impl Request {
    /// Appends the request. The caller keeps to the limits.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        debug_assert!(self.token.len() <= TOKEN_BYTES_MAX && !self.groups.is_empty());
        out.push(u8::try_from(self.token.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(&self.token);
        out.extend_from_slice(self.root.as_bytes());
        out.extend_from_slice(&self.bytes.to_le_bytes());
        if self.groups == Groups::all(self.bytes) {
            out.push(0);
            return;
        }
        out.push(u8::try_from(self.groups.ranges().count()).unwrap_or(u8::MAX));
        for range in self.groups.ranges() {
            out.extend_from_slice(&range.start.to_le_bytes());
            out.extend_from_slice(&range.end.to_le_bytes());
        }
    }

    /// The request at the beginning of `bytes` and its length; nothing when more must come first.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Option<(Self, usize)>, RequestError> {
        let Some(&token_len) = bytes.first() else { return Ok(None) };
        if usize::from(token_len) > TOKEN_BYTES_MAX {
            return Err(RequestError::Token(token_len));
        }
        let head = 1 + usize::from(token_len);
        let Some(fixed) = bytes.get(head..head + 41) else { return Ok(None) };
        let mut root = [0; 32];
        root.copy_from_slice(&fixed[..32]);
        let size = number(&fixed[32..40]);
        if size > FILE_BYTES_MAX {
            return Err(RequestError::Size(size));
        }
        let ranges = fixed[40];
        if usize::from(ranges) > RANGES_MAX {
            return Err(RequestError::Ranges(ranges));
        }
        let end = head + 41 + 16 * usize::from(ranges);
        let Some(listed) = bytes.get(head + 41..end) else { return Ok(None) };
        let groups = if ranges == 0 { Groups::all(size) } else { decode_groups(listed, size)? };
        let token = bytes[1..head].to_vec();
        Ok(Some((Self { token, root: ContentHash::from_bytes(root), bytes: size, groups }, end)))
    }
}

fn decode_groups(listed: &[u8], size: u64) -> Result<Groups, RequestError> {
    let count = group_count(size);
    let mut groups = Groups::none();
    let mut free_from = 0;
    for pair in listed.chunks_exact(16) {
        let (first, end) = (number(&pair[..8]), number(&pair[8..]));
        if first < free_from || first >= end || end > count {
            return Err(RequestError::Range { first, end, count });
        }
        groups.add(first..end);
        free_from = end + 1;
    }
    Ok(groups)
}

fn number(bytes: &[u8]) -> u64 {
    let mut array = [0; 8];
    array.copy_from_slice(bytes);
    u64::from_le_bytes(array)
}

/// How an answer to an item begins.
pub(crate) fn head(status: u8, bytes: u64) -> [u8; HEAD_LEN] {
    let mut head = [0; HEAD_LEN];
    head[0] = status;
    head[1..].copy_from_slice(&bytes.to_le_bytes());
    head
}

/// Status and size that an answer begins with.
pub(crate) fn read_head(head: &[u8]) -> (u8, u64) {
    (head[0], number(&head[1..HEAD_LEN]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(bytes: u64, groups: Groups) -> Request {
        Request { token: vec![1, 2, 3], root: ContentHash::of(b"x"), bytes, groups }
    }

    fn encoded(request: &Request) -> Vec<u8> {
        let mut out = Vec::new();
        request.encode(&mut out);
        out
    }

    #[test]
    fn requests_come_back_and_wait_for_all_their_bytes() {
        let mut some = Groups::range(3..5);
        some.add(9..10);
        for request in
            [request(0, Groups::all(0)), request(1 << 20, Groups::all(1 << 20)), request(1 << 20, some)]
        {
            let mut bytes = encoded(&request);
            for cut in 0..bytes.len() {
                assert_eq!(Request::decode(&bytes[..cut]), Ok(None));
            }
            let len = bytes.len();
            bytes.push(99);
            assert_eq!(Request::decode(&bytes), Ok(Some((request, len))));
        }
    }

    #[test]
    fn the_longest_request_has_the_stated_length() {
        let mut groups = Groups::none();
        (0..RANGES_MAX as u64).for_each(|at| groups.add(at * 2..at * 2 + 1));
        let longest = Request { token: vec![0; TOKEN_BYTES_MAX], ..request(1 << 30, groups) };
        assert_eq!(encoded(&longest).len(), REQUEST_BYTES_MAX);
    }

    /// A request whose list of ranges says this.
    fn with_ranges(bytes: u64, ranges: &[(u64, u64)]) -> Result<Option<(Request, usize)>, RequestError> {
        let mut out = encoded(&request(bytes, Groups::all(bytes)));
        out.pop();
        out.push(u8::try_from(ranges.len()).unwrap_or(u8::MAX));
        for (first, end) in ranges {
            out.extend_from_slice(&first.to_le_bytes());
            out.extend_from_slice(&end.to_le_bytes());
        }
        Request::decode(&out)
    }

    #[test]
    fn bad_ranges_are_refused() {
        let ten = 10 * 16384;
        for bad in [
            &[(2, 2)][..],
            &[(3, 2)],
            &[(0, 11)],
            &[(10, 11)],
            &[(0, u64::MAX)],
            &[(u64::MAX, 0)],
            &[(4, 6), (1, 2)],
            &[(1, 3), (3, 4)],
            &[(1, 3), (2, 4)],
        ] {
            let answer = with_ranges(ten, bad);
            assert!(matches!(answer, Err(RequestError::Range { count: 10, .. })), "{bad:?} {answer:?}");
        }
        assert_eq!(with_ranges(ten, &[(0, 1); 65]), Err(RequestError::Ranges(65)));
        assert!(with_ranges(ten, &[(0, 1), (2, 3), (9, 10)]).is_ok_and(|found| found.is_some()));
    }

    #[test]
    fn bad_sizes_and_tokens_are_refused_before_the_rest_has_come() {
        assert_eq!(Request::decode(&[129]), Err(RequestError::Token(129)));
        let mut bytes = encoded(&request(5, Groups::all(5)));
        bytes[36..44].copy_from_slice(&(FILE_BYTES_MAX + 1).to_le_bytes());
        assert_eq!(Request::decode(&bytes), Err(RequestError::Size(FILE_BYTES_MAX + 1)));
    }
}
