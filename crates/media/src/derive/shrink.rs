//! Fewer pixels out of many.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::Pixels;

/// The size that a picture gets so that its longer side is at most `long_side`.
pub(crate) fn fitted(width: u32, height: u32, long_side: u32) -> (u32, u32) {
    scaled(width, height, long_side, width.max(height))
}

/// A size times `numerator / denominator`, rounded, never enlarged and never without a pixel.
fn scaled(width: u32, height: u32, numerator: u32, denominator: u32) -> (u32, u32) {
    if numerator >= denominator {
        return (width, height);
    }
    let side = |length: u32| {
        let (length, numerator, denominator) =
            (u64::from(length), u64::from(numerator), u64::from(denominator));
        let scaled = (length * numerator * 2 + denominator) / (denominator * 2);
        u32::try_from(scaled).expect("not larger than before").max(1)
    };
    (side(width), side(height))
}

/// Shrinks pixels so that their longer side is at most `long_side`.
pub(crate) fn to_long_side(pixels: Pixels, long_side: u32) -> Pixels {
    let (width, height) = (pixels.width, pixels.height);
    let (size, rgb) = to_fit(pixels.rgb, PixelType::U8x3, (width, height), long_side);
    Pixels { width: size.0, height: size.1, rgb }
}

/// Shrinks pixels so that their shorter side is at most `short_side`; `None` if it already is.
pub(crate) fn to_short_side(pixels: &Pixels, short_side: u32) -> Option<Pixels> {
    let (width, height) = scaled(pixels.width, pixels.height, short_side, pixels.width.min(pixels.height));
    if (width, height) == (pixels.width, pixels.height) {
        return None;
    }
    // Halving as often as possible first makes the slow, sharp filter's work small.
    let mut half: Option<Pixels> = None;
    loop {
        let current = half.as_ref().unwrap_or(pixels);
        if current.width < width * 4 || current.height < height * 4 {
            break;
        }
        half = Some(halved(current));
    }
    let source = half.as_ref().unwrap_or(pixels);
    let rgb = resize(&source.rgb, PixelType::U8x3, (source.width, source.height), (width, height));
    Some(Pixels { width, height, rgb })
}

/// Shrinks a buffer of any pixel type so that its longer side is at most `long_side`.
pub(crate) fn to_fit(
    buffer: Vec<u8>,
    pixel: PixelType,
    size: (u32, u32),
    long_side: u32,
) -> ((u32, u32), Vec<u8>) {
    let target = fitted(size.0, size.1, long_side);
    if target == size {
        return (size, buffer);
    }
    let shrunk = resize(&buffer, pixel, size, target);
    (target, shrunk)
}

/// Resizes with respect to transparency.
///
/// Catmull and Rom's cubic takes two thirds of the time of Lanczos's three lobes; after a decoder's own shrinking by
/// a power of two the difference can't be seen.
fn resize(buffer: &[u8], pixel: PixelType, from: (u32, u32), to: (u32, u32)) -> Vec<u8> {
    let source = ImageRef::new(from.0, from.1, buffer, pixel).expect("the buffer has the size it says");
    let mut target = Image::new(to.0, to.1, pixel);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
    Resizer::new().resize(&source, &mut target, &options).expect("both buffers have the same pixel type");
    target.into_vec()
}

/// Half the width and height, each pixel the mean of four; an odd last row or column is left out.
fn halved(pixels: &Pixels) -> Pixels {
    let mut target = Pixels::filled(pixels.width / 2, pixels.height / 2, 0);
    let target_row = target.row_bytes();
    let rows = pixels.rgb.chunks_exact(pixels.row_bytes() * 2);
    for (pair, out) in rows.zip(target.rgb.chunks_exact_mut(target_row)) {
        let (above, below) = pair.split_at(pixels.row_bytes());
        let quads = above.as_chunks::<6>().0.iter().zip(below.as_chunks::<6>().0);
        for ((above, below), out) in quads.zip(out.as_chunks_mut::<3>().0) {
            for channel in 0..3 {
                let sum = u16::from(above[channel])
                    + u16::from(above[channel + 3])
                    + u16::from(below[channel])
                    + u16::from(below[channel + 3]);
                out[channel] = ((sum + 2) >> 2).to_le_bytes()[0];
            }
        }
    }
    target
}

