//! Bytes in memory that is aligned to cache lines.

/// 64 signed bytes (codes of a quantized vector) at the start of a cache line. A row of such lines touches
/// as few cache lines as possible.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub struct CacheLine([i8; CacheLine::CODES]);

impl CacheLine {
    /// Bytes in a line.
    pub const CODES: usize = 64;
    /// A line of zeros.
    pub const ZERO: Self = Self([0; Self::CODES]);

    /// `count` lines of zeros, in huge pages of 2 MiB where the system provides them.
    ///
    /// Reading rows in random order misses the TLB less often with few huge pages than with many small ones.
    pub fn zeros(count: usize) -> Vec<Self> {
        let mut lines = Vec::with_capacity(count);
        advise_huge_pages(&mut lines);
        lines.resize(count, Self::ZERO);
        lines
    }

    /// The bytes of `lines`.
    #[inline]
    pub const fn codes(lines: &[Self]) -> &[i8] {
        // SAFETY: a line is 64 signed bytes and nothing else (`repr(C)`, size checked below); the result
        // borrows `lines`.
        unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), size_of_val(lines)) }
    }

    /// The bytes of `lines` as 32-bit words in native byte order.
    #[inline]
    pub const fn words(lines: &[Self]) -> &[u32] {
        // SAFETY: a line has the size of 16 words and a larger alignment; every bit pattern is a valid word.
        unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), size_of_val(lines) / size_of::<u32>()) }
    }

    /// The bytes of `lines` as 64-bit words in native byte order.
    #[inline]
    pub const fn long_words(lines: &[Self]) -> &[u64] {
        // SAFETY: a line has the size of 8 words and a larger alignment; every bit pattern is a valid word.
        unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), size_of_val(lines) / size_of::<u64>()) }
    }

    /// As [`long_words`](Self::long_words), mutable.
    #[inline]
    pub const fn long_words_mut(lines: &mut [Self]) -> &mut [u64] {
        // SAFETY: as in `long_words`; every byte is a valid `i8`, and the borrow is unique.
        unsafe {
            std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), size_of_val(lines) / size_of::<u64>())
        }
    }

    /// As [`words`](Self::words), mutable.
    #[inline]
    pub const fn words_mut(lines: &mut [Self]) -> &mut [u32] {
        // SAFETY: as in `words`; every byte is a valid `i8`, and the borrow is unique.
        unsafe {
            std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), size_of_val(lines) / size_of::<u32>())
        }
    }

    /// As [`codes`](Self::codes), mutable.
    #[inline]
    pub const fn codes_mut(lines: &mut [Self]) -> &mut [i8] {
        // SAFETY: as in `codes`; the borrow is unique.
        unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), size_of_val(lines)) }
    }
}

/// Requests huge pages for the memory of a vector before it is first written. Affects nothing but speed.
fn advise_huge_pages(lines: &mut Vec<CacheLine>) {
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 4096;
        let start = lines.as_mut_ptr().cast::<u8>();
        let bytes = lines.capacity() * size_of::<CacheLine>();
        let skipped = start.align_offset(PAGE).min(bytes);
        let whole = (bytes - skipped) / PAGE * PAGE;
        // SAFETY: the range lies within the vector's allocation, and this advice changes neither its
        // contents nor its protection. The result is ignored since huge pages are optional.
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
    fn codes_are_contiguous_and_aligned() {
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
    fn zeros_returns_requested_count() {
        for count in [0, 1, 63, 64, 100_000] {
            let lines = CacheLine::zeros(count);
            assert_eq!(lines.len(), count);
            assert!(CacheLine::codes(&lines).iter().all(|&code| code == 0));
        }
    }

    #[test]
    fn words_view_same_bytes() {
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
