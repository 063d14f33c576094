//! Fixed-width little-endian values: [`Reader`] takes them off the front of a byte string and never reads past its end,
//! [`Writer`] appends them. Every format of this crate, and those of the crates above, is read and written with these two.

/// The bytes that are left. Every method answers `None` when too few remain, and then takes nothing.
#[derive(Debug, Clone)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// One byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    /// Two bytes, little-endian.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// Four bytes, little-endian.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes, little-endian.
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// Eight bytes, little-endian, signed.
    pub fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    /// Whether everything was taken.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Bytes that grow at their end. Every method answers the writer, so that calls can follow each other.
#[derive(Debug, Clone, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// Starts with no bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts with no bytes and room for `capacity`. What holds a secret is given all the room that it needs, so that
    /// growing leaves no copy behind.
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// Appends bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes(&[value])
    }

    /// Two bytes, little-endian.
    pub fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Four bytes, little-endian.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Eight bytes, little-endian.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Eight bytes, little-endian, signed.
    pub fn i64(&mut self, value: i64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// What was written so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Whether every value is greater than the one before: what sorted lists without doubles have in common.
pub(crate) fn is_ascending<T: PartialOrd>(values: impl IntoIterator<Item = T>) -> bool {
    values.into_iter().is_sorted_by(|before, after| before < after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut writer = Writer::new();
        writer.u8(1).u16(0x0302).u32(0x0706_0504).u64(8).i64(-1).bytes(b"end");
        let bytes = writer.into_bytes();
        assert_eq!(bytes[..8], [1, 2, 3, 4, 5, 6, 7, 8]);
        let mut reader = Reader(&bytes);
        assert_eq!((reader.u8(), reader.u16(), reader.u32()), (Some(1), Some(0x0302), Some(0x0706_0504)));
        assert_eq!((reader.u64(), reader.i64()), (Some(8), Some(-1)));
        assert_eq!((reader.take(4), reader.u32()), (None, None));
        assert_eq!((reader.take(3), reader.is_empty()), (Some(&b"end"[..]), true));
    }

    #[test]
    fn ascending_means_sorted_and_without_doubles() {
        for (values, expected) in
            [(&[][..], true), (&[1], true), (&[1, 2], true), (&[1, 1], false), (&[2, 1], false)]
        {
            assert_eq!(is_ascending(values), expected, "{values:?}");
        }
    }
}
