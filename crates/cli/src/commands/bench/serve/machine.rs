//! The machine that is measured on, as far as Linux tells of it.

use std::fs;
use std::num::NonZero;
use std::thread;

use serde::Serialize;

/// This machine at one moment.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Machine {
    /// Name of the processor, where the system tells it.
    processor: Option<String>,
    /// Threads that run at once.
    threads: usize,
    /// Such as `linux`.
    system: &'static str,
    /// Processes that ran or waited, on average over the last minute, before the measurement.
    load_before: Option<f64>,
}

impl Machine {
    pub(super) fn now() -> Self {
        Self {
            processor: fs::read_to_string("/proc/cpuinfo")
                .ok()
                .and_then(|text| processor_in(&text)),
            threads: thread::available_parallelism().map_or(1, NonZero::get),
            system: std::env::consts::OS,
            load_before: load(),
        }
    }

    /// Such as `AMD EPYC, 2 threads, linux, load 0.8 before and 3.2 after`.
    pub(super) fn describe(&self, load_after: Option<f64>) -> String {
        let processor = self.processor.as_deref().unwrap_or(std::env::consts::ARCH);
        let load = match (self.load_before, load_after) {
            (Some(before), Some(after)) => format!(", load {before:.1} before and {after:.1} after"),
            _ => String::new(),
        };
        format!("{processor}, {} threads, {}{load}", self.threads, self.system)
    }
}

/// The average load of the last minute.
pub(super) fn load() -> Option<f64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').next()?.parse().ok()
}

/// Resident memory of this process in bytes.
pub(super) fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn processor_in(text: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix("model name"))?;
    Some(line.trim_start_matches(['\t', ' ', ':']).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_is_read() {
        let text = "processor\t: 0\nmodel name\t: AMD EPYC 9B45\nflags\t: fpu\n";
        assert_eq!(processor_in(text).as_deref(), Some("AMD EPYC 9B45"));
        assert_eq!(processor_in("processor : 0"), None);
    }
}
