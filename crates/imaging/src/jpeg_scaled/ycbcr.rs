//! YCbCr to RGB (ITU T.871, clause 7).

/// Fractional bits of the fixed-point weights.
const FRACTION_BITS: u32 = 16;
const HALF: i32 = 1 << (FRACTION_BITS - 1);

/// Converts one row. All slices have as many samples as `rgb` has pixels.
pub fn row_to_rgb(y: &[u8], cb: &[u8], cr: &[u8], rgb: &mut [[u8; 3]]) {
    for ((pixel, &y), (&cb, &cr)) in rgb.iter_mut().zip(y).zip(cb.iter().zip(cr)) {
        let y = (i32::from(y) << FRACTION_BITS) + HALF;
        let (cb, cr) = (i32::from(cb) - 128, i32::from(cr) - 128);
        *pixel = [
            (y + fixed(1.402) * cr) >> FRACTION_BITS,
            (y - fixed(0.344_136) * cb - fixed(0.714_136) * cr) >> FRACTION_BITS,
            (y + fixed(1.772) * cb) >> FRACTION_BITS,
        ]
        .map(|value| value.clamp(0, 255) as u8);
    }
}

/// `weight` in fixed point, rounded to nearest.
const fn fixed(weight: f64) -> i32 {
    (weight * (1 << FRACTION_BITS) as f64 + 0.5) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_match_standard_equations() {
        for (y, cb, cr) in [
            (0, 128, 128),
            (255, 128, 128),
            (76, 85, 255),
            (150, 44, 21),
            (29, 255, 107),
            (90, 3, 250),
        ] {
            let mut pixel = [[0; 3]];
            row_to_rgb(&[y], &[cb], &[cr], &mut pixel);
            let (y, cb, cr) = (f64::from(y), f64::from(cb) - 128.0, f64::from(cr) - 128.0);
            let expected = [
                y + 1.402 * cr,
                y - 0.344_136 * cb - 0.714_136 * cr,
                y + 1.772 * cb,
            ];
            for (got, expected) in pixel[0].iter().zip(expected) {
                assert!(
                    (f64::from(*got) - expected.clamp(0.0, 255.0)).abs() <= 0.51,
                    "{got} for {expected}"
                );
            }
        }
    }
}
