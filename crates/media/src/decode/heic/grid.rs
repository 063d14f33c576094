//! A picture stored as a grid of HEVC tiles, decoded and shrunk a row of tiles at a time.

use heic::HeicError;
use heic::heif::{ColorInfo, FourCC, HeifContainer, Item};
use heic::hevc::{self, DecodedFrame};

use crate::decode::Pixels;
use crate::derive::shrink::Strips;
use crate::failure::plain;
use crate::header::heic::failure;
use crate::{Failure, Format, Limits, Warning};

/// Grey, the colour of tiles that could not be read.
const UNKNOWN: u8 = 128;

/// A tile may be this many times as large as it should be; encoders round up to whole blocks, attackers further.
const EXCESS_MAX: u64 = 4;

/// The layout of a grid (ISO/IEC 23008-12, §6.6.2.3).
struct Grid {
    rows: u32,
    columns: u32,
    width: u32,
    height: u32,
    tile_width: u32,
    tile_height: u32,
}

/// Decodes a grid that only needs turning afterwards, shrunk by a whole factor to no less than `long_side`.
///
/// Tiles that are missing or broken are left grey, with a warning; if none can be read, that's a failure.
pub(super) fn decode(
    container: &HeifContainer<'_>,
    primary: &Item,
    bytes: &[u8],
    long_side: u32,
    limits: &Limits,
    warnings: &mut Vec<Warning>,
) -> Result<Pixels, Failure> {
    let broken = |error: HeicError| failure(bytes, &error);
    let ids = container.get_item_references(primary.id, FourCC::DIMG);
    let first = ids.first().and_then(|id| container.get_item(*id));
    let first = first.ok_or_else(|| broken(HeicError::InvalidData("the grid has no tiles")))?;
    let grid = Grid::read(container, primary, &first).map_err(broken)?;
    grid.check(&first, ids.len(), limits)?;
    let config = first.hevc_config.as_ref();
    let config = config.ok_or_else(|| broken(HeicError::UnsupportedCodec("its tiles are not HEVC")))?;

    let mut strips = Strips::new(grid.width, grid.height, long_side);
    let mut missing: Option<HeicError> = None;
    let mut missing_count = 0;
    let mut strip = Vec::new();
    for row in 0..grid.rows {
        let height = grid.tile_height.min(grid.height.saturating_sub(row * grid.tile_height));
        strip.clear();
        strip.resize(index(grid.width) * index(height) * 3, UNKNOWN);
        for column in 0..grid.columns {
            let id = ids[index(row * grid.columns + column)];
            let tile = container.get_item_data(id).map_err(|error| error.decompose().0);
            let tile = tile.and_then(|data| Ok(hevc::decode_with_config(config, &data)?));
            match tile.and_then(|tile| grid.coloured(tile, primary)) {
                Ok(tile) => grid.place(&tile, column, &mut strip)?,
                Err(error) => {
                    missing_count += 1;
                    missing.get_or_insert(error);
                }
            }
        }
        strips.push(&strip);
    }
    if let Some(error) = missing {
        if missing_count == ids.len() {
            return Err(broken(error));
        }
        let reason = format!("{missing_count} of {} tiles could not be read: {}", ids.len(), plain(error));
        warnings.push(Warning::Incomplete { reason });
    }
    Ok(strips.finish())
}

impl Grid {
    /// Reads the grid's own description, and the tiles' size from the first one.
    fn read(container: &HeifContainer<'_>, primary: &Item, first: &Item) -> Result<Self, HeicError> {
        let short = HeicError::InvalidData("the grid's description is cut");
        let data = container.get_item_data(primary.id).map_err(|error| error.decompose().0)?;
        let [_version, flags, rows, columns, sizes @ ..] = data.as_ref() else { return Err(short) };
        let (width, height) = match (flags & 1, sizes) {
            (0, [w1, w0, h1, h0, ..]) => {
                (u32::from(u16::from_be_bytes([*w1, *w0])), u32::from(u16::from_be_bytes([*h1, *h0])))
            }
            (1, [w3, w2, w1, w0, h3, h2, h1, h0, ..]) => {
                (u32::from_be_bytes([*w3, *w2, *w1, *w0]), u32::from_be_bytes([*h3, *h2, *h1, *h0]))
            }
            _ => return Err(short),
        };
        let (tile_width, tile_height) = first.dimensions.ok_or(short)?;
        let (rows, columns) = (u32::from(*rows) + 1, u32::from(*columns) + 1);
        Ok(Self { rows, columns, width, height, tile_width, tile_height })
    }

