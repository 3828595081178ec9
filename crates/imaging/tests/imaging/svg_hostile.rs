//! Drawings made to take time, memory or the whole stack.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use eidetic_imaging::{DecodeLimits, ImagingError, decode};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::svg::document;

/// Decoding ends soon, whatever the result; it is returned.
fn quickly(bytes: &[u8]) -> Result<(u32, u32), ImagingError> {
    let start = Instant::now();
    let result = decode(bytes, &DecodeLimits::default()).map(|decoded| decoded.image.dimensions());
    assert!(
        start.elapsed() < Duration::from_secs(30),
        "{:?}: {result:?}",
        start.elapsed()
    );
    result
}

fn refused(content: &str) {
    let result = quickly(&document("width='2000' height='2000'", content));
    assert!(matches!(result, Err(ImagingError::TooLarge { .. })), "{result:?}");
}

fn circular(content: &str) {
    let result = quickly(&document("width='100' height='100'", content));
    let message = result.expect_err("a circle").to_string();
    assert!(message.contains("refer to themselves"), "{message}");
}

#[test]
fn entity_bombs_are_refused() {
    let mut entities = String::from("<!ENTITY a0 'ha'>");
    for level in 1..10 {
        let inner = format!("&a{};", level - 1).repeat(10);
        write!(entities, "<!ENTITY a{level} '{inner}'>").unwrap();
    }
    for (entities, content) in [
        (entities, "<text>&a9;</text>".to_owned()),
        (
            format!("<!ENTITY a '{}'>", "x".repeat(10_000)),
            format!("<text>{}</text>", "&a;".repeat(100_000)),
        ),
        ("<!ENTITY a '<g><g><g/></g></g>'>".to_owned(), "&a;".to_owned()),
    ] {
        let text =
            format!("<!DOCTYPE svg [{entities}]><svg xmlns='http://www.w3.org/2000/svg'>{content}</svg>");
        let result = quickly(text.as_bytes());
        assert!(matches!(result, Err(ImagingError::TooLarge { .. })), "{result:?}");
    }
}

#[test]
fn packed_bomb_is_refused() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder
        .write_all(b"<svg xmlns='http://www.w3.org/2000/svg'>")
        .unwrap();
    for _ in 0..64 {
        encoder.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    let result = quickly(&encoder.finish().unwrap());
    assert!(matches!(result, Err(ImagingError::TooLarge { .. })), "{result:?}");
}

#[test]
fn deep_nesting_is_refused() {
    for levels in [101, 100_000] {
        refused(&format!("{}{}", "<g>".repeat(levels), "</g>".repeat(levels)));
    }
    let allowed = format!(
        "{}<path d='M0 0h9v9'/>{}",
        "<g opacity='.9'>".repeat(95),
        "</g>".repeat(95)
    );
    assert!(quickly(&document("width='10' height='10'", &allowed)).is_ok());
}

#[test]
fn repeated_uses_are_refused() {
    let mut content = String::from("<rect id='u0' width='1' height='1'/>");
    for level in 1..40 {
        let uses = format!("<use xlink:href='#u{}'/>", level - 1).repeat(10);
        write!(content, "<g id='u{level}'>{uses}</g>").unwrap();
    }
    refused(&content);
}

#[test]
fn repeated_references_are_refused() {
    for (element, property) in [
        ("pattern", "fill"),
        ("clipPath", "clip-path"),
        ("mask", "mask"),
        ("marker", "marker-mid"),
    ] {
        let mut content = String::new();
        for level in 0..30 {
            let shapes = format!("<path {property}='url(#e{})' d='M0 0h1v1h1'/>", level + 1).repeat(10);
            write!(
                content,
                "<{element} id='e{level}' width='1' height='1'>{shapes}</{element}>"
            )
            .unwrap();
        }
        write!(
            content,
            "<{element} id='e30'/><path {property}='url(#e0)' d='M0 0h1v1h1'/>"
        )
        .unwrap();
        refused(&content);
    }
}

#[test]
fn long_chain_of_references_is_refused() {
    let mut content = String::new();
    for level in 0..10_000 {
        write!(
            content,
            "<clipPath id='c{level}' clip-path='url(#c{})'><path d='M0 0h9v9'/></clipPath>",
            level + 1
        )
        .unwrap();
    }
    refused(&format!("{content}<path clip-path='url(#c0)' d='M0 0h9v9'/>"));
}

