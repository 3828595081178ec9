//! Instruction sets: which ones this processor has, and the type that proves it.

use std::sync::OnceLock;

/// An instruction set that kernels are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Isa {
    /// Only what every processor of the compiled target has.
    Scalar,
    /// AVX2, FMA and F16C.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// As `Avx2`, with AVX-VNNI (a 256-bit `vpdpbusd`).
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    /// As `Avx2`, with AVX-512 F and BW.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// As `Avx512`, with AVX-512 VNNI (a 512-bit `vpdpbusd`).
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    /// As `Avx512Vnni`, with AVX-512 BF16 (`vdpbf16ps`).
    #[cfg(target_arch = "x86_64")]
    Avx512Bf16,
    /// NEON on 64-bit Arm.
    #[cfg(target_arch = "aarch64")]
    Neon,
}

/// The kernels for one instruction set of this processor.
///
/// It can only be created for an instruction set that was detected. A value is therefore the proof that
/// running its code is sound, and its methods are safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kernel(Isa);

/// The fastest way of this processor to count the set bits of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PopCount {
    /// Without a special instruction.
    Scalar,
    /// `popcnt`, one word at a time.
    #[cfg(target_arch = "x86_64")]
    Popcnt,
    /// `vpopcntq` of AVX-512 VPOPCNTDQ, eight words at a time.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// The result of [`detect`].
#[derive(Debug)]
struct Detected {
    /// The instruction sets of this processor, fastest first. The last one is [`Isa::Scalar`].
    isas: Vec<Isa>,
    pop_count: PopCount,
}

/// Examines the processor; once per process. Nothing else in this crate does.
fn detect() -> &'static Detected {
    static DETECTED: OnceLock<Detected> = OnceLock::new();
    DETECTED.get_or_init(examine_processor)
}

#[cfg(target_arch = "x86_64")]
fn examine_processor() -> Detected {
    let avx2 = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c");
    let avx_vnni = avx2 && is_x86_feature_detected!("avxvnni");
    let avx512 = avx2 && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
    let avx512_vnni = avx512 && is_x86_feature_detected!("avx512vnni");
    let avx512_bf16 = avx512_vnni && is_x86_feature_detected!("avx512bf16");
    let isas = [
        (avx512_bf16, Isa::Avx512Bf16),
        (avx512_vnni, Isa::Avx512Vnni),
        (avx512, Isa::Avx512),
        (avx_vnni, Isa::AvxVnni),
        (avx2, Isa::Avx2),
        (true, Isa::Scalar),
    ];
    let popcnt = is_x86_feature_detected!("popcnt");
    Detected {
        isas: isas
            .into_iter()
            .filter_map(|(present, isa)| present.then_some(isa))
            .collect(),
        pop_count: if popcnt && avx512 && is_x86_feature_detected!("avx512vpopcntdq") {
            PopCount::Avx512
        } else if popcnt {
            PopCount::Popcnt
        } else {
            PopCount::Scalar
        },
    }
}

#[cfg(target_arch = "aarch64")]
fn examine_processor() -> Detected {
    let neon = std::arch::is_aarch64_feature_detected!("neon").then_some(Isa::Neon);
    Detected {
        isas: neon.into_iter().chain([Isa::Scalar]).collect(),
        pop_count: PopCount::Scalar,
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn examine_processor() -> Detected {
    Detected {
        isas: vec![Isa::Scalar],
        pop_count: PopCount::Scalar,
    }
}

impl Isa {
    /// A short lowercase name such as `avx512-vnni`.
    ///
    /// Reports of the command line contain it, so existing names must not change.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scalar => "plain",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => "avx-vnni",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => "avx512-vnni",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16 => "avx512-bf16",
            #[cfg(target_arch = "aarch64")]
            Self::Neon => "neon",
        }
    }
}

impl Kernel {
    /// The kernels for `isa`, or `None` if this processor does not have it.
    pub fn new(isa: Isa) -> Option<Self> {
        detect().isas.contains(&isa).then_some(Self(isa))
    }

    /// The portable kernels, which run everywhere and which the others are tested against.
    pub const fn scalar() -> Self {
        Self(Isa::Scalar)
    }

    /// The kernels for the fastest instruction set of this processor.
    #[inline]
    pub fn best() -> Self {
        Self(detect().isas[0])
    }

    /// The kernels for each instruction set of this processor, fastest first, [`scalar`](Self::scalar) last.
    pub fn available() -> impl Iterator<Item = Self> {
        detect().isas.iter().copied().map(Self)
    }

    /// The instruction set that these kernels are compiled for.
    #[inline]
    pub const fn isa(self) -> Isa {
        self.0
    }

    /// The name of the instruction set; see [`Isa::name`].
    pub const fn name(self) -> &'static str {
        self.0.name()
    }
}

impl PopCount {
    /// The fastest variant of this processor. A variant is the proof that its instructions exist.
    #[inline]
    pub(crate) fn best() -> Self {
        detect().pop_count
    }
}
