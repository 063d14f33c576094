//! HEIC by the `heic` crate.
//!
//! Phones store a picture as a grid of HEVC tiles. Decoding those here, a row of tiles at a time, keeps a
//! 200-megapixel photo within tens of megabytes, lets turning wait until the picture is small, and still shows what
//! there is of a file that was cut off. Every other structure (one HEVC picture, overlays, cropping, transparency)
//! is left to the crate as a whole.

mod grid;

use heic::heif::{HeifContainer, ItemType, Transform};
use heic::{DecoderConfig, HeicError, PixelLayout, Unstoppable};

use super::raster::on_white;
use super::{Picture, Pixels};
use crate::derive::Turn;
use crate::header::Header;
use crate::header::heic::failure;
use crate::{Failure, Format, Limits, Warning};

/// Decoding as a whole takes this much per pixel: planes of 16-bit samples, a turned copy of them, RGB.
const BYTES_PER_PIXEL: u64 = 12;

/// Names of transparency planes among auxiliary pictures.
const ALPHA: [&str; 2] = ["urn:mpeg:hevc:2015:auxid:1", "urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"];

/// Decodes the primary picture of a HEIC.
pub(crate) fn decode(
    bytes: &[u8],
    header: &Header,
    long_side: u32,
    limits: &Limits,
    warnings: &mut Vec<Warning>,
) -> Result<Picture, Failure> {
    header.check(limits, 0)?;
    let container = heic::heif::parse(bytes, &Unstoppable).map_err(|error| failure(bytes, error.error()))?;
    let primary = container.primary_item().ok_or(HeicError::NoPrimaryImage);
    let primary = primary.map_err(|error| failure(bytes, &error))?;
    let has_alpha = ALPHA.iter().any(|name| !container.find_auxiliary_items(primary.id, name).is_empty());
    let turn = turn_of(&primary.transforms).filter(|_| !has_alpha && primary.item_type == ItemType::Grid);
    let picture = match turn {
        Some(turn) => grid::decode(&container, &primary, bytes, long_side, limits, warnings)
            .map(|pixels| Picture { pixels, is_srgb: false, turn }),
        None => whole(bytes, header, has_alpha, limits),
    };
    picture.or_else(|failure| small_copy(bytes, &container, primary.id, limits, warnings).ok_or(failure))
}

/// The turn that a container's transforms add up to; `None` if they do more than turn.
fn turn_of(transforms: &[Transform]) -> Option<Turn> {
    transforms.iter().try_fold(Turn::NONE, |turn, transform| match transform {
        Transform::Rotation(rotation) => Some(turn.then_clockwise(rotation.angle)),
        Transform::Mirror(mirror) if mirror.axis == 0 => Some(turn.then_mirror_upside_down()),
        Transform::Mirror(_) => Some(turn.then_mirror_sideways()),
        Transform::CleanAperture(_) => None,
    })
}

/// Decodes everything at once, turning included.
fn whole(bytes: &[u8], header: &Header, has_alpha: bool, limits: &Limits) -> Result<Picture, Failure> {
    header.check(limits, BYTES_PER_PIXEL)?;
    let mut heic_limits = heic::Limits::default();
    heic_limits.max_pixels = Some(limits.pixels_max);
    heic_limits.max_memory_bytes = Some(limits.memory_max);
    let layout = if has_alpha { PixelLayout::Rgba8 } else { PixelLayout::Rgb8 };
    let config = DecoderConfig::new();
    let request = config.decode_request(bytes).with_output_layout(layout).with_limits(&heic_limits);
    let output = request.decode().map_err(|error| failure(bytes, error.error()))?;
    let rgb = if has_alpha {
        let flat = |pixel: &[u8]| [0, 1, 2].map(|channel| on_white(pixel[channel], pixel[3]));
        output.data.chunks_exact(4).flat_map(flat).collect()
    } else {
        output.data
    };
    let pixels = Pixels { width: output.width, height: output.height, rgb };
    if pixels.rgb.is_empty() {
        return Err(Failure::Damaged { format: Format::Heic, reason: "it has no picture".to_owned() });
    }
    Ok(Picture { pixels, is_srgb: false, turn: Turn::NONE })
}

/// The small copy that phones and cameras store beside a picture: better than nothing when that one is broken.
fn small_copy(
    bytes: &[u8],
    container: &HeifContainer<'_>,
    primary: u32,
    limits: &Limits,
    warnings: &mut Vec<Warning>,
) -> Option<Picture> {
    let id = container.find_thumbnails(primary).first().copied()?;
    let (width, height) = container.get_item(id)?.dimensions?;
    if u64::from(width) * u64::from(height) > limits.pixels_max / 8 {
        return None;
    }
    let small = DecoderConfig::new().decode_thumbnail(bytes, PixelLayout::Rgb8).ok().flatten()?;
    let pixels = Pixels { width: small.width, height: small.height, rgb: small.data };
    let reason = "only the small copy inside the file could be read".to_owned();
    warnings.push(Warning::Incomplete { reason });
    (!pixels.rgb.is_empty()).then_some(Picture { pixels, is_srgb: false, turn: Turn::NONE })
}
