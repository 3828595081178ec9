//! Memory in whole cache lines.

/// 64 codes that start where a cache line does: a row made of lines touches no more of them than it must.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub struct CacheLine([i8; CacheLine::CODES]);

impl CacheLine {
    /// Codes in a line.
    pub const CODES: usize = 64;
    /// A line of zeros.
    pub const ZERO: Self = Self([0; Self::CODES]);

    /// Zeros, in pages of two megabytes where the system has them and there are enough lines: rows read in no order are
    /// found faster in few large pages than in many small ones.
    pub fn zeros(count: usize) -> Vec<Self> {
        let mut lines = Vec::with_capacity(count);
        advise_huge_pages(&mut lines);
        lines.resize(count, Self::ZERO);
        lines
    }

    /// The codes of `lines`, one after the other.
    #[inline]
    pub const fn codes(lines: &[Self]) -> &[i8] {
        // SAFETY: a line is 64 signed bytes and nothing else (`repr(C)`, size checked below), and the slice that comes
        // out borrows what went in.
        unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), size_of_val(lines)) }
    }

    /// The 32-bit words of `lines`, as this machine reads them.
    #[inline]
    pub const fn words(lines: &[Self]) -> &[u32] {
        // SAFETY: a line is 64 bytes, which are 16 words at its alignment; every bit pattern is a word.
        unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), size_of_val(lines) / size_of::<u32>()) }
    }

    /// The 64-bit words of `lines`, as this machine reads them.
    #[inline]
    pub const fn long_words(lines: &[Self]) -> &[u64] {
        // SAFETY: a line is 64 bytes, which are 8 words at its alignment; every bit pattern is a word.
        unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), size_of_val(lines) / size_of::<u64>()) }
    }

    /// The 64-bit words of `lines`, to be written.
    #[inline]
    pub const fn long_words_mut(lines: &mut [Self]) -> &mut [u64] {
        // SAFETY: as in `long_words`; the bytes of every word are valid codes, and the borrow is unique.
        unsafe {
            std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), size_of_val(lines) / size_of::<u64>())
        }
    }

    /// The 32-bit words of `lines`, to be written.
    #[inline]
    pub const fn words_mut(lines: &mut [Self]) -> &mut [u32] {
        // SAFETY: as in `words`; the bytes of every word are valid codes, and the borrow is unique.
        unsafe {
            std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), size_of_val(lines) / size_of::<u32>())
        }
    }

    /// The codes of `lines`, one after the other, to be written.
    #[inline]
    pub const fn codes_mut(lines: &mut [Self]) -> &mut [i8] {
        // SAFETY: as in `codes`; every signed byte is a valid code, and the borrow is unique.
        unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), size_of_val(lines)) }
    }
}

/// Asks for large pages for the memory of a vector, before it is first touched. Changes nothing but speed.
fn advise_huge_pages(lines: &mut Vec<CacheLine>) {
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 4096;
        let start = lines.as_mut_ptr().cast::<u8>();
        let bytes = lines.capacity() * size_of::<CacheLine>();
        let skipped = start.align_offset(PAGE).min(bytes);
        let whole = (bytes - skipped) / PAGE * PAGE;
        // SAFETY: the range lies within the vector's own allocation, and this advice changes neither what is in it nor
        // who may use it. A refusal changes nothing.
        unsafe { libc::madvise(start.add(skipped).cast(), whole, libc::MADV_HUGEPAGE) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = lines;
}

const _: () = assert!(size_of::<CacheLine>() == CacheLine::CODES);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_lie_in_lines_in_order_and_aligned() {
        let mut lines = vec![CacheLine::ZERO; 3];
        for (at, code) in (0..96).chain(0..96).zip(CacheLine::codes_mut(&mut lines)) {
            *code = at;
        }
        let codes = CacheLine::codes(&lines);
        assert_eq!(codes.len(), 192);
        assert!((0..96).chain(0..96).zip(codes).all(|(at, &code)| code == at));
        assert_eq!(codes.as_ptr().addr() % 64, 0);
        assert!(CacheLine::codes(&[]).is_empty());
    }

    #[test]
    fn any_number_of_zeros_can_be_had() {
        for count in [0, 1, 63, 64, 100_000] {
            let lines = CacheLine::zeros(count);
            assert_eq!(lines.len(), count);
            assert!(CacheLine::codes(&lines).iter().all(|&code| code == 0));
        }
    }

    #[test]
    fn words_are_the_same_bytes() {
        let mut lines = vec![CacheLine::ZERO; 2];
        CacheLine::words_mut(&mut lines)[17] = u32::from_ne_bytes([1, 2, 3, 4]);
        assert_eq!(&CacheLine::codes(&lines)[68..72], [1, 2, 3, 4]);
        assert_eq!(CacheLine::words(&lines).len(), 32);
        CacheLine::long_words_mut(&mut lines)[9] = u64::from_ne_bytes([8, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(&CacheLine::codes(&lines)[72..80], [8, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(CacheLine::long_words(&lines).len(), 16);
        assert_eq!(CacheLine::words(&lines)[17], u32::from_ne_bytes([1, 2, 3, 4]));
    }
}
