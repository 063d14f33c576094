//! Pictures of high dynamic range (PQ and HLG, ITU-R BT.2100) made fit for ordinary screens.
//!
//! Linear light is scaled so that BT.2408's reference white (203 cd/m²) becomes the screen's white, and brighter
//! parts are rolled off by Reinhard's extended curve, which keeps hues because it scales all three values alike.

/// The transfer characteristic of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    /// Perceptual quantiser, absolute up to 10,000 cd/m².
    Pq,
    /// Hybrid log-gamma, taken as graded for a screen of 1,000 cd/m².
    Hlg,
}

/// Reference white in cd/m² (BT.2408, table 1).
const WHITE: f32 = 203.0;
/// What is this bright, or brighter, becomes white.
const BRIGHTEST: f32 = 1000.0 / WHITE;

/// BT.2020 to BT.709, linear light (BT.2087, §2).
const TO_709: [[f32; 3]; 3] =
    [[1.6605, -0.5877, -0.0728], [-0.1246, 1.1330, -0.0084], [-0.0182, -0.1006, 1.1187]];

/// Turns 8-bit RGB values of the given curve into sRGB, in place.
pub(super) fn to_srgb(rgb: &mut [u8], curve: Curve, is_bt2020: bool) {
    let light: Vec<f32> = (0..=255_u8).map(|value| linear(f32::from(value) / 255.0, curve)).collect();
    let shown: Vec<u8> = (0_u16..4096).map(|step| encoded(f32::from(step) / 4095.0)).collect();
    for pixel in rgb.as_chunks_mut::<3>().0 {
        let mut mixed = pixel.map(|value| light[usize::from(value)]);
        if is_bt2020 {
            let [r, g, b] = mixed;
            mixed = TO_709.map(|row| (row[0] * r + row[1] * g + row[2] * b).max(0.0));
        }
        let brightest = mixed.into_iter().fold(0.0_f32, f32::max);
        let gain = (1.0 + brightest / (BRIGHTEST * BRIGHTEST)) / (1.0 + brightest);
        // Reinhard's curve darkens mid-tones by half; this brings them back to where BT.2408 has them.
        let gain = (gain * 1.6).min(1.0 / brightest.max(1.0)).min(1.0);
        *pixel = mixed.map(|value| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "clamped to the table"
            )]
            let step = ((value * gain).clamp(0.0, 1.0) * 4095.0 + 0.5) as usize;
            shown[step]
        });
    }
}

/// Linear light of a value, 1 at reference white.
fn linear(value: f32, curve: Curve) -> f32 {
    match curve {
        Curve::Pq => {
            let power = value.powf(1.0 / 78.84375);
            let light = (power - 0.835_937_5).max(0.0) / (18.851_563 - 18.6875 * power);
            light.powf(1.0 / 0.159_301_76) * 10_000.0 / WHITE
        }
        Curve::Hlg => {
            let scene = if value <= 0.5 {
                value * value / 3.0
            } else {
                (((value - 0.559_910_7) / 0.178_832_77).exp() + 0.284_668_92) / 12.0
            };
            scene.powf(1.2) * 1000.0 / WHITE
        }
    }
}

/// sRGB's curve, as a byte.
fn encoded(light: f32) -> u8 {
    let value = if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte")]
    let byte = (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
    byte
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_white_is_bright_and_black_is_black() {
        // 203 cd/m² is 0.58 in PQ and 0.75 in HLG.
        for (curve, white) in [(Curve::Pq, 148), (Curve::Hlg, 191)] {
            let mut rgb = [0, 0, 0, white, white, white, 255, 255, 255];
            to_srgb(&mut rgb, curve, true);
            assert_eq!(rgb[..3], [0, 0, 0]);
            assert!((200..=250).contains(&rgb[3]), "{curve:?}: {}", rgb[3]);
            assert_eq!(rgb[6..], [255, 255, 255]);
        }
    }

    #[test]
    fn brighter_stays_brighter() {
        for curve in [Curve::Pq, Curve::Hlg] {
            let mut rgb: Vec<u8> = (0..=255).flat_map(|value| [value; 3]).collect();
            to_srgb(&mut rgb, curve, false);
            assert!(rgb.is_sorted(), "{curve:?}");
        }
    }
}
