//! Instruction sets: which of them this processor has, and the proof of it that every kernel needs.

use std::sync::OnceLock;

/// An instruction set that kernels are written for. Each includes the narrower ones of its architecture that kernels use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Isa {
    /// No vector instructions beyond those that every processor of the compiled target has.
    Scalar,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX2, FMA and the 256-bit `vpdpbusd` of AVX-VNNI.
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    /// AVX-512 F and BW.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX-512 F, BW and VNNI, whose `vpdpbusd` has 512 bits.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    /// 64-bit Arm.
    #[cfg(target_arch = "aarch64")]
    Neon,
}

/// The kernels for one instruction set that this processor has: holding one is the proof that running them is sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kernel(Isa);

/// The fastest way of this processor to count bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PopCount {
    /// Arithmetic on whole words.
    Scalar,
    /// One word an instruction.
    #[cfg(target_arch = "x86_64")]
    Popcnt,
    /// Eight words an instruction.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// What [`detect`] finds.
#[derive(Debug)]
struct Detected {
    /// The instruction sets of this processor, the fastest first; the last is [`Isa::Scalar`].
    isas: Vec<Isa>,
    pop_count: PopCount,
}

/// The one place where the processor is examined; once per process.
fn detect() -> &'static Detected {
    static DETECTED: OnceLock<Detected> = OnceLock::new();
    DETECTED.get_or_init(detect_now)
}

#[cfg(target_arch = "x86_64")]
fn detect_now() -> Detected {
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let avx_vnni = avx2 && is_x86_feature_detected!("avxvnni");
    let avx512f = avx2 && is_x86_feature_detected!("avx512f");
    let avx512 = avx512f && is_x86_feature_detected!("avx512bw");
    let avx512_vnni = avx512 && is_x86_feature_detected!("avx512vnni");
    let found = [
        (avx512_vnni, Isa::Avx512Vnni),
        (avx512, Isa::Avx512),
        (avx_vnni, Isa::AvxVnni),
        (avx2, Isa::Avx2),
        (true, Isa::Scalar),
    ];
    let popcnt = is_x86_feature_detected!("popcnt");
    let pop_count = match popcnt {
        true if avx512f && is_x86_feature_detected!("avx512vpopcntdq") => PopCount::Avx512,
        true => PopCount::Popcnt,
        false => PopCount::Scalar,
    };
    Detected {
        isas: found
            .into_iter()
            .filter(|(found, _)| *found)
            .map(|(_, isa)| isa)
            .collect(),
        pop_count,
    }
}

#[cfg(target_arch = "aarch64")]
fn detect_now() -> Detected {
    let neon = std::arch::is_aarch64_feature_detected!("neon").then_some(Isa::Neon);
    Detected {
        isas: neon.into_iter().chain([Isa::Scalar]).collect(),
        pop_count: PopCount::Scalar,
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn detect_now() -> Detected {
    Detected {
        isas: vec![Isa::Scalar],
        pop_count: PopCount::Scalar,
    }
}

impl Isa {
    /// A short name, such as `avx512-vnni`. The command line prints it, so names stay as they are.
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
            #[cfg(target_arch = "aarch64")]
            Self::Neon => "neon",
        }
    }
}

impl Kernel {
    /// The kernels for `isa`; `None` where this processor does not have it.
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

    /// The kernels for every instruction set of this processor, the fastest first.
    pub fn available() -> impl Iterator<Item = Self> {
        detect().isas.iter().copied().map(Self)
    }

    /// The instruction set, which this processor has.
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
    /// The fastest way of this processor; the variant is the proof that it has the instructions.
    pub(crate) fn best() -> Self {
        detect().pop_count
    }
}
