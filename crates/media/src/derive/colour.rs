//! Any colours into sRGB.

mod hdr;

use moxcms::{ColorProfile, DataColorSpace, Layout, ProfileText, RenderingIntent, TransformOptions};

use super::Pixels;
use crate::Warning;
use crate::failure::plain;
use crate::header::Colour;

/// Code points of ITU-T H.273 for primaries.
const BT_2020: u16 = 9;
const DCI_P3: u16 = 11;
const DISPLAY_P3: u16 = 12;
/// Code points of ITU-T H.273 for transfer characteristics.
const PQ: u16 = 16;
const HLG: u16 = 18;

/// The name of a colour profile as people know it; `None` for one without a name.
pub(crate) fn name(colour: &Colour) -> Option<String> {
    match colour {
        Colour::Srgb => None,
        Colour::Icc(bytes) => described(&ColorProfile::new_from_slice(bytes).ok()?),
        Colour::Cicp { primaries, transfer } => {
            let gamut = match *primaries {
                BT_2020 => "BT.2020",
                DCI_P3 => "DCI-P3",
                DISPLAY_P3 => "Display P3",
                _ => "sRGB",
            };
            let curve = match *transfer {
                PQ => " PQ",
                HLG => " HLG",
                _ => "",
            };
            Some(format!("{gamut}{curve}"))
        }
    }
}

/// The description inside an ICC profile.
fn described(profile: &ColorProfile) -> Option<String> {
    let text = match profile.description.as_ref()? {
        ProfileText::PlainString(text) => text,
        ProfileText::Localizable(texts) => {
            let english = texts.iter().find(|text| text.language == "en");
            &english.or_else(|| texts.first())?.value
        }
        ProfileText::Description(text) if text.ascii_string.is_empty() => &text.unicode_string,
        ProfileText::Description(text) => &text.ascii_string,
    };
    let shown: String = text.chars().filter(|character| !character.is_control()).take(100).collect();
    let shown = shown.trim();
    (!shown.is_empty()).then(|| shown.to_owned())
}

/// Turns pixels into sRGB; an unusable profile is a warning, and the pixels stay as they are.
pub(super) fn to_srgb(mut pixels: Pixels, colour: &Colour, warnings: &mut Vec<Warning>) -> Pixels {
    let profile = match colour {
        Colour::Srgb => return pixels,
        Colour::Cicp { transfer: PQ, primaries } => {
            hdr::to_srgb(&mut pixels.rgb, hdr::Curve::Pq, *primaries == BT_2020);
            return pixels;
        }
        Colour::Cicp { transfer: HLG, primaries } => {
            hdr::to_srgb(&mut pixels.rgb, hdr::Curve::Hlg, *primaries == BT_2020);
            return pixels;
        }
        Colour::Cicp { primaries: BT_2020, .. } => ColorProfile::new_bt2020(),
        Colour::Cicp { primaries: DCI_P3 | DISPLAY_P3, .. } => ColorProfile::new_display_p3(),
        // The primaries of old television and of sRGB are so close that everyone shows the former as the latter.
        Colour::Cicp { .. } => return pixels,
        Colour::Icc(bytes) => match ColorProfile::new_from_slice(bytes) {
            Ok(profile) => profile,
            Err(error) => {
                warnings.push(Warning::Profile { reason: plain(error) });
                return pixels;
            }
        },
    };
    // Many cameras embed sRGB itself, which needs no work.
    if described(&profile).is_some_and(|name| name.starts_with("sRGB")) {
        return pixels;
    }
    match converted(&pixels.rgb, &profile) {
        Ok(rgb) => Pixels { rgb, ..pixels },
        Err(reason) => {
            warnings.push(Warning::Profile { reason });
            pixels
        }
    }
}

/// White stays white and colours that both spaces have stay exact, as other programs show them by default.
fn options() -> TransformOptions {
    TransformOptions {
        rendering_intent: RenderingIntent::RelativeColorimetric,
        ..TransformOptions::default()
    }
}

/// RGB values in a profile's space as sRGB.
fn converted(rgb: &[u8], profile: &ColorProfile) -> Result<Vec<u8>, String> {
    let mut converted = vec![0; rgb.len()];
    let grey: Vec<u8>;
    let (source, layout) = match profile.color_space {
        DataColorSpace::Gray => {
            grey = rgb.iter().step_by(3).copied().collect();
            (grey.as_slice(), Layout::Gray)
        }
        DataColorSpace::Rgb => (rgb, Layout::Rgb),
        other => return Err(format!("it is for {other:?} pictures")),
    };
    let srgb = ColorProfile::new_srgb();
    let transform = profile.create_transform_8bit(layout, &srgb, Layout::Rgb, options());
    let transform = transform.map_err(plain)?;
    transform.transform(source, &mut converted).map_err(plain)?;
    Ok(converted)
}