/// A picture that arrives from the top in strips and is shrunk by a whole factor on the way.
pub(crate) struct Strips {
    /// How many pixels become one, in each direction.
    factor: usize,
    /// The width in which strips arrive.
    width: usize,
    /// Sums of the row being filled, and how many rows went into them.
    sums: Vec<u32>,
    filled: usize,
    done: Pixels,
}

impl Strips {
    /// Expects a picture of the given size; its longer side stays at least `long_side`.
    pub(crate) fn new(width: u32, height: u32, long_side: u32) -> Self {
        let factor = (width.max(height) / long_side).clamp(1, width.min(height));
        let done = Pixels { width: width / factor, height: height / factor, rgb: Vec::new() };
        let index = |number: u32| usize::try_from(number).expect("32 bits fit into an address");
        Self { factor: index(factor), width: index(width), sums: vec![0; done.row_bytes()], filled: 0, done }
    }

    /// Takes the next rows.
    pub(crate) fn push(&mut self, rows: &[u8]) {
        if self.factor == 1 {
            self.done.rgb.extend_from_slice(rows);
            return;
        }
        for row in rows.chunks_exact(self.width * 3) {
            let blocks = row.chunks_exact(self.factor * 3);
            for (sums, block) in self.sums.as_chunks_mut::<3>().0.iter_mut().zip(blocks) {
                for pixel in block.as_chunks::<3>().0 {
                    sums[0] += u32::from(pixel[0]);
                    sums[1] += u32::from(pixel[1]);
                    sums[2] += u32::from(pixel[2]);
                }
            }
            self.filled += 1;
            if self.filled == self.factor {
                self.end_row();
            }
        }
    }

    /// Turns the sums into a row of means.
    fn end_row(&mut self) {
        let count = u32::try_from(self.factor * self.factor).expect("a factor is small");
        let mean = |sum: &mut u32| u8::try_from((std::mem::take(sum) + count / 2) / count).unwrap_or(u8::MAX);
        self.done.rgb.extend(self.sums.iter_mut().map(mean));
        self.filled = 0;
    }

    /// The shrunk picture; rows that never arrived are grey.
    pub(crate) fn finish(mut self) -> Pixels {
        let whole = Pixels::filled(self.done.width, self.done.height, 0).rgb.len();
        self.done.rgb.resize(whole, 128);
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_fit_and_are_never_enlarged() {
        assert_eq!(fitted(4032, 3024, 1920), (1920, 1440));
        assert_eq!(fitted(3024, 4032, 1920), (1440, 1920));
        assert_eq!(fitted(1920, 1080, 1920), (1920, 1080));
        assert_eq!(fitted(640, 480, 1920), (640, 480));
        assert_eq!(fitted(65_000, 3, 1920), (1920, 1));
        assert_eq!(scaled(1920, 1440, 250, 1440), (333, 250));
    }

    #[test]
    fn an_even_grey_stays_that_grey() {
        let pixels = Pixels::filled(1003, 701, 77);
        let small = to_short_side(&pixels, 100).unwrap();
        assert_eq!((small.width, small.height), (143, 100));
        assert!(small.rgb.iter().all(|value| *value == 77));
    }

    #[test]
    fn strips_of_any_height_give_the_same_picture() {
        let rgb: Vec<u8> = (0..50 * 40 * 3).map(|index| u8::try_from(index * 31 % 256).unwrap()).collect();
        let shrink = |rows: usize| {
            let mut strips = Strips::new(50, 40, 12);
            rgb.chunks(50 * 3 * rows).for_each(|strip| strips.push(strip));
            strips.finish()
        };
        let one = shrink(40);
        assert_eq!((one.width, one.height), (12, 10));
        assert_eq!(one.rgb, shrink(7).rgb);
        assert_eq!(one.rgb, shrink(1).rgb);
    }

    #[test]
    fn halving_is_the_mean_of_four() {
        let pixels = Pixels { width: 2, height: 2, rgb: [[0; 3], [10; 3], [20; 3], [30; 3]].concat() };
        assert_eq!(halved(&pixels).rgb, [15; 3]);
    }
}
