//! Hints to fetch memory into the caches.

use crate::CacheLine;

/// Asks the processor to fetch `data` into all levels of its caches because it will be read soon.
///
/// This affects nothing but speed, and does nothing on processors other than x86-64.
#[inline]
pub fn prefetch<T>(data: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let (start, bytes) = (data.as_ptr().cast::<i8>(), size_of_val(data));
        for offset in (0..bytes).step_by(size_of::<CacheLine>()) {
            // SAFETY: SSE is part of x86-64, the address lies within `data`, and a prefetch is not a memory
            // access.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.add(offset)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (data, size_of::<CacheLine>());
}