/// CMYK values, four bytes a pixel, as sRGB.
///
/// `is_inverted` says that 255 means no ink, as Adobe's programs write it. Without a usable profile, inks are taken
/// as ideal.
pub(crate) fn from_cmyk(
    cmyk: &mut [u8],
    is_inverted: bool,
    profile: Option<&[u8]>,
    warnings: &mut Vec<Warning>,
) -> Vec<u8> {
    if is_inverted {
        cmyk.iter_mut().for_each(|ink| *ink = 255 - *ink);
    }
    if let Some(profile) = profile {
        match with_inks(cmyk, profile) {
            Ok(rgb) => return rgb,
            Err(reason) => warnings.push(Warning::Profile { reason }),
        }
    }
    let light = |ink: u8, black: u8| {
        let light = u32::from(255 - ink) * u32::from(255 - black) / 255;
        u8::try_from(light).unwrap_or(u8::MAX)
    };
    let pixels = cmyk.as_chunks::<4>().0.iter();
    pixels.flat_map(|[c, m, y, k]| [light(*c, *k), light(*m, *k), light(*y, *k)]).collect()
}

/// CMYK values in a profile's space as sRGB.
fn with_inks(cmyk: &[u8], profile: &[u8]) -> Result<Vec<u8>, String> {
    let profile = ColorProfile::new_from_slice(profile).map_err(plain)?;
    if profile.color_space != DataColorSpace::Cmyk {
        return Err(format!("it is for {:?} pictures", profile.color_space));
    }
    let srgb = ColorProfile::new_srgb();
    // moxcms names four-channel input after RGBA.
    let transform = profile.create_transform_8bit(Layout::Rgba, &srgb, Layout::Rgb, options());
    let mut rgb = vec![0; cmyk.len() / 4 * 3];
    transform.map_err(plain)?.transform(cmyk, &mut rgb).map_err(plain)?;
    Ok(rgb)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(colour: &Colour, from: [u8; 3], expected: [u8; 3]) {
        let mut warnings = Vec::new();
        let pixels = Pixels { width: 1, height: 1, rgb: from.to_vec() };
        let shown = to_srgb(pixels, colour, &mut warnings).rgb;
        let is_close = shown.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 1);
        assert!(is_close && warnings.is_empty(), "{colour:?}: {shown:?}, not {expected:?}; {warnings:?}");
    }

    #[test]
    fn display_p3_becomes_srgb() {
        // Expected values worked out from the primaries of both (215, 93, 31).
        let p3 = Colour::Cicp { primaries: 12, transfer: 13 };
        check(&p3, [255, 255, 255], [255, 255, 255]);
        check(&p3, [128, 128, 128], [128, 128, 128]);
        check(&p3, [200, 100, 50], [215, 93, 31]);
        let icc = Colour::Icc(ColorProfile::new_display_p3().encode().unwrap());
        check(&icc, [200, 100, 50], [215, 93, 31]);
    }

    #[test]
    fn srgb_stays_untouched() {
        let icc = Colour::Icc(ColorProfile::new_srgb().encode().unwrap());
        for colour in [Colour::Srgb, Colour::Cicp { primaries: 1, transfer: 1 }, icc] {
            check(&colour, [1, 2, 253], [1, 2, 253]);
        }
    }

    #[test]
    fn a_broken_profile_is_a_warning() {
        let mut warnings = Vec::new();
        let pixels = Pixels { width: 1, height: 1, rgb: vec![1, 2, 3] };
        let shown = to_srgb(pixels, &Colour::Icc(vec![0; 200]), &mut warnings);
        assert_eq!(shown.rgb, [1, 2, 3]);
        assert_eq!(warnings[0].kind(), "profile");
    }

    #[test]
    fn profiles_have_names() {
        let icc = Colour::Icc(ColorProfile::new_display_p3().encode().unwrap());
        assert_eq!(name(&icc).as_deref(), Some("Display P3"));
        assert_eq!(name(&Colour::Cicp { primaries: 9, transfer: 16 }).as_deref(), Some("BT.2020 PQ"));
        assert_eq!(name(&Colour::Icc(vec![7; 64])), None);
    }

    #[test]
    fn ideal_inks_mix() {
        let mut inks = [0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255];
        assert_eq!(from_cmyk(&mut inks, false, None, &mut Vec::new()), [255, 255, 255, 0, 255, 255, 0, 0, 0]);
        let mut inverted = [255, 255, 255, 255];
        assert_eq!(from_cmyk(&mut inverted, true, None, &mut Vec::new()), [255, 255, 255]);
    }
}
