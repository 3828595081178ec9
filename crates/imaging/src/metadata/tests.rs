//! Blocks in files of each format, and damaged files.

use std::time::{Duration, Instant};

use eidetic_domain::{SplitMix64, TakenSource};

use super::samples::{Value, exif_block};
use super::*;

const PACKET: &str = r#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Harbor</rdf:li></rdf:Alt></dc:title>
<dc:subject><rdf:Bag><rdf:li>sea</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"#;

fn exif() -> Vec<u8> {
    exif_block(
        &[
            (0x0110, Value::text("Box camera")),
            (0x010E, Value::text("Ships")),
        ],
        &[(0x9003, Value::text("2019:07:04 12:30:59"))],
        &[],
    )
}

fn iptc() -> Vec<u8> {
    b"\x1C\x02\x19\0\x04ship\x1C\x02\x5A\0\x05Genoa".to_vec()
}

fn resources() -> Vec<u8> {
    let iptc = iptc();
    let length = (iptc.len() as u32).to_be_bytes();
    [b"8BIM\x04\x04\0\0".as_slice(), &length, &iptc].concat()
}

fn jpeg() -> Vec<u8> {
    let segment = |marker: u8, content: &[u8]| {
        let length = (content.len() as u16 + 2).to_be_bytes();
        [&[0xFF, marker], length.as_slice(), content].concat()
    };
    [
        vec![0xFF, 0xD8],
        segment(0xE1, &[b"Exif\0\0".as_slice(), &exif()].concat()),
        segment(
            0xE1,
            &[b"http://ns.adobe.com/xap/1.0/\0", PACKET.as_bytes()].concat(),
        ),
        segment(0xED, &[b"Photoshop 3.0\0".as_slice(), &resources()].concat()),
        vec![0xFF, 0xDA, 0, 2, 0xFF, 0xD9],
    ]
    .concat()
}

fn png_chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u32).to_be_bytes();
    [&length, kind.as_slice(), data, &[0; 4]].concat()
}

fn png() -> Vec<u8> {
    let packed = miniz_oxide::deflate::compress_to_vec_zlib(PACKET.as_bytes(), 6);
    let hex: String = resources()
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    [
        b"\x89PNG\r\n\x1A\n".to_vec(),
        png_chunk(*b"tEXt", b"Software\0Z\xFCri"),
        png_chunk(
            *b"tEXt",
            format!("Raw profile type iptc\0\niptc\n      40\n{hex}\n").as_bytes(),
        ),
        png_chunk(
            *b"iTXt",
            &[b"XML:com.adobe.xmp\0\x01\0\0\0".as_slice(), &packed].concat(),
        ),
        png_chunk(*b"IDAT", &[0; 10]),
        png_chunk(*b"eXIf", &exif()),
        png_chunk(*b"IEND", &[]),
    ]
    .concat()
}

fn file_box(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32 + 8).to_be_bytes();
    [&length, kind.as_slice(), content].concat()
}

fn webp() -> Vec<u8> {
    let chunk = |kind: &[u8; 4], data: &[u8]| {
        let mut chunk = [kind.as_slice(), &(data.len() as u32).to_le_bytes(), data].concat();
        chunk.resize(chunk.len().next_multiple_of(2), 0);
        chunk
    };
    [
        b"RIFF\0\0\0\0WEBP".to_vec(),
        chunk(b"VP8 ", b"odd"),
        chunk(b"EXIF", &exif()),
        chunk(b"XMP ", PACKET.as_bytes()),
    ]
    .concat()
}

fn gif() -> Vec<u8> {
    let trailer: Vec<u8> = [1].into_iter().chain((0..=255).rev()).chain([0]).collect();
    [
        b"GIF89a\0\0\x21\xFF\x0BXMP DataXMP".as_slice(),
        PACKET.as_bytes(),
        &trailer,
        b";",
    ]
    .concat()
}

fn tiff() -> Vec<u8> {
    exif_block(
        &[
            (0x010E, Value::text("Ships")),
            (0x0110, Value::text("Box camera")),
            (700, Value::Bytes(1, PACKET.as_bytes().to_vec())),
            (33_723, Value::Bytes(7, iptc())),
        ],
        &[(0x9003, Value::text("2019:07:04 12:30:59"))],
        &[],
    )
}

