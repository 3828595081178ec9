//! `eidetic check`

use eidetic_domain::counted;
use eidetic_library::{CheckReport, Finding, Owner, RepairReport};

use super::directory;
use crate::arguments::{CheckArgs, Global};
use crate::failure::Failure;
use crate::{Outcome, output};

/// `eidetic check`
pub(crate) fn run(global: &Global, arguments: &CheckArgs) -> Result<Outcome, Failure> {
    let directory = directory(global)?;
    let sound = if arguments.repair {
        let report = eidetic_library::repair(&directory, &Owner::this_process("eidetic check --repair"))?;
        print_repair(global, &report)?;
        report.check.sound
    } else {
        let report = eidetic_library::check(&directory, &Owner::this_process("eidetic check"))?;
        print_check(global, &report)?;
        report.sound
    };
    Ok(if sound {
        Outcome::Done
    } else {
        Outcome::DoneWithFailures
    })
}

fn print_check(global: &Global, report: &CheckReport) -> Result<(), Failure> {
    if global.json {
        return output::json(report);
    }
    print_findings(&report.findings);
    output::line(&summary(report))?;
    if !report.sound {
        eprintln!("eidetic: `eidetic check --repair` saves what is whole, and keeps the rest aside");
    }
    Ok(())
}

fn print_repair(global: &Global, report: &RepairReport) -> Result<(), Failure> {
    if global.json {
        return output::json(report);
    }
    print_findings(&report.check.findings);
    for kept in &report.kept {
        eprintln!("eidetic: kept aside: {}", kept.display());
    }
    output::line(&summary(&report.check))?;
    if !report.check.sound {
        output::line(&format!(
            "repaired  {} recognized by file, {} lost, tags of {} lost",
            counted(report.relinked, "image"),
            report.lost_images,
            report.lost_tags
        ))?;
        eprintln!("eidetic: run `eidetic index` to bring the library up to date");
    }
    for finding in &report.remaining {
        eprintln!(
            "eidetic: still damaged: {}: {}",
            finding.path.display(),
            finding.what
        );
    }
    Ok(())
}

fn print_findings(findings: &[Finding]) {
    for finding in findings {
        eprintln!("eidetic: {}: {}", finding.path.display(), finding.what);
    }
}

fn summary(report: &CheckReport) -> String {
    let state = if report.sound { "sound" } else { "damaged" };
    let texts = match report.texts {
        0 => String::new(),
        texts => format!(", {}", counted(texts, "text")),
    };
    format!(
        "{state}  {} at {}, {}, {} tagged, {}{texts}",
        counted(report.images, "image"),
        counted(report.paths, "path"),
        counted(report.vectors, "vector"),
        report.tagged,
        counted(report.answers, "answer")
    )
}
