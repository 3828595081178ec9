//! Which scans of a file the output depends on.

use super::MAX_SCANS;
use super::ac_band::band;
use crate::jpeg_scaled::header::{AfterHeader, Frame, JpegHeader, Scan, end_of_data};
use crate::jpeg_scaled::scan::Plane;

/// Where a scan ends, and whether the output depends on it.
pub struct ScanPlan {
    pub end: usize,
    pub is_needed: bool,
}

/// Finds all scans up to the end of the image.
pub fn plan_scans(
    bytes: &[u8],
    frame: &Frame,
    planes: &[Plane],
    first: (Scan, usize),
) -> Option<Vec<ScanPlan>> {
    let mut header = JpegHeader::for_scans(frame.clone());
    let (mut scan, mut position) = first;
    let (mut scans, mut progress) = (Vec::new(), vec![[None; 64]; planes.len()]);
    loop {
        check_progress(&scan, &mut progress)?;
        position = end_of_data(bytes, position)?;
        scans.push((scan, position));
        match header.read(bytes, &mut position)? {
            AfterHeader::Scan(next) if scans.len() < MAX_SCANS => scan = next,
            AfterHeader::Scan(_) => return None,
            AfterHeader::EndOfImage => break,
        }
    }
    progress.iter().all(|bits| bits[0].is_some()).then_some(())?;
    // Which coefficients of each component matter, up to each scan from the last one back: those that the
    // transform reads, and those that decide what the codes of a later refinement mean.
    let mut read: Vec<u64> = planes.iter().map(|plane| band(0, plane.last as usize)).collect();
    let mut plans = Vec::with_capacity(scans.len());
    for (scan, end) in scans.iter().rev() {
        let band = band(scan.first, scan.last);
        let mut is_needed = false;
        for component in &scan.components {
            let read = read.get_mut(component.component)?;
            if *read & band != 0 {
                is_needed = true;
                *read |= if scan.is_refinement() { band } else { 0 };
            }
        }
        plans.push(ScanPlan { end: *end, is_needed });
    }
    plans.reverse();
    Some(plans)
}

/// Records the bits that each coefficient lacks after `scan`; none if they do not follow on the scans before.
fn check_progress(scan: &Scan, progress: &mut [[Option<u32>; 64]]) -> Option<()> {
    for component in &scan.components {
        let bits = progress.get_mut(component.component)?;
        if scan.first > 0 {
            bits[0]?;
        }
        for bits in bits.get_mut(scan.first..=scan.last)? {
            let expected = scan.is_refinement().then_some(scan.bits_before);
            (*bits == expected).then_some(())?;
            *bits = Some(scan.bits_after);
        }
    }
    Some(())
}