fn jpeg_xl() -> Vec<u8> {
    [
        file_box(*b"JXL ", b"\r\n\x87\n"),
        file_box(*b"Exif", &[&[0; 4], exif().as_slice()].concat()),
        file_box(*b"xml ", PACKET.as_bytes()),
    ]
    .concat()
}

fn jpeg_2000() -> Vec<u8> {
    let xmp = b"\xBE\x7A\xCF\xCB\x97\xA9\x42\xE8\x9C\x71\x99\x94\x91\xE3\xAF\xAC";
    [
        file_box(*b"jP  ", b"\r\n\x87\n"),
        file_box(*b"uuid", &[b"JpgTiffExif->JP2".as_slice(), &exif()].concat()),
        file_box(*b"uuid", &[xmp.as_slice(), PACKET.as_bytes()].concat()),
    ]
    .concat()
}

/// EXIF in the file, XMP in the data of the box.
fn heif() -> Vec<u8> {
    let entry = |id: u8, kind: &[u8]| file_box(*b"infe", &[&[2, 0, 0, 0, 0, id, 0, 0], kind].concat());
    let information = [
        vec![0, 0, 0, 0, 0, 2],
        entry(1, b"Exif\0"),
        entry(2, b"mime\0application/rdf+xml\0"),
    ]
    .concat();
    let exif = [&[0; 4], exif().as_slice()].concat();
    let start = file_box(*b"ftyp", b"heic\0\0\0\0mif1heic");
    let exif_at = start.len() + 8;
    let location = |id: u8, method: u8, offset: usize, length: usize| {
        let numbers = [(offset as u32).to_be_bytes(), (length as u32).to_be_bytes()].concat();
        [&[0, id, 0, method, 0, 0, 0, 1], numbers.as_slice()].concat()
    };
    let locations = [
        vec![1, 0, 0, 0, 0x44, 0x00, 0, 2],
        location(1, 0, exif_at, exif.len()),
        location(2, 1, 0, PACKET.len()),
    ]
    .concat();
    let meta = [
        vec![0; 4],
        file_box(*b"iinf", &information),
        file_box(*b"iloc", &locations),
        file_box(*b"idat", PACKET.as_bytes()),
    ]
    .concat();
    [start, file_box(*b"mdat", &exif), file_box(*b"meta", &meta)].concat()
}

fn photoshop() -> Vec<u8> {
    let resources = resources();
    let mut file = b"8BPS".to_vec();
    file.resize(26, 0);
    file.extend([0; 4]);
    file.extend((resources.len() as u32).to_be_bytes());
    file.extend(resources);
    file
}

#[test]
fn every_container_gives_its_blocks() {
    for (name, file) in [
        ("JPEG", jpeg()),
        ("PNG", png()),
        ("WebP", webp()),
        ("TIFF", tiff()),
        ("JPEG XL", jpeg_xl()),
        ("JPEG 2000", jpeg_2000()),
        ("HEIF", heif()),
    ] {
        let details = read_details(&file);
        assert_eq!(details.title.as_deref(), Some("Harbor"), "{name}");
        assert_eq!(details.rating, Some(4), "{name}");
        assert_eq!(details.description.as_deref(), Some("Ships"), "{name}");
        assert_eq!(details.keywords[0], "sea", "{name}");
        let model = details.camera.and_then(|camera| camera.model);
        assert_eq!(model.as_deref(), Some("Box camera"), "{name}");
        assert_eq!(
            details.taken.map(|taken| taken.source),
            Some(TakenSource::Exif),
            "{name}"
        );
    }
    for (name, file) in [
        ("JPEG", jpeg()),
        ("PNG", png()),
        ("TIFF", tiff()),
        ("PSD", photoshop()),
    ] {
        let details = read_details(&file);
        assert_eq!(
            details.keywords.last().map(String::as_str),
            Some("ship"),
            "{name}"
        );
        assert_eq!(details.place.city.as_deref(), Some("Genoa"), "{name}");
    }
    assert_eq!(read_details(&gif()).title.as_deref(), Some("Harbor"));
    assert_eq!(read_details(&png()).software.as_deref(), Some("Züri"));
}

#[test]
fn head_of_jpeg_suffices_with_scan() {
    let file = jpeg();
    assert!(has_all_details(&file));
    assert!(!has_all_details(&file[..file.len() - 8]));
    assert!(!has_all_details(&png()));
}

