//! Small real pictures, made from a number: every number gives other bytes.

/// What a made photo says and shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Photo<'a> {
    /// Other numbers give other pixels, so other bytes.
    pub seed: u32,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// EXIF `DateTimeOriginal`, like `2024:05:01 12:30:00`, if any.
    pub taken: Option<&'a str>,
}

/// A 24 × 16 PNG taken at the given time.
#[must_use]
pub fn photo(seed: u32, taken: Option<&str>) -> Vec<u8> {
    Photo { seed, width: 24, height: 16, taken }.png()
}

impl Photo<'_> {
    /// The photo as a PNG: 8-bit RGB, stored without compression, with an `eXIf` chunk if it has a date.
    #[must_use]
    pub fn png(&self) -> Vec<u8> {
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        let mut header = Vec::new();
        header.extend(self.width.to_be_bytes());
        header.extend(self.height.to_be_bytes());
        header.extend([8, 2, 0, 0, 0]);
        chunk(&mut file, b"IHDR", &header);
        if let Some(taken) = self.taken {
            chunk(&mut file, b"eXIf", &exif(taken));
        }
        chunk(&mut file, b"IDAT", &zlib_stored(&self.rows()));
        chunk(&mut file, b"IEND", &[]);
        file
    }

    /// Rows of pixels, each after a filter byte 0: a slope of colour whose corner carries the seed.
    fn rows(&self) -> Vec<u8> {
        let [a, b, c, d] = self.seed.to_le_bytes();
        let mut rows = Vec::new();
        for y in 0..self.height {
            rows.push(0);
            for x in 0..self.width {
                let level = |n: u32, of: u32| u8::try_from(n * 255 / of.max(1)).unwrap_or(255);
                match (x, y) {
                    (0, 0) => rows.extend([a, b, c]),
                    (1, 0) => rows.extend([d, 0, 0]),
                    _ => rows.extend([level(x, self.width) ^ a, level(y, self.height) ^ b, 128 ^ c]),
                }
            }
        }
        rows
    }
}

fn chunk(file: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    file.extend(u32::try_from(data.len()).expect("a small chunk").to_be_bytes());
    let start = file.len();
    file.extend(kind);
    file.extend(data);
    let crc = crc32(&file[start..]);
    file.extend(crc.to_be_bytes());
}

/// A zlib stream of stored blocks (RFC 1950, RFC 1951 §3.2.4).
fn zlib_stored(data: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let mut blocks = data.chunks(0xFFFF).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).expect("at most 65,535 bytes");
        stream.push(u8::from(blocks.peek().is_none()));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in data {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    stream.extend(((high << 16) | low).to_be_bytes());
    stream
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8)
            .fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (0_u32.wrapping_sub(crc & 1))))
    };
    !bytes.iter().fold(!0, step)
}

/// A little-endian TIFF with one EXIF field, `DateTimeOriginal`.
fn exif(taken: &str) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0".to_vec();
    entry(&mut tiff, 0x8769, 4, 1, 26);
    entry(&mut tiff, 0x9003, 2, 20, 44);
    tiff.extend(taken.as_bytes().iter().copied().chain(std::iter::repeat(0)).take(20));
    tiff
}

/// A directory of one entry and no successor.
fn entry(tiff: &mut Vec<u8>, tag: u16, kind: u16, count: u32, value: u32) {
    tiff.extend(1_u16.to_le_bytes());
    tiff.extend(tag.to_le_bytes());
    tiff.extend(kind.to_le_bytes());
    tiff.extend(count.to_le_bytes());
    tiff.extend(value.to_le_bytes());
    tiff.extend(0_u32.to_le_bytes());
}
