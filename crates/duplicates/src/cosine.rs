//! Signs of the low frequencies of a small square picture, by the discrete cosine transform.

/// Frequencies in each direction.
const FREQUENCIES: usize = 8;

/// The cosines for squares of one size.
pub(crate) struct Cosines {
    side: usize,
    rows: Vec<f32>,
    order: Vec<(usize, usize)>,
}

impl Cosines {
    /// For squares of `side` pixels a side.
    pub(crate) fn new(side: usize) -> Self {
        let angle = std::f32::consts::PI / side as f32;
        let rows = (0..FREQUENCIES)
            .flat_map(|frequency| {
                (0..side).map(move |at| (angle * frequency as f32 * (at as f32 + 0.5)).cos())
            })
            .collect();
        Self {
            side,
            rows,
            order: spread_order(),
        }
    }

    /// The amplitudes of frequencies, `[vertical][horizontal]`.
    pub(crate) fn amplitudes(&self, square: &[f32]) -> [[f32; FREQUENCIES]; FREQUENCIES] {
        let row = |frequency: usize| &self.rows[frequency * self.side..(frequency + 1) * self.side];
        let mut across = vec![[0.0; FREQUENCIES]; self.side];
        for (sums, values) in across.iter_mut().zip(square.chunks_exact(self.side)) {
            for (frequency, sum) in sums.iter_mut().enumerate() {
                *sum = row(frequency)
                    .iter()
                    .zip(values)
                    .map(|(cosine, value)| cosine * value)
                    .sum();
            }
        }
        let mut amplitudes = [[0.0; FREQUENCIES]; FREQUENCIES];
        for (frequency, target) in amplitudes.iter_mut().enumerate() {
            for (sums, cosine) in across.iter().zip(row(frequency)) {
                target
                    .iter_mut()
                    .zip(sums)
                    .for_each(|(total, sum)| *total += cosine * sum);
            }
        }
        amplitudes
    }

    /// The signs of the `bits` lowest frequencies, at most 63. Each quarter of the bits has low and high ones.
    pub(crate) fn signs(&self, square: &[f32], bits: u32) -> u64 {
        let amplitudes = self.amplitudes(square);
        self.signs_by(bits, |(vertical, horizontal)| amplitudes[vertical][horizontal])
    }

    /// The same, of amplitudes by vertical and horizontal frequency.
    pub(crate) fn signs_by(&self, bits: u32, amplitude: impl Fn((usize, usize)) -> f32) -> u64 {
        let quarter = bits.div_ceil(4) as usize;
        let lowest = self.order.iter().take(bits as usize).enumerate();
        lowest.fold(0, |signs, (rank, frequencies)| {
            let bit = (rank % 4) * quarter + rank / 4;
            signs | (u64::from(amplitude(*frequencies) > 0.0) << bit)
        })
    }
}

/// All frequencies but the mean, lowest first.
fn spread_order() -> Vec<(usize, usize)> {
    let mut order: Vec<(usize, usize)> = (1..FREQUENCIES * FREQUENCIES)
        .map(|at| (at / FREQUENCIES, at % FREQUENCIES))
        .collect();
    order.sort_by_key(|(vertical, horizontal)| (vertical * vertical + horizontal * horizontal, *vertical));
    order
}
