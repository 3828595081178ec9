//! Luminance and differences of colour to RGB (ITU T.871, 7).

/// Bits after the point.
const BITS: u32 = 16;
const HALF: i32 = 1 << (BITS - 1);

/// One row; all slices have as many samples as `rgb` has pixels.
pub fn row_to_rgb(luminance: &[u8], blue: &[u8], red: &[u8], rgb: &mut [[u8; 3]]) {
    let differences = blue.iter().zip(red);
    for ((pixel, &y), (&cb, &cr)) in rgb.iter_mut().zip(luminance).zip(differences) {
        let y = (i32::from(y) << BITS) + HALF;
        let (cb, cr) = (i32::from(cb) - 128, i32::from(cr) - 128);
        *pixel = [
            (y + weight(1.402) * cr) >> BITS,
            (y - weight(0.344_136) * cb - weight(0.714_136) * cr) >> BITS,
            (y + weight(1.772) * cb) >> BITS,
        ]
        .map(|value| value.clamp(0, 255) as u8);
    }
}

const fn weight(factor: f64) -> i32 {
    (factor * (1 << BITS) as f64 + 0.5) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_those_of_the_equations() {
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
            let wanted = [
                y + 1.402 * cr,
                y - 0.344_136 * cb - 0.714_136 * cr,
                y + 1.772 * cb,
            ];
            for (got, wanted) in pixel[0].iter().zip(wanted) {
                assert!(
                    (f64::from(*got) - wanted.clamp(0.0, 255.0)).abs() <= 0.51,
                    "{got} for {wanted}"
                );
            }
        }
    }
}
