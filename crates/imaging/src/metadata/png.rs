//! Metadata in the chunks of PNG files: `eXIf`, texts, and profiles that some programs write as texts.

use std::borrow::Cow;

use eidetic_domain::{Details, TakenSource};
use jiff::fmt::rfc2822;

use super::blocks::Blocks;
use super::iptc;
use super::moment::Moment;
use super::text;
use super::xmp::MAX_PACKET;
use crate::png_texts::{Text, raw_profile};

/// Bytes of an unpacked text that are kept.
const MAX_UNPACKED: usize = MAX_PACKET;
/// Texts that are kept.
const MAX_TEXTS: usize = 200;
/// Bytes of a keyword.
const MAX_KEYWORD: usize = 79;
const PROFILE: &str = "Raw profile type ";

/// The blocks of metadata in a PNG file, before and behind the pixels.
pub fn blocks(bytes: &[u8]) -> Blocks<'_> {
    let mut blocks = Blocks::default();
    let mut rest = bytes.get(8..).unwrap_or_default();
    while let Some((kind, data, next)) = chunk(rest) {
        rest = next;
        match kind {
            b"eXIf" => {
                blocks.exif.get_or_insert(Cow::Borrowed(data));
            }
            b"tEXt" | b"zTXt" | b"iTXt" if blocks.texts.len() < MAX_TEXTS => {
                if let Some(text) = Text::read(*kind, data) {
                    add_text(&mut blocks, &text);
                }
            }
            b"IEND" => break,
            _ => {}
        }
    }
    blocks
}

/// A chunk's kind and data, and what follows it. The data may be cut at the end of the file.
fn chunk(bytes: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    const CRC: usize = 4;
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (kind, rest) = rest.split_first_chunk::<4>()?;
    let length = u32::from_be_bytes(*length) as usize;
    let data = &rest[..length.min(rest.len())];
    let next = length.checked_add(CRC).and_then(|end| rest.get(end..));
    Some((kind, data, next.unwrap_or_default()))
}

fn add_text(blocks: &mut Blocks<'_>, text: &Text<'_>) {
    let name = text::latin1(&text.keyword[..text.keyword.len().min(MAX_KEYWORD)]);
    let text = text.unpacked(MAX_UNPACKED);
    if name == "XML:com.adobe.xmp" {
        blocks.xmp.push(Cow::Owned(text.into_owned()));
    } else if let Some(kind) = name.strip_prefix(PROFILE) {
        if let Some(profile) = raw_profile(&text) {
            add_profile(blocks, kind, profile);
        }
    } else {
        let bounded = &text[..text.len().min(4 * text::MAX_LONG)];
        blocks.texts.push((name, text::decode(bounded)));
    }
}

fn add_profile(blocks: &mut Blocks<'_>, kind: &str, profile: Vec<u8>) {
    const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
    match kind {
        "exif" | "APP1" | "app1" => {
            if let Some(packet) = profile.strip_prefix(XMP) {
                blocks.xmp.push(Cow::Owned(packet.to_vec()));
            } else if blocks.exif.is_none() {
                blocks.exif = Some(Cow::Owned(profile));
            }
        }
        "xmp" => blocks.xmp.push(Cow::Owned(profile)),
        "iptc" | "8bim" | "IPTC" if blocks.iptc.is_none() => {
            let records = iptc::resource(&profile, iptc::IPTC).map(<[u8]>::to_vec);
            blocks.iptc = Some(Cow::Owned(records.unwrap_or(profile)));
        }
        _ => {}
    }
}

/// What the texts say, by the names that the PNG specification gives them.
pub fn read_texts(texts: &[(String, String)]) -> Details {
    let named = |name: &str| {
        let found = texts.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, text)| text.as_str())
    };
    let short = |name| named(name).and_then(text::short);
    let keywords = named("Keywords").unwrap_or_default();
    let created = named("Creation Time").or_else(|| named("create-date"));
    Details {
        title: short("Title"),
        description: named("Description")
            .or_else(|| named("Comment"))
            .and_then(text::long),
        keywords: text::distinct(keywords.split([',', ';']).map(ToOwned::to_owned)),
        creators: text::distinct(named("Author").map(ToOwned::to_owned)),
        copyright: short("Copyright"),
        software: short("Software"),
        taken: created
            .and_then(creation_time)
            .map(|moment| moment.taken(TakenSource::PngText)),
        ..Details::default()
    }
}

/// The form of e-mail, `Tue, 24 Jan 2017 16:11:25 +0100`, or one of those that other metadata have.
fn creation_time(text: &str) -> Option<Moment> {
    /// Longer texts are no dates.
    const MAX_DATE: usize = 64;
    if text.len() > MAX_DATE {
        return None;
    }
    let parsed = rfc2822::DateTimeParser::new().parse_zoned(text.trim()).ok();
    match parsed {
        Some(zoned) => {
            let iso = Moment::parse(&zoned.datetime().to_string())?;
            Some(Moment {
                offset_minutes: i16::try_from(zoned.offset().seconds() / 60).ok(),
                ..iso
            })
        }
        None => Moment::parse(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date as day;

    #[test]
    fn creation_times_are_read_in_all_forms() {
        let time = day(2017, 1, 24).at(16, 11, 25, 0);
        for (text, offset) in [
            ("Tue, 24 Jan 2017 16:11:25 GMT", Some(0)),
            ("24 Jan 2017 16:11:25 +0100", Some(60)),
            ("2017-01-24T16:11:25Z", Some(0)),
            ("2017:01:24 16:11:25", None),
        ] {
            let moment = creation_time(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((moment.time, moment.offset_minutes), (time, offset), "{text}");
        }
        assert_eq!(creation_time("yesterday"), None);
    }
}