/// Files with a few bytes changed, cut or doubled are read without a panic and in little time.
#[test]
fn mutated_files_never_panic() {
    let files = [
        jpeg(),
        png(),
        webp(),
        gif(),
        tiff(),
        jpeg_xl(),
        jpeg_2000(),
        heif(),
        photoshop(),
        PACKET.into(),
    ];
    let mut random = SplitMix64::new(7);
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(3) {
        for file in &files {
            let mut mutated = file.clone();
            for _ in 0..=random.next_u64() % 8 {
                let at = (random.next_u64() % mutated.len() as u64) as usize;
                match random.next_u64() % 4 {
                    0 => mutated[at] = random.next_u64() as u8,
                    1 => mutated[at] = [0, 1, 0x7F, 0x80, 0xFF][(random.next_u64() % 5) as usize],
                    2 => mutated[at] ^= 1 << (random.next_u64() % 8),
                    _ if random.next_u64().is_multiple_of(8) => mutated.truncate(at + 1),
                    _ => mutated.insert(at, random.next_u64() as u8),
                }
            }
            let one = Instant::now();
            let _ = read_details(&mutated);
            let _ = read_side_car(SideCarKind::Xmp, &mutated, "a.jpg");
            let _ = read_side_car(SideCarKind::Picasa, &mutated, "a.jpg");
            assert!(
                one.elapsed() < Duration::from_secs(2),
                "a file of {} bytes",
                mutated.len()
            );
        }
    }
}

#[test]
fn boxes_of_canon_raw_are_read() {
    let main = exif_block(&[(0x0110, Value::text("Box camera"))], &[], &[]);
    let photo = exif_block(&[(0x9003, Value::text("2019:07:04 12:30:59"))], &[], &[]);
    let gps = exif_block(
        &[
            (1, Value::text("N")),
            (2, Value::Fractions(vec![(44, 1), (24, 1), (0, 1)])),
            (3, Value::text("E")),
            (4, Value::Fractions(vec![(8, 1), (55, 1), (0, 1)])),
        ],
        &[],
        &[],
    );
    let boxed = |kind: &[u8], content: &[u8]| {
        let length = (content.len() as u32 + 8).to_be_bytes();
        [&length, kind, content].concat()
    };
    let file = [
        boxed(b"ftyp", b"crx \0\0\0\x01crx isom"),
        boxed(b"CMT1", &main),
        boxed(b"CMT2", &photo),
        boxed(b"CMT4", &gps),
    ]
    .concat();
    let details = read_details(&file);
    let camera = details.camera.and_then(|camera| camera.model);
    assert_eq!(camera.as_deref(), Some("Box camera"));
    assert_eq!(details.taken.map(|taken| taken.source), Some(TakenSource::Exif));
    assert!(
        details
            .position
            .is_some_and(|position| (position.latitude - 44.4).abs() < 1e-9)
    );
}

#[test]
fn directories_of_big_tiff_are_read() {
    let entry = |tag: u16, kind: u16, count: u64, field: u64| {
        [
            tag.to_le_bytes().as_slice(),
            &kind.to_le_bytes(),
            &count.to_le_bytes(),
            &field.to_le_bytes(),
        ]
        .concat()
    };
    let date = b"2019:07:04 12:30:59\0";
    let (main, photo, text) = (16, 16 + 8 + 2 * 20 + 8, 16 + 8 + 2 * 20 + 8 + 8 + 20 + 8);
    let file = [
        b"II+\0\x08\0\0\0".as_slice(),
        &u64::to_le_bytes(main),
        &u64::to_le_bytes(2),
        &entry(0x0110, 2, 4, u64::from_le_bytes(*b"Box\0\0\0\0\0")),
        &entry(0x8769, 18, 1, photo),
        &[0; 8],
        &u64::to_le_bytes(1),
        &entry(0x9003, 2, date.len() as u64, text),
        &[0; 8],
        date,
    ]
    .concat();
    let details = read_details(&file);
    let camera = details.camera.and_then(|camera| camera.model);
    assert_eq!(camera.as_deref(), Some("Box"));
    assert_eq!(details.taken.map(|taken| taken.source), Some(TakenSource::Exif));
    for length in 0..file.len() {
        let _ = read_details(&file[..length]);
    }
}