#[test]
fn circles_are_found_however_they_are_closed() {
    let clip = |id: &str, other: &str| {
        format!("<clipPath id='{id}' {other}><rect width='9' height='9'/></clipPath>")
    };
    let three = [
        clip("a", "clip-path='url(#b)'"),
        clip("b", "clip-path='url( \"#c\" )'"),
        clip("c", "class='c'"),
    ];
    circular(&format!(
        "<style>.c {{ clip-path: url(#a) }}</style>{}<g clip-path='url(#a)'/>",
        three.concat()
    ));
    circular(
        "<g id='a'><use href='#b'/></g><g id='b'><use xlink:href='#c'/></g><g id='c'><use href='#a'/></g>",
    );
    // By inheritance.
    circular(
        "<g fill='url(#p)'><pattern id='p' width='9' height='9'><rect width='5' height='5'/></pattern><rect width='9' height='9'/></g>",
    );
    circular(
        "<filter id='f'><feImage href='#g'/></filter><mask id='m'><g filter='url(#f)'/></mask><g id='g' mask='url(#m)'/>",
    );
}

#[test]
fn huge_filters_end_soon() {
    for part in [
        "<feGaussianBlur stdDeviation='10000'/>",
        "<feMorphology operator='dilate' radius='1000'/>",
        "<feTurbulence baseFrequency='0.1' numOctaves='1000000'/>",
        "<feConvolveMatrix order='50' kernelMatrix='KERNEL'/>",
    ] {
        let part = part.replace("KERNEL", &"1 ".repeat(2500));
        for count in [1, 200] {
            let content = format!(
                "<filter id='f' x='-10' y='-10' width='21' height='21'>{}</filter><rect filter='url(#f)' width='2000' height='2000'/>",
                part.repeat(count)
            );
            let _ = quickly(&document("width='2000' height='2000'", &content));
        }
    }
}

#[test]
fn large_layers_stay_within_memory() {
    let content = format!(
        "{}<rect x='-9000' y='-9000' width='20000' height='20000'/>{}",
        "<g opacity='.5'>".repeat(40),
        "</g>".repeat(40)
    );
    // At a smaller size the layers fit.
    let size = quickly(&document("width='2000' height='2000'", &content)).expect("a drawing");
    assert!(size.0 < 512, "{size:?}");
    refused(
        "<pattern id='p' width='1e6' height='1e6' patternUnits='userSpaceOnUse'><path d='M0 0h9v9'/></pattern>
         <rect fill='url(#p)' width='2000' height='2000'/>",
    );
}

#[test]
fn many_points_and_dashes_end_soon() {
    let zigzag = format!("M0 0{}", "L9 2000L1 0".repeat(200_000));
    let _ = quickly(&document(
        "width='2000' height='2000'",
        &format!("<path stroke='red' d='{zigzag}'/>"),
    ));
    let dashed = "<path stroke='red' stroke-dasharray='.01' d='M0 0L2000 2000'/>".repeat(1_000);
    let _ = quickly(&document("width='2000' height='2000'", &dashed));
}

#[test]
fn many_style_rules_end_soon() {
    let rules = ".a g g g g g g { fill: red }".repeat(1_000);
    let elements = "<g><g><g><g><g><path d='M0 0h9v9'/></g></g></g></g></g>".repeat(10_000);
    refused(&format!("<style>{rules}</style>{elements}"));
}

#[test]
fn many_attributes_and_namespaces_are_refused() {
    let attributes: Vec<String> = (0..100_000).map(|n| format!("a{n}=''")).collect();
    refused(&format!("<g {}/>", attributes.join(" ")));
    let namespaces: Vec<String> = (0..100).map(|n| format!("xmlns:a{n}='a'")).collect();
    refused(&format!("<g {}><g/></g>", namespaces.join(" ")));
}

#[test]
fn large_embedded_pictures_are_left_out() {
    // The header of a PNG of 30,000 × 30,000 pixels.
    let png = "iVBORw0KGgoAAAANSUhEUgAAdTAAAHUwCAIAAAAAAAAA";
    let content = format!("<image width='10' height='10' href='data:image/png;base64,{png}'/>");
    assert!(quickly(&document("width='10' height='10'", &content)).is_ok());
}
