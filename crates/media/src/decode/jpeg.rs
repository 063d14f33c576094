//! JPEG by libjpeg-turbo, scaled in the DCT.

use turbojpeg::{Colorspace, Decompressor, Image, PixelFormat, ScalingFactor};

use super::{Picture, Pixels};
use crate::derive::{Turn, colour};
use crate::failure::plain;
use crate::header::{Colour, Header, jpeg::tidied};
use crate::{Failure, Format, Limits, Warning};

/// Real progressive files have about ten scans; more are an attack on the processor.
const SCANS_MAX: u32 = 100;

/// Openings of libjpeg's warnings, after which it went on and filled the picture as well as it could.
///
/// The binding reports warnings and errors alike; these come from libjpeg's `jerror.h`, the rest are errors.
const GOES_ON: [&str; 8] = [
    "Corrupt JPEG data",
    "Premature end of JPEG file",
    "Inconsistent progression sequence",
    "Unknown Adobe color transform",
    "Warning: unknown JFIF revision",
    "Invalid SOS parameters for sequential JPEG",
    "Application transferred too many scanlines",
    "Invalid crop request",
];

/// Grey, the colour of what a cut file doesn't say.
const UNKNOWN: u8 = 128;

/// Decodes a JPEG, scaled by a power of two so that its long side stays at least `long_side`.
pub(crate) fn decode(
    bytes: &[u8],
    header: &Header,
    long_side: u32,
    limits: &Limits,
    warnings: &mut Vec<Warning>,
) -> Result<Picture, Failure> {
    header.check(limits, 0)?;
    let mut decoder = Decompressor::new().map_err(failure)?;
    decoder.set_scan_limit(SCANS_MAX).map_err(failure)?;
    let tidy;
    let (bytes, info) = match decoder.read_header(bytes) {
        Ok(info) => (bytes, info),
        Err(_) => {
            tidy = tidied(bytes);
            let info = decoder.read_header(&tidy).map_err(failure)?;
            (tidy.as_slice(), info)
        }
    };
    let scale =
        if info.is_lossless { ScalingFactor::ONE } else { scale(info.width.max(info.height), long_side) };
    decoder.set_scaling_factor(scale).map_err(failure)?;
    let is_cmyk = matches!(info.colorspace, Colorspace::CMYK | Colorspace::YCCK);
    let format = if is_cmyk { PixelFormat::CMYK } else { PixelFormat::RGB };
    let scaled = info.scaled(scale);
    // Of a progressive file libjpeg keeps all coefficients, two bytes each, whatever the scale.
    let coefficients = if info.is_progressive { 6 } else { 0 };
    let buffer = (scaled.width * scaled.height * format.size()) as u64;
    header.check(limits, coefficients + buffer / header.pixels().max(1))?;

    let pitch = scaled.width * format.size();
    let mut image = Image {
        pixels: vec![UNKNOWN; pitch * scaled.height],
        width: scaled.width,
        pitch,
        height: scaled.height,
        format,
    };
    if let Err(error) = decoder.decompress(bytes, image.as_deref_mut()) {
        let reason = reason(&error);
        if !GOES_ON.iter().any(|opening| reason.starts_with(opening)) {
            return Err(failure(error));
        }
        warnings.push(Warning::Incomplete { reason });
    }
    let side = |length: usize| u32::try_from(length).expect("a JPEG's sides are at most 65,500");
    let (width, height) = (side(scaled.width), side(scaled.height));
    if is_cmyk {
        let is_inverted = bytes.windows(5).take(HEADER_BYTES).any(|name| name == b"Adobe");
        let profile = if let Colour::Icc(profile) = &header.colour { Some(profile.as_slice()) } else { None };
        let rgb = colour::from_cmyk(&mut image.pixels, is_inverted, profile, warnings);
        return Ok(Picture { pixels: Pixels { width, height, rgb }, is_srgb: true, turn: Turn::NONE });
    }
    Ok(Picture { pixels: Pixels { width, height, rgb: image.pixels }, is_srgb: false, turn: Turn::NONE })
}

/// How far into a file Adobe's marker is looked for; it stands near the start, behind EXIF and profile.
const HEADER_BYTES: usize = 4 << 20;

/// The smallest power-of-two scale that keeps `length` at least `long_side`.
///
/// Other eighths exist, but only these are fast in libjpeg-turbo (SIMD).
fn scale(length: usize, long_side: u32) -> ScalingFactor {
    let long_side = usize::try_from(long_side).expect("a side fits");
    let scales = [ScalingFactor::ONE_EIGHTH, ScalingFactor::ONE_QUARTER, ScalingFactor::ONE_HALF];
    scales.into_iter().find(|scale| scale.scale(length) >= long_side).unwrap_or(ScalingFactor::ONE)
}

/// libjpeg's words.
fn reason(error: &turbojpeg::Error) -> String {
    match error {
        turbojpeg::Error::TurboJpegError(words) => plain(words),
        other => plain(other),
    }
}

/// The failure that stands for an error of libjpeg.
#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
fn failure(error: turbojpeg::Error) -> Failure {
    let (format, reason) = (Format::Jpeg, reason(&error));
    if reason.contains("Unsupported")
        || reason.contains("not supported")
        || reason.contains("not implemented")
    {
        Failure::Unsupported { format, reason }
    } else if reason.contains("Premature end") || reason.contains("empty input") {
        Failure::Truncated { format, reason }
    } else {
        Failure::Damaged { format, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_keeps_the_preview_sharp() {
        let check = |length, expected: ScalingFactor| assert_eq!(scale(length, 1920), expected, "{length}");
        check(1000, ScalingFactor::ONE);
        check(3839, ScalingFactor::ONE_HALF);
        check(3837, ScalingFactor::ONE);
        check(4032, ScalingFactor::ONE_HALF);
        check(6000, ScalingFactor::ONE_HALF);
        check(8000, ScalingFactor::ONE_QUARTER);
        check(16_320, ScalingFactor::ONE_EIGHTH);
    }
}
