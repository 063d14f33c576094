//! HEIC by the `heic` crate.
//!
//! Phones store a picture as a grid of HEVC tiles. Decoding those here, a row of tiles at a time, keeps a
//! 200-megapixel photo within tens of megabytes, lets turning wait until the picture is small, and still shows what
//! there is of a file that was cut off. Every other structure (one HEVC picture, overlays, cropping)
//! is left to the crate as a whole.
//!
//! The crate (0.1.6) decodes 4:2:0 pictures, as all phones write them. What cameras store as 4:2:2, and pictures in
//! 4:4:4, grey or without loss, come out as noise, without an error; [`support`] refuses them, and the small JPEG that
//! cameras put beside such a picture is shown instead. Transparency planes are grey pictures and so are left out.

mod grid;
mod support;

use heic::heif::{FourCC, HeifContainer, HevcDecoderConfig, Item, ItemType, Transform};
use heic::{DecoderConfig, HeicError, PixelLayout, Unstoppable};

use super::{Picture, Pixels};
use crate::derive::Turn;
use crate::header::heic::failure;
use crate::header::{Header, jpeg};
use crate::{Failure, Format, Limits, Warning};

/// Decoding as a whole takes this much per pixel: planes of 16-bit samples, a turned copy of them, RGB.
const BYTES_PER_PIXEL: u64 = 12;

/// How many derived pictures (a grid, an overlay) may stand between the primary one and its pixels.
const DERIVED_DEPTH_MAX: u32 = 3;

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
    let picture = large(bytes, header, &container, &primary, long_side, limits, warnings);
    picture.or_else(|failure| {
        let small = small_jpeg(&container, &primary, long_side, limits);
        let small =
            small.or_else(|| small_heic(bytes, &container, primary.id, limits)).ok_or(failure.clone())?;
        warnings.push(Warning::SmallCopy { reason: failure.reason() });
        Ok(small)
    })
}

/// Decodes the picture itself.
fn large(
    bytes: &[u8],
    header: &Header,
    container: &HeifContainer<'_>,
    primary: &Item,
    long_side: u32,
    limits: &Limits,
    warnings: &mut Vec<Warning>,
) -> Result<Picture, Failure> {
    if let Some(config) = coding(container, primary, DERIVED_DEPTH_MAX) {
        support::check(&config).map_err(|reason| Failure::Unsupported { format: Format::Heic, reason })?;
    }
    match turn_of(&primary.transforms).filter(|_| primary.item_type == ItemType::Grid) {
        Some(turn) => grid::decode(container, primary, bytes, long_side, limits, warnings)
            .map(|pixels| Picture { pixels, is_srgb: false, turn }),
        None => whole(bytes, header, limits),
    }
}

/// How the pixels of an item are coded: its own, or those of the first item that it is made of.
fn coding(container: &HeifContainer<'_>, item: &Item, depth: u32) -> Option<HevcDecoderConfig> {
    if item.hevc_config.is_some() || depth == 0 {
        return item.hevc_config.clone();
    }
    let first = container.get_item_references(item.id, FourCC::DIMG).first().copied()?;
    coding(container, &container.get_item(first)?, depth - 1)
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
fn whole(bytes: &[u8], header: &Header, limits: &Limits) -> Result<Picture, Failure> {
    header.check(limits, BYTES_PER_PIXEL)?;
    let mut heic_limits = heic::Limits::default();
    heic_limits.max_pixels = Some(limits.pixels_max);
    heic_limits.max_memory_bytes = Some(limits.memory_max);
    let config = DecoderConfig::new();
    let request =
        config.decode_request(bytes).with_output_layout(PixelLayout::Rgb8).with_limits(&heic_limits);
    let output = request.decode().map_err(|error| failure(bytes, error.error()))?;
    picture(output).ok_or_else(|| {
        let reason = "it has no picture".to_owned();
        Failure::Damaged { format: Format::Heic, reason }
    })
}

/// The crate's output, if there is a pixel in it.
fn picture(output: heic::DecodeOutput) -> Option<Picture> {
    let pixels = Pixels { width: output.width, height: output.height, rgb: output.data };
    (!pixels.rgb.is_empty()).then_some(Picture { pixels, is_srgb: false, turn: Turn::NONE })
}

/// The largest JPEG stored beside the picture, as cameras do.
///
/// It is turned as the container says of it, or where that says nothing, like the picture.
fn small_jpeg(
    container: &HeifContainer<'_>,
    primary: &Item,
    long_side: u32,
    limits: &Limits,
) -> Option<Picture> {
    let jpegs = container.items().filter(|item| item.item_type == ItemType::Jpeg);
    let largest = jpegs.max_by_key(|item| container.get_item_data(item.id).map_or(0, |data| data.len()))?;
    let transforms = if largest.transforms.is_empty() { &primary.transforms } else { &largest.transforms };
    let turn = turn_of(transforms)?;
    let data = container.get_item_data(largest.id).ok()?;
    let header = jpeg::read(&data).ok()?;
    let mut flaws = Vec::new();
    let small = super::jpeg::decode(&data, &header, long_side, limits, &mut flaws).ok()?;
    flaws.is_empty().then_some(Picture { turn, ..small })
}

/// The HEVC thumbnail stored beside the picture, as phones do.
fn small_heic(bytes: &[u8], container: &HeifContainer<'_>, primary: u32, limits: &Limits) -> Option<Picture> {
    let id = container.find_thumbnails(primary).first().copied()?;
    let item = container.get_item(id)?;
    let (width, height) = item.dimensions?;
    let is_small = u64::from(width) * u64::from(height) <= limits.pixels_max / 8;
    let is_readable = is_small && support::check(item.hevc_config.as_ref()?).is_ok();
    let small = is_readable.then(|| DecoderConfig::new().decode_thumbnail(bytes, PixelLayout::Rgb8));
    picture(small?.ok().flatten()?)
}
