//! Prints what files say about their pictures, one JSON object a line, for `tools/metadata/compare.py`.

use std::error::Error;
use std::io::Write;
use std::{env, fs, io};

use eidetic_imaging::{read_details, taken_by_name};

fn main() -> Result<(), Box<dyn Error>> {
    let mut output = io::BufWriter::new(io::stdout().lock());
    for path in env::args_os().skip(1) {
        let bytes = fs::read(&path)?;
        let line = serde_json::json!({
            "path": path.to_string_lossy(),
            "details": read_details(&bytes),
            "taken_by_name": taken_by_name(path.as_ref()),
        });
        writeln!(output, "{line}")?;
    }
    output.flush()?;
    Ok(())
}
