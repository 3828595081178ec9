//! Devices: the CPU with the kernels of `eidetic-kernels`, or a GPU with candle.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::error::LoadError;

/// The device that a model runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Device {
    /// The CPU.
    #[default]
    Cpu,
    /// The CUDA device with this index.
    Cuda(usize),
    /// The GPU of a Mac.
    Metal,
}

/// A text that is not a device.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("unknown device {0:?}: expected cpu, cuda, cuda:N or metal")]
pub struct ParseDeviceError(String);

impl FromStr for Device {
    type Err = ParseDeviceError;

    /// Parses `cpu`, `cuda` (the first device), `cuda:N` or `metal`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |digits: &str| digits.parse().ok().filter(|_| !digits.starts_with('+'));
        match (text, text.strip_prefix("cuda:").and_then(number)) {
            ("cpu", _) => Ok(Self::Cpu),
            ("cuda", _) => Ok(Self::Cuda(0)),
            ("metal", _) => Ok(Self::Metal),
            (_, Some(number)) => Ok(Self::Cuda(number)),
            _ => Err(ParseDeviceError(text.to_owned())),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Metal => f.write_str("metal"),
        }
    }
}

impl Device {
    /// Opens candle's device. Errors: the device is missing, or the program was built without it.
    pub(crate) fn open(self) -> Result<candle_core::Device, LoadError> {
        let opened = match self {
            Self::Cpu => return Ok(candle_core::Device::Cpu),
            Self::Cuda(number) if cfg!(feature = "cuda") => candle_core::Device::new_cuda(number),
            Self::Metal if cfg!(feature = "metal") => candle_core::Device::new_metal(0),
            Self::Cuda(_) => return Err(self.not_built("cuda")),
            Self::Metal => return Err(self.not_built("metal")),
        };
        opened.map_err(|error| LoadError::DeviceMissing {
            device: self,
            reason: error.to_string(),
        })
    }

    const fn not_built(self, feature: &'static str) -> LoadError {
        LoadError::DeviceNotBuilt {
            device: self,
            feature,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_parse_back_as_displayed() {
        for text in ["cpu", "cuda:0", "cuda:3", "metal"] {
            assert_eq!(text.parse::<Device>().unwrap().to_string(), text);
        }
        assert_eq!("cuda".parse(), Ok(Device::Cuda(0)));
        for text in [
            "", "gpu", "cuda:", "cuda:x", "cuda:+1", "cuda:-1", "Metal", "metal:1",
        ] {
            assert!(text.parse::<Device>().is_err(), "{text}");
        }
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn unbuilt_device_error_names_feature() {
        let error = Device::Cuda(1).open().unwrap_err().to_string();
        assert!(
            error.contains("cuda:1") && error.contains("--features cuda"),
            "{error}"
        );
    }
}
