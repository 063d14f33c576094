//! What stands in for a picture until its thumbnail is there: a thumbhash and one colour.

use super::{Pixels, shrink};

/// The thumbhash is made of a picture this large; it keeps no more detail than seven waves across.
const LONG_SIDE: u32 = 64;

/// A thumbhash and one colour.
pub(super) struct Glance {
    /// See <https://evanw.github.io/thumbhash/>.
    pub(super) thumbhash: Vec<u8>,
    /// Red, green, blue.
    pub(super) colour: [u8; 3],
}

impl Glance {
    /// Looks at a thumbnail.
    pub(super) fn of(thumbnail: &Pixels) -> Self {
        let small = shrink::to_long_side(thumbnail.clone(), LONG_SIDE);
        let rgba: Vec<u8> =
            small.rgb.as_chunks::<3>().0.iter().flat_map(|[r, g, b]| [*r, *g, *b, 255]).collect();
        let thumbhash = thumbhash::rgba_to_thumb_hash(
            small.row_bytes() / 3,
            rgba.len() / 4 * 3 / small.row_bytes(),
            &rgba,
        );
        Self { thumbhash, colour: dominant(&small) }
    }
}

/// The mean of the most frequent kind of colour.
///
/// Kinds are the 512 cells of eight shades of red, green and blue. Of equally frequent ones the darkest counts.
fn dominant(pixels: &Pixels) -> [u8; 3] {
    let mut cells = vec![(0_u32, [0_u32; 3]); 512];
    for [r, g, b] in pixels.rgb.as_chunks::<3>().0 {
        let cell = usize::from(r >> 5) << 6 | usize::from(g >> 5) << 3 | usize::from(b >> 5);
        let (count, sums) = &mut cells[cell];
        *count += 1;
        for (sum, value) in sums.iter_mut().zip([r, g, b]) {
            *sum += u32::from(*value);
        }
    }
    let most = cells.iter().rev().max_by_key(|(count, _)| *count);
    let (count, sums) = most.copied().unwrap_or_default();
    sums.map(|sum| u8::try_from((sum + count / 2) / count.max(1)).unwrap_or(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_colour_dominates() {
        let mut pixels = Pixels::filled(10, 10, 0);
        for (index, pixel) in pixels.rgb.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            *pixel = if index < 60 { [200, 30, 31] } else { [0, 0, 255] };
        }
        let glance = Glance::of(&pixels);
        assert_eq!(glance.colour, [200, 30, 31]);
        assert!((5..=25).contains(&glance.thumbhash.len()));
    }

    #[test]
    fn the_smallest_pictures_have_a_glance_too() {
        for (width, height) in [(1, 1), (1, 300), (300, 1), (2, 3)] {
            let glance = Glance::of(&Pixels::filled(width, height, 9));
            assert_eq!(glance.colour, [9, 9, 9]);
            assert!(!glance.thumbhash.is_empty());
        }
    }
}
