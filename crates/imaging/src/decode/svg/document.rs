//! What the XML parser could take too long for, or too much memory: found before by a parser that keeps nothing.

use memchr::memchr_iter;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{FORMAT, MAX_TEXT, too_complex};
use crate::ImagingError;

/// Most elements that contain each other.
pub const MAX_DEPTH: usize = 100;

/// Attributes of one element are compared with each other.
const MAX_ATTRIBUTES: usize = 256;

/// Namespaces are searched for each attribute, and copied for each element that declares one.
const MAX_NAMESPACES: usize = 64;

/// Refuses documents that nest or repeat too much.
pub fn check(text: &str) -> Result<(), ImagingError> {
    let mut reader = Reader::from_str(text);
    let mut namespaces = vec![0];
    loop {
        match reader.read_event() {
            Ok(Event::Start(element)) => {
                let declared = checked_attributes(&element)?;
                let around = namespaces.last().copied().unwrap_or_default();
                namespaces.push(around + declared);
                if around + declared > MAX_NAMESPACES {
                    return Err(too_complex("it has too many namespaces"));
                }
                if namespaces.len() > MAX_DEPTH {
                    return Err(too_complex("its elements are nested too deeply"));
                }
            }
            Ok(Event::Empty(element)) => {
                checked_attributes(&element)?;
            }
            Ok(Event::End(_)) => {
                namespaces.pop();
            }
            Ok(Event::DocType(declaration)) => check_entities(declaration.as_bytes(), text)?,
            Ok(Event::Eof) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(ImagingError::damaged(FORMAT, error)),
        }
    }
}

/// Refuses too many attributes, and returns the number of those that declare namespaces.
fn checked_attributes(element: &BytesStart<'_>) -> Result<usize, ImagingError> {
    let mut declared = 0;
    for (index, attribute) in element.attributes().with_checks(false).enumerate() {
        let attribute = attribute.map_err(|error| ImagingError::damaged(FORMAT, error))?;
        if index >= MAX_ATTRIBUTES {
            return Err(too_complex("an element has too many attributes"));
        }
        declared += usize::from(attribute.key.as_ref().starts_with("xmlns"));
    }
    Ok(declared)
}

/// Refuses entities that consist of others or of elements, and those whose uses would be too long together.
fn check_entities(declaration: &[u8], text: &str) -> Result<(), ImagingError> {
    let entities = memchr_iter(b'<', declaration).count();
    if entities == 0 {
        return Ok(());
    }
    let has_elements = memchr_iter(b'<', declaration).any(|at| declaration.get(at + 1) != Some(&b'!'));
    if has_elements || references(declaration) > 0 {
        return Err(too_complex("its entities are nested"));
    }
    if references(text.as_bytes()).saturating_mul(declaration.len()) > MAX_TEXT {
        return Err(too_complex("its entities are too long"));
    }
    Ok(())
}

/// Number of references to entities other than characters and those of XML itself.
fn references(text: &[u8]) -> usize {
    const PREDEFINED: [&[u8]; 6] = [b"#", b"amp;", b"lt;", b"gt;", b"quot;", b"apos;"];
    let is_other = |at: &usize| {
        let name = &text[at + 1..];
        !PREDEFINED.iter().any(|known| name.starts_with(known))
    };
    memchr_iter(b'&', text).filter(is_other).count()
}
