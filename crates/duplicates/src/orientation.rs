//! The eight ways in which a square can lie.

/// A turn or reflection of a square: first the axes are exchanged, then each may be reversed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Orientation(u8);

const TRANSPOSED: u8 = 4;
const REVERSED_X: u8 = 1;
const REVERSED_Y: u8 = 2;

impl Orientation {
    /// As it is.
    pub(crate) const UPRIGHT: Self = Self(0);

    /// All eight, upright first.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..8).map(Self)
    }

    /// From its number, of which three bits count.
    pub(crate) const fn numbered(number: u8) -> Self {
        Self(number & 7)
    }

    /// Its number.
    pub(crate) const fn number(self) -> u8 {
        self.0
    }

    /// Whether rows become columns.
    pub(crate) const fn is_transposed(self) -> bool {
        self.0 & TRANSPOSED != 0
    }

    /// What undoes it.
    pub(crate) const fn inverse(self) -> Self {
        let (x, y) = (self.0 & REVERSED_X, self.0 & REVERSED_Y);
        if self.is_transposed() {
            Self(TRANSPOSED | x << 1 | y >> 1)
        } else {
            self
        }
    }

    /// A square of `SIDE` values a side, turned.
    pub(crate) fn apply<T: Copy, const SIDE: usize>(self, square: &[[T; SIDE]; SIDE]) -> [[T; SIDE]; SIDE] {
        let reverse = |at: usize, flag: u8| if self.0 & flag == 0 { at } else { SIDE - 1 - at };
        let mut turned = *square;
        for (y, row) in turned.iter_mut().enumerate() {
            for (x, value) in row.iter_mut().enumerate() {
                let (x, y) = (reverse(x, REVERSED_X), reverse(y, REVERSED_Y));
                *value = if self.is_transposed() {
                    square[x][y]
                } else {
                    square[y][x]
                };
            }
        }
        turned
    }

    /// The amplitude of a frequency after turning, given those of the square.
    pub(crate) fn amplitude<const N: usize>(
        self,
        amplitudes: &[[f32; N]; N],
        (vertical, horizontal): (usize, usize),
    ) -> f32 {
        let value = if self.is_transposed() {
            amplitudes[horizontal][vertical]
        } else {
            amplitudes[vertical][horizontal]
        };
        // Reversing an axis changes the sign of its odd cosines.
        let is_negative = (self.0 & REVERSED_X != 0 && horizontal % 2 == 1)
            != (self.0 & REVERSED_Y != 0 && vertical % 2 == 1);
        if is_negative { -value } else { value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cosine::Cosines;

    #[test]
    fn inverse_undoes_every_orientation() {
        let square = [[0, 1, 2], [3, 4, 5], [6, 7, 8]];
        for orientation in Orientation::all() {
            let turned = orientation.apply(&square);
            assert_eq!(orientation.inverse().apply(&turned), square, "{orientation:?}");
        }
    }

    #[test]
    fn amplitudes_turn_like_pixels() {
        let mut square = [[0.0; 16]; 16];
        for (at, value) in square.iter_mut().flatten().enumerate() {
            *value = ((at * 37 + at / 16 * 11) % 101) as f32;
        }
        let cosines = Cosines::new(16);
        let amplitudes = cosines.amplitudes(square.as_flattened());
        for orientation in Orientation::all() {
            let turned = cosines.amplitudes(orientation.apply(&square).as_flattened());
            for (vertical, row) in turned.iter().enumerate() {
                for (horizontal, expected) in row.iter().enumerate() {
                    let found = orientation.amplitude(&amplitudes, (vertical, horizontal));
                    assert!(
                        (found - expected).abs() < 0.1,
                        "{orientation:?} {vertical} {horizontal}"
                    );
                }
            }
        }
    }
}
