//! Sizes for messages.

/// Formats bytes in GiB with one decimal, or in MiB.
pub fn format_bytes(bytes: u64) -> String {
    let gib = bytes as f64 / f64::from(1 << 30);
    if gib >= 1.0 {
        format!("{gib:.1} GiB")
    } else {
        format!("{:.0} MiB", gib * 1024.0)
    }
}
