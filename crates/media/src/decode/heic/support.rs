//! Which HEVC pictures the `heic` crate decodes rightly.
//!
//! It reads others without an error and gives noise, so that the parameter sets must tell beforehand.

use heic::heif::HevcDecoderConfig;

/// `chroma_format_idc` of 4:2:0.
const CHROMA_420: u8 = 1;
/// `nal_unit_type` of a picture parameter set.
const PICTURE_PARAMETERS: u8 = 34;

/// Says why a picture coded in this way can't be shown, if so.
pub(super) fn check(config: &HevcDecoderConfig) -> Result<(), String> {
    match config.chroma_format {
        CHROMA_420 => {}
        0 => return Err("it is coded in grey".to_owned()),
        2 => return Err("its colours are coded as 4:2:2".to_owned()),
        _ => return Err("its colours are coded as 4:4:4".to_owned()),
    }
    let parameters = config
        .nal_units
        .iter()
        .filter(|unit| unit.first().map(|byte| byte >> 1 & 63) == Some(PICTURE_PARAMETERS));
    for unit in parameters {
        if may_be_lossless(unit).unwrap_or(false) {
            return Err("it is coded without loss".to_owned());
        }
    }
    Ok(())
}

/// `transquant_bypass_enabled_flag` of a picture parameter set (ITU-T H.265, §7.3.2.3.1).
fn may_be_lossless(unit: &[u8]) -> Option<bool> {
    let mut bits = Bits::new(unit.get(2..)?);
    bits.number()?; // pps_pic_parameter_set_id
    bits.number()?; // pps_seq_parameter_set_id
    bits.skip(7)?; // dependent slices, output flag, extra header bits, sign hiding, cabac_init_present
    bits.number()?; // num_ref_idx_l0_default_active_minus1
    bits.number()?; // num_ref_idx_l1_default_active_minus1
    bits.number()?; // init_qp_minus26
    bits.skip(2)?; // constrained intra prediction, transform skip
    if bits.bit()? {
        bits.number()?; // diff_cu_qp_delta_depth
    }
    bits.number()?; // pps_cb_qp_offset
    bits.number()?; // pps_cr_qp_offset
    bits.skip(3)?; // chroma offsets in slices, weighted prediction, weighted bi-prediction
    bits.bit()
}

/// Reads bits, the highest first.
struct Bits {
    bytes: Vec<u8>,
    at: usize,
}

impl Bits {
    /// Takes a NAL unit's content, and removes the bytes that keep it from looking like a start code.
    fn new(unit: &[u8]) -> Self {
        let mut bytes: Vec<u8> = Vec::with_capacity(unit.len());
        let mut zeros = 0;
        for byte in unit {
            if zeros >= 2 && *byte == 3 {
                zeros = 0;
                continue;
            }
            zeros = if *byte == 0 { zeros + 1 } else { 0 };
            bytes.push(*byte);
        }
        Self { bytes, at: 0 }
    }

    /// The next bit.
    fn bit(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// Passes over bits.
    fn skip(&mut self, count: usize) -> Option<()> {
        self.at += count;
        (self.at <= self.bytes.len() * 8).then_some(())
    }

    /// Passes over an Exp-Golomb number, signed or not; its value doesn't matter here.
    fn number(&mut self) -> Option<()> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
        }
        self.skip(zeros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_of_lossless_coding_is_found() {
        // As x265 writes them at quality 90 and without loss, and as an iPhone does.
        assert_eq!(may_be_lossless(&[0x44, 0x01, 0xC1, 0x72, 0x86, 0x0C, 0x06, 0x24]), Some(false));
        assert_eq!(may_be_lossless(&[0x44, 0x01, 0xC1, 0x71, 0x89, 0x12]), Some(true));
        assert_eq!(may_be_lossless(&[0x44, 0x01, 0xC0, 0x61, 0x72, 0xC8, 0x40, 0x53, 0x24]), Some(false));
        assert_eq!(may_be_lossless(&[0x44, 0x01, 0xC1]), None);
        assert_eq!(may_be_lossless(&[0x44, 0x01]), None);
    }

    #[test]
    fn protective_bytes_are_removed() {
        assert_eq!(Bits::new(&[1, 0, 0, 3, 1, 0, 0, 0, 3]).bytes, [1, 0, 0, 1, 0, 0, 0]);
    }
}
