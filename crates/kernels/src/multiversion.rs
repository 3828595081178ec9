//! Function multiversioning: a body of portable Rust, compiled once for each instruction set.

/// Defines functions that run `$body` as compiled for the instruction set of a [`Kernel`](crate::Kernel),
/// which becomes the first parameter.
///
/// The body, and what it calls in its loops, must be `#[inline(always)]`: only code inlined into a function
/// that enables an instruction set is compiled for it.
macro_rules! multiversion {
    ($(
        $(#[$attribute:meta])*
        $visibility:vis fn $name:ident($($argument:ident: $kind:ty),* $(,)?) $(-> $result:ty)? = $body:path;
    )*) => {
        $(
            $(#[$attribute])*
            $visibility fn $name(kernel: $crate::Kernel, $($argument: $kind),*) $(-> $result)? {
                match kernel.isa() {
                    $crate::Isa::Scalar => $body($($argument),*),
                    #[cfg(target_arch = "x86_64")]
                    $crate::Isa::Avx2 | $crate::Isa::AvxVnni => {
                        #[target_feature(enable = "avx2,fma")]
                        fn inner($($argument: $kind),*) $(-> $result)? {
                            $body($($argument),*)
                        }
                        // SAFETY: a kernel exists only for an instruction set of this processor.
                        unsafe { inner($($argument),*) }
                    }
                    #[cfg(target_arch = "x86_64")]
                    $crate::Isa::Avx512 | $crate::Isa::Avx512Vnni | $crate::Isa::Avx512Bf16 => {
                        #[target_feature(enable = "avx512f,avx512bw,avx2,fma")]
                        fn inner($($argument: $kind),*) $(-> $result)? {
                            $body($($argument),*)
                        }
                        // SAFETY: a kernel exists only for an instruction set of this processor.
                        unsafe { inner($($argument),*) }
                    }
                    // NEON is part of every 64-bit Arm target, so the portable body is compiled for it
                    // already.
                    #[cfg(target_arch = "aarch64")]
                    $crate::Isa::Neon => $body($($argument),*),
                }
            }
        )*
    };
}

pub(crate) use multiversion;
