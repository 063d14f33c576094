//! Turning and mirroring pixels upright.

use super::Pixels;

/// One of the eight ways to turn and mirror a picture: first perhaps swapped along its diagonal, then mirrored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Rows become columns.
    swapped: bool,
    /// Left becomes right.
    sideways: bool,
    /// Top becomes bottom.
    upside_down: bool,
}

impl Turn {
    /// Leaves the picture as it is.
    pub(crate) const NONE: Self = Self::new(false, false, false);

    const fn new(swapped: bool, sideways: bool, upside_down: bool) -> Self {
        Self { swapped, sideways, upside_down }
    }

    /// The turn that makes a picture with this EXIF orientation upright.
    pub(crate) const fn from_orientation(orientation: u8) -> Self {
        match orientation {
            2 => Self::new(false, true, false),
            3 => Self::new(false, true, true),
            4 => Self::new(false, false, true),
            5 => Self::new(true, false, false),
            6 => Self::new(true, true, false),
            7 => Self::new(true, true, true),
            8 => Self::new(true, false, true),
            _ => Self::NONE,
        }
    }

    /// This turn, then another.
    pub(crate) const fn then(self, next: Self) -> Self {
        let (sideways, upside_down) =
            if next.swapped { (self.upside_down, self.sideways) } else { (self.sideways, self.upside_down) };
        Self {
            swapped: self.swapped != next.swapped,
            sideways: sideways != next.sideways,
            upside_down: upside_down != next.upside_down,
        }
    }

    /// This turn, then one by 0, 90, 180 or 270 degrees clockwise.
    pub(crate) const fn then_clockwise(self, degrees: u16) -> Self {
        self.then(match degrees {
            90 => Self::from_orientation(6),
            180 => Self::from_orientation(3),
            270 => Self::from_orientation(8),
            _ => Self::NONE,
        })
    }

    /// This turn, then left for right.
    pub(crate) const fn then_mirror_sideways(self) -> Self {
        self.then(Self::from_orientation(2))
    }

    /// This turn, then top for bottom.
    pub(crate) const fn then_mirror_upside_down(self) -> Self {
        self.then(Self::from_orientation(4))
    }

    /// Turns pixels.
    pub(crate) fn apply(self, pixels: Pixels) -> Pixels {
        let mut pixels = if self.swapped { swapped(&pixels) } else { pixels };
        let row_bytes = pixels.row_bytes();
        if self.sideways {
            for row in pixels.rgb.chunks_exact_mut(row_bytes) {
                row.as_chunks_mut::<3>().0.reverse();
            }
        }
        if self.upside_down {
            let row_count = pixels.rgb.len() / row_bytes;
            let (top, bottom) = pixels.rgb.split_at_mut(row_count / 2 * row_bytes);
            for (above, below) in top.chunks_exact_mut(row_bytes).zip(bottom.rchunks_exact_mut(row_bytes)) {
                above.swap_with_slice(below);
            }
        }
        pixels
    }
}

/// Rows become columns, in blocks that fit into the processor's cache.
fn swapped(pixels: &Pixels) -> Pixels {
    const BLOCK: usize = 32;
    let mut target = Pixels::filled(pixels.height, pixels.width, 0);
    let (source, _) = pixels.rgb.as_chunks::<3>();
    let (width, height) = (pixels.row_bytes() / 3, target.row_bytes() / 3);
    let (cells, _) = target.rgb.as_chunks_mut::<3>();
    for top in (0..height).step_by(BLOCK) {
        for left in (0..width).step_by(BLOCK) {
            for x in left..(left + BLOCK).min(width) {
                for y in top..(top + BLOCK).min(height) {
                    cells[x * height + y] = source[y * width + x];
                }
            }
        }
    }
    target
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of three by two pixels, numbered from 1 in reading order.
    fn numbered() -> Pixels {
        Pixels { width: 3, height: 2, rgb: (1..=6).flat_map(|number| [number; 3]).collect() }
    }

    fn check(turn: Turn, expected: &[&[u8]]) {
        let turned = turn.apply(numbered());
        let rows: Vec<Vec<u8>> = turned
            .rgb
            .chunks(turned.row_bytes())
            .map(|row| row.iter().step_by(3).copied().collect())
            .collect();
        assert_eq!(rows, expected, "{turn:?}");
        assert_eq!(usize::try_from(turned.height).unwrap(), expected.len());
    }

    #[test]
    fn every_orientation_stands_upright() {
        check(Turn::from_orientation(1), &[&[1, 2, 3], &[4, 5, 6]]);
        check(Turn::from_orientation(2), &[&[3, 2, 1], &[6, 5, 4]]);
        check(Turn::from_orientation(3), &[&[6, 5, 4], &[3, 2, 1]]);
        check(Turn::from_orientation(4), &[&[4, 5, 6], &[1, 2, 3]]);
        check(Turn::from_orientation(5), &[&[1, 4], &[2, 5], &[3, 6]]);
        check(Turn::from_orientation(6), &[&[4, 1], &[5, 2], &[6, 3]]);
        check(Turn::from_orientation(7), &[&[6, 3], &[5, 2], &[4, 1]]);
        check(Turn::from_orientation(8), &[&[3, 6], &[2, 5], &[1, 4]]);
    }

    #[test]
    fn turns_add_up_as_if_done_one_by_one() {
        for first in 1..=8 {
            for second in 1..=8 {
                let (first, second) = (Turn::from_orientation(first), Turn::from_orientation(second));
                let together = first.then(second).apply(numbered());
                let one_by_one = second.apply(first.apply(numbered()));
                assert_eq!(together.rgb, one_by_one.rgb);
                assert_eq!(together.width, one_by_one.width);
            }
        }
    }

    #[test]
    fn large_pictures_are_swapped_across_blocks() {
        let mut pixels = Pixels::filled(70, 45, 0);
        let bytes = pixels.rgb.iter_mut().enumerate();
        bytes.for_each(|(index, byte)| *byte = u8::try_from(index * 7 % 251).unwrap());
        let there_and_back = Turn::from_orientation(8).apply(Turn::from_orientation(6).apply(pixels.clone()));
        assert_eq!(there_and_back.rgb, pixels.rgb);
    }
}
