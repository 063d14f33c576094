//! PNG, WebP and GIF by the `image` crate, of animations the first frame.

use image::error::ImageError;
use image::{ColorType, ImageDecoder};

use super::{Picture, Pixels};
use crate::derive::{Turn, shrink};
use crate::header::Header;
use crate::header::raster::{failure, open};
use crate::{Failure, Limits, Warning};

/// Decodes a PNG, WebP or GIF, and shrinks it in its own pixel type before anything else touches it.
///
/// Transparent parts come out white, as on paper.
pub(crate) fn decode(
    bytes: &[u8],
    header: &Header,
    long_side: u32,
    limits: &Limits,
    warnings: &mut Vec<Warning>,
) -> Result<Picture, Failure> {
    header.check(limits, 0)?;
    let format = header.format;
    let mut decoder = open(bytes, format).map_err(|error| failure(bytes, format, &error))?;
    let colour = decoder.color_type();
    // The decoder's own frame (GIF and WebP compose one) stands beside ours for a while.
    header.check(limits, u64::from(colour.bytes_per_pixel()) * 2)?;
    let mut decoder_limits = image::Limits::no_limits();
    decoder_limits.max_alloc = Some(limits.memory_max);
    decoder.set_limits(decoder_limits).map_err(|error| failure(bytes, format, &error))?;
    let bytes_count = usize::try_from(decoder.total_bytes()).expect("checked against the memory limit");
    let mut buffer = vec![0; bytes_count];
    if let Err(error) = decoder.read_image_boxed(&mut buffer) {
        let failure = failure(bytes, format, &error);
        // What was decoded before the cut is shown, if that is anything.
        if !is_cut(&error) || buffer.iter().all(|byte| *byte == 0) {
            return Err(failure);
        }
        warnings.push(Warning::Incomplete { reason: "the file ends before the picture does".to_owned() });
    }
    let (width, height) = (header.width, header.height);
    let (pixels, buffer) = shrink::to_fit(buffer, pixel_type(colour), (width, height), long_side);
    let rgb = to_rgb(&buffer, colour);
    Ok(Picture {
        pixels: Pixels { width: pixels.0, height: pixels.1, rgb },
        is_srgb: false,
        turn: Turn::NONE,
    })
}

/// Whether an error is the end of the file.
fn is_cut(error: &ImageError) -> bool {
    let is_end = |io: &std::io::Error| io.kind() == std::io::ErrorKind::UnexpectedEof;
    match error {
        ImageError::IoError(io) => is_end(io),
        other => other.to_string().to_lowercase().contains("end of file"),
    }
}

/// The resizer's name for a pixel type; others than these are not produced by these formats.
fn pixel_type(colour: ColorType) -> fast_image_resize::PixelType {
    use fast_image_resize::PixelType;
    match colour {
        ColorType::L8 => PixelType::U8,
        ColorType::La8 => PixelType::U8x2,
        ColorType::Rgba8 => PixelType::U8x4,
        ColorType::L16 => PixelType::U16,
        ColorType::La16 => PixelType::U16x2,
        ColorType::Rgb16 => PixelType::U16x3,
        ColorType::Rgba16 => PixelType::U16x4,
        _ => PixelType::U8x3,
    }
}

/// Pixels of any type as 8-bit RGB on white.
fn to_rgb(buffer: &[u8], colour: ColorType) -> Vec<u8> {
    // Sixteen-bit samples are in native order; their high byte is the eight-bit value.
    let is_wide = colour.bytes_per_pixel() / colour.channel_count() == 2;
    let high = |sample: &[u8]| (u16::from_ne_bytes([sample[0], sample[1]]) >> 8).to_le_bytes()[0];
    let narrow: Vec<u8> = if is_wide { buffer.chunks_exact(2).map(high).collect() } else { buffer.to_vec() };
    match colour.channel_count() {
        1 => narrow.iter().flat_map(|grey| [*grey; 3]).collect(),
        2 => narrow.chunks_exact(2).flat_map(|pixel| [on_white(pixel[0], pixel[1]); 3]).collect(),
        4 => {
            let flat = |pixel: &[u8]| [0, 1, 2].map(|channel| on_white(pixel[channel], pixel[3]));
            narrow.chunks_exact(4).flat_map(flat).collect()
        }
        _ => narrow,
    }
}

/// A value with an opacity, painted on white.
fn on_white(value: u8, opacity: u8) -> u8 {
    let (value, opacity) = (u32::from(value), u32::from(opacity));
    let mixed = (value * opacity + 255 * (255 - opacity) + 127) / 255;
    u8::try_from(mixed).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transparency_is_painted_on_white() {
        assert_eq!(to_rgb(&[10, 20, 30, 255, 10, 20, 30, 0], ColorType::Rgba8), [10, 20, 30, 255, 255, 255]);
        assert_eq!(to_rgb(&[0, 128], ColorType::La8), [127, 127, 127]);
        let wide: Vec<u8> = [0x1234_u16, 0xFFFF].iter().flat_map(|sample| sample.to_ne_bytes()).collect();
        assert_eq!(to_rgb(&wide, ColorType::L16), [0x12, 0x12, 0x12, 0xFF, 0xFF, 0xFF]);
    }
}
