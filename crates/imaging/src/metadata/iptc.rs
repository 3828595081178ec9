//! IPTC-IIM 4.2, records 1 and 2, and the image resources of Photoshop that hold them.

use eidetic_domain::{Details, Place, TakenSource};

use super::moment::Moment;
use super::text;

/// Number of an image resource.
pub const IPTC: u16 = 0x0404;
/// Number of an image resource.
pub const XMP: u16 = 0x0424;
/// Number of an image resource.
pub const EXIF: u16 = 0x0422;

/// Bytes of one data set that count.
const MAX_DATA: usize = 4 * text::MAX_LONG;

/// The resource with `number` among the image resources in `bytes`, which begin with `8BIM` each.
pub fn resource(bytes: &[u8], number: u16) -> Option<&[u8]> {
    let mut rest = bytes;
    while let Some(resource) = rest.strip_prefix(b"8BIM").or_else(|| rest.strip_prefix(b"MeSa")) {
        let (id, named) = resource.split_first_chunk::<2>()?;
        let name = usize::from(*named.first()?) + 1;
        let sized = named.get(name.next_multiple_of(2)..)?;
        let (size, data) = sized.split_first_chunk::<4>()?;
        let size = u32::from_be_bytes(*size) as usize;
        if u16::from_be_bytes(*id) == number {
            return Some(&data[..size.min(data.len())]);
        }
        rest = data.get(size..)?;
        // The pad byte after an odd size is missing in some files.
        if size % 2 == 1 && !rest.starts_with(b"8BIM") {
            rest = rest.get(1..)?;
        }
    }
    None
}

/// What the records say.
pub fn read(bytes: &[u8]) -> Details {
    let sets: Vec<DataSet<'_>> = DataSets(bytes).collect();
    let is_utf8 = sets
        .iter()
        .any(|set| set.id == (1, 90) && set.data.starts_with(b"\x1B%G"));
    let decode = |data: &[u8]| match std::str::from_utf8(data) {
        Ok(text) if is_utf8 || !text.is_ascii() => text.to_owned(),
        _ if is_utf8 => String::from_utf8_lossy(data).into_owned(),
        _ => text::latin1(data),
    };
    let all = |number| {
        let of_number = sets.iter().filter(move |set| set.id == (2, number));
        of_number.map(|set| decode(&set.data[..set.data.len().min(MAX_DATA)]))
    };
    let first = |number| all(number).find_map(|text| text::short(&text));
    let date = |date, time| {
        let moment = all(date).find_map(|text| Moment::parse(&text))?;
        Some(moment.with_time(&first(time).unwrap_or_default()))
    };
    Details {
        title: first(5).or_else(|| first(105)),
        description: all(120).find_map(|text| text::long(&text)),
        keywords: text::distinct(all(25)),
        creators: text::distinct(all(80)),
        copyright: first(116),
        place: Place {
            sublocation: first(92),
            city: first(90),
            state: first(95),
            country: first(101),
        },
        taken: date(55, 60)
            .or_else(|| date(62, 63))
            .map(|moment| moment.taken(TakenSource::Iptc)),
        ..Details::default()
    }
}

/// One data set: record and number, and its data.
struct DataSet<'a> {
    id: (u8, u8),
    data: &'a [u8],
}

/// The data sets from the start of the bytes, as far as they are whole.
struct DataSets<'a>(&'a [u8]);

impl<'a> Iterator for DataSets<'a> {
    type Item = DataSet<'a>;

    fn next(&mut self) -> Option<DataSet<'a>> {
        const MARKER: u8 = 0x1C;
        let &[MARKER, record, number, high, low, ref rest @ ..] = self.0 else {
            return None;
        };
        let (length, rest) = if high & 0x80 == 0 {
            (usize::from(u16::from_be_bytes([high, low])), rest)
        } else {
            long_length(usize::from(u16::from_be_bytes([high & 0x7F, low])), rest)?
        };
        let (data, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(DataSet {
            id: (record, number),
            data,
        })
    }
}

/// A length of `size` bytes, and what follows it. More than four are no length of anything in memory.
fn long_length(size: usize, bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = bytes.split_at_checked(size).filter(|_| size <= 4)?;
    Some((
        length.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte)),
        rest,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date as day;

    fn set(record: u8, number: u8, data: &[u8]) -> Vec<u8> {
        let length = (data.len() as u16).to_be_bytes();
        [&[0x1C, record, number], length.as_slice(), data].concat()
    }

    #[test]
    fn records_are_read_in_their_charset() {
        let records = |charset: &[u8], city: &[u8]| {
            [
                set(1, 90, charset),
                set(2, 5, b"Harbor"),
                set(2, 25, b"sea"),
                set(2, 25, b"Sea"),
                set(2, 25, b"ship"),
                set(2, 55, b"20040621"),
                set(2, 60, b"233753+0200"),
                set(2, 80, b"Ada"),
                set(2, 90, city),
                set(2, 101, b"Italy"),
                set(2, 120, b"Ships at noon"),
            ]
            .concat()
        };
        let details = read(&records(b"\x1B%G", "Zürich".as_bytes()));
        assert_eq!(details.title.as_deref(), Some("Harbor"));
        assert_eq!(details.keywords, ["sea", "ship"]);
        assert_eq!(details.creators, ["Ada"]);
        assert_eq!(details.place.city.as_deref(), Some("Zürich"));
        assert_eq!(details.place.country.as_deref(), Some("Italy"));
        assert_eq!(details.description.as_deref(), Some("Ships at noon"));
        let taken = details.taken.unwrap();
        assert_eq!(
            (taken.time, taken.offset_minutes),
            (day(2004, 6, 21).at(23, 37, 53, 0), Some(120))
        );
        let latin = read(&records(b"", b"Z\xFCrich"));
        assert_eq!(latin.place.city.as_deref(), Some("Zürich"));
    }

    #[test]
    fn resources_are_found_behind_others() {
        let resource_of = |id: u16, name: &[u8], data: &[u8]| {
            let mut bytes = [b"8BIM".as_slice(), &id.to_be_bytes(), &[name.len() as u8], name].concat();
            if name.len().is_multiple_of(2) {
                bytes.push(0);
            }
            bytes.extend((data.len() as u32).to_be_bytes());
            bytes.extend(data);
            if data.len() % 2 == 1 {
                bytes.push(0);
            }
            bytes
        };
        let bytes = [
            resource_of(0x03ED, b"", b"odd"),
            resource_of(0x03EE, b"name", b"even"),
            resource_of(IPTC, b"", &set(2, 5, b"T")),
        ]
        .concat();
        assert_eq!(resource(&bytes, IPTC), Some(set(2, 5, b"T").as_slice()));
        assert_eq!(resource(&bytes, XMP), None);
        for length in 0..bytes.len() {
            let _ = resource(&bytes[..length], IPTC).map(read);
        }
    }
}