    /// Refuses a grid over the limits, or one whose numbers don't fit together.
    fn check(&self, first: &Item, tile_count: usize, limits: &Limits) -> Result<(), Failure> {
        let format = Format::Heic;
        let damaged = |reason: &str| Err(Failure::Damaged { format, reason: reason.to_owned() });
        let (pixels, limit) = (u64::from(self.width) * u64::from(self.height), limits.pixels_max);
        if pixels > limit {
            return Err(Failure::TooLarge { pixels, limit });
        }
        if index(self.rows * self.columns) != tile_count {
            return damaged("the grid has another number of tiles than it says");
        }
        let covers =
            |tile: u32, count: u32, whole: u32| tile > 0 && tile.saturating_mul(count) >= whole && whole > 0;
        let is_covered = covers(self.tile_width, self.columns, self.width)
            && covers(self.tile_height, self.rows, self.height)
            && self.tile_height.saturating_mul(self.rows - 1) <= self.height;
        if !is_covered {
            return damaged("the grid's tiles don't add up to its size");
        }
        let said = first.hevc_config.as_ref().and_then(|config| hevc::get_info_from_config(config).ok());
        if said.is_some_and(|said| self.is_excessive(said.width, said.height)) {
            return damaged("its tiles are larger than they say");
        }
        Ok(())
    }

    /// Whether a decoded tile is far larger than its place.
    fn is_excessive(&self, width: u32, height: u32) -> bool {
        let place = u64::from(self.tile_width) * u64::from(self.tile_height);
        u64::from(width) * u64::from(height) > place.saturating_mul(EXCESS_MAX)
    }

    /// A tile, told which colours it is in by the grid where that says so.
    fn coloured(&self, mut tile: DecodedFrame, primary: &Item) -> Result<DecodedFrame, HeicError> {
        if let Some(ColorInfo::Nclx { full_range, matrix_coefficients, .. }) = &primary.color_info {
            tile.full_range = *full_range;
            tile.matrix_coeffs = u8::try_from(*matrix_coefficients).unwrap_or(0);
        }
        if tile.cropped_width() == 0 || tile.cropped_height() == 0 {
            return Err(HeicError::InvalidData("an empty tile"));
        }
        Ok(tile)
    }

    /// Copies a tile into its place in a row of tiles, RGB, as wide as the picture.
    fn place(&self, tile: &DecodedFrame, column: u32, strip: &mut [u8]) -> Result<(), Failure> {
        let format = Format::Heic;
        if self.is_excessive(tile.width, tile.height) {
            return Err(Failure::Damaged { format, reason: "its tiles are larger than they say".to_owned() });
        }
        let rgb = tile.to_rgb().map_err(|error| Failure::Damaged { format, reason: plain(error) })?;
        let left = column * self.tile_width;
        let width = tile.cropped_width().min(self.tile_width).min(self.width.saturating_sub(left));
        let (row_bytes, copied) = (index(self.width) * 3, index(width) * 3);
        let rows = strip.chunks_exact_mut(row_bytes).zip(rgb.chunks_exact(index(tile.cropped_width()) * 3));
        for (target, source) in rows.take(index(self.tile_height)) {
            let start = index(left) * 3;
            if let Some(place) = target.get_mut(start..start + copied) {
                place.copy_from_slice(&source[..copied]);
            }
        }
        Ok(())
    }
}

/// A count of pixels or tiles as an index.
fn index(count: u32) -> usize {
    usize::try_from(count).expect("32 bits fit into an address")
}
