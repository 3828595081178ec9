//! XMP: Dublin Core, Photoshop, IPTC, Lightroom, EXIF in XMP, and faces as the Metadata Working Group and Microsoft
//! mark them.

#[cfg(test)]
mod tests;
mod tree;

use eidetic_domain::{Camera, Details, Exposure, GeoPosition, Place, Taken, TakenSource};

use self::tree::Node;
use super::exif_fields::{on_earth, percent_to_stars, stars};
use super::moment::Moment;
use super::text;

/// Bytes of a packet that are read.
pub const MAX_PACKET: usize = 4 << 20;

/// What a packet says, from its first bytes of at most [`MAX_PACKET`].
pub fn read(packet: &[u8]) -> Details {
    Properties::parse(packet).details()
}

/// The orientation in a packet, for files without EXIF: 1 to 8.
pub fn orientation(packet: &[u8]) -> Option<u8> {
    let number = Properties::parse(packet).number("tiff:Orientation")?;
    (1.0..=8.0).contains(&number).then_some(number as u8)
}

/// The properties of all descriptions in a packet.
struct Properties(Vec<Node>);

impl Properties {
    fn parse(packet: &[u8]) -> Self {
        let mut root = tree::parse(&decode(&packet[..packet.len().min(MAX_PACKET)]));
        let mut properties = Vec::new();
        collect(&mut root, 0, &mut properties);
        Self(properties)
    }

    fn details(&self) -> Details {
        Details {
            title: self
                .short("dc:title")
                .or_else(|| self.short("photoshop:Headline")),
            description: self
                .long("dc:description")
                .or_else(|| self.long("exif:UserComment"))
                .or_else(|| self.long("tiff:ImageDescription")),
            keywords: self.keywords(),
            hierarchical_keywords: self.hierarchical_keywords(),
            people: self.people(),
            rating: self
                .number("xmp:Rating")
                .and_then(stars)
                .or_else(|| percent_to_stars(self.number("MicrosoftPhoto:Rating")?)),
            label: self.short("xmp:Label"),
            creators: text::distinct(self.list("dc:creator")),
            copyright: self.short("dc:rights"),
            software: self
                .short("xmp:CreatorTool")
                .or_else(|| self.short("tiff:Software")),
            place: self.place(),
            altitude: self.altitude(),
            exposure: self.exposure(),
            taken: self.taken(),
            camera: self.camera(),
            position: self.position(),
            ..Details::default()
        }
    }

    fn find(&self, name: &str) -> Option<&Node> {
        self.0.iter().find(|property| property.name == name)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .filter(|property| property.name == name)
            .find_map(|property| Some(value(property)?.text.as_str()).filter(|text| !text.trim().is_empty()))
    }

    fn short(&self, name: &str) -> Option<String> {
        text::short(self.text(name)?)
    }

    fn long(&self, name: &str) -> Option<String> {
        text::long(self.text(name)?)
    }

    fn number(&self, name: &str) -> Option<f64> {
        text::number(self.text(name)?)
    }

    fn list(&self, name: &str) -> Vec<String> {
        let properties = self.0.iter().filter(|property| property.name == name);
        let items = properties.flat_map(items);
        items.map(|item| item.text.clone()).collect()
    }

    /// Subjects; some programs write one text with separators.
    fn keywords(&self) -> Vec<String> {
        let subjects = self.list("dc:subject");
        match subjects.as_slice() {
            [one] if one.contains(';') => text::distinct(one.split(';').map(ToOwned::to_owned)),
            _ => text::distinct(subjects),
        }
    }

    fn hierarchical_keywords(&self) -> Vec<String> {
        let of_digikam = self.list("digiKam:TagsList");
        let slashed = of_digikam.into_iter().map(|path| path.replace('/', "|"));
        let of_microsoft = self.list("MicrosoftPhoto:LastKeywordXMP");
        let nested = of_microsoft.into_iter().filter(|path| path.contains('/'));
        let nested = nested.map(|path| path.replace('/', "|"));
        let mut paths = self.list("lr:hierarchicalSubject");
        paths.extend(slashed);
        paths.extend(nested);
        text::distinct(paths)
    }

    fn people(&self) -> Vec<String> {
        let mut names = Vec::new();
        if let Some(regions) = self
            .find("mwg-rs:Regions")
            .and_then(|info| field(info, "mwg-rs:RegionList"))
        {
            for region in items(regions) {
                let kind = field(region, "mwg-rs:Type").map(|kind| kind.text.trim());
                let is_face = kind.is_none_or(|kind| kind.eq_ignore_ascii_case("face"));
                names.extend(field(region, "mwg-rs:Name").filter(|_| is_face));
            }
        }
        if let Some(regions) = self
            .find("MP:RegionInfo")
            .and_then(|info| field(info, "MPRI:Regions"))
        {
            names.extend(items(regions).filter_map(|region| field(region, "MPReg:PersonDisplayName")));
        }
        let mut names: Vec<String> = names.into_iter().map(|name| name.text.clone()).collect();
        names.extend(self.list("Iptc4xmpExt:PersonInImage"));
        text::distinct(names)
    }

    fn place(&self) -> Place {
        let place = Place {
            sublocation: self.short("Iptc4xmpCore:Location"),
            city: self.short("photoshop:City"),
            state: self.short("photoshop:State"),
            country: self.short("photoshop:Country"),
        };
        if place != Place::default() {
            return place;
        }
        let created = self
            .find("Iptc4xmpExt:LocationCreated")
            .and_then(|place| items(place).next());
        let name = |part| created.and_then(|place| text::short(&value(field(place, part)?)?.text));
        Place {
            sublocation: name("Iptc4xmpExt:Sublocation"),
            city: name("Iptc4xmpExt:City"),
            state: name("Iptc4xmpExt:ProvinceState"),
            country: name("Iptc4xmpExt:CountryName"),
        }
    }

    fn exposure(&self) -> Exposure {
        let positive = |name| self.number(name).filter(|number| *number > 0.0);
        let iso = self
            .list("exif:ISOSpeedRatings")
            .first()
            .and_then(|iso| text::number(iso));
        let iso = iso.or_else(|| self.number("exifEX:PhotographicSensitivity"));
        Exposure {
            lens: ["exifEX:LensModel", "aux:Lens", "exif:LensModel"]
                .into_iter()
                .find_map(|name| self.short(name)),
            seconds: positive("exif:ExposureTime"),
            f_number: positive("exif:FNumber"),
            iso: iso
                .filter(|iso| (1.0..=1e8).contains(iso))
                .map(|iso| iso.round() as u32),
            focal_length: positive("exif:FocalLength"),
            focal_length_35mm: positive("exif:FocalLengthIn35mmFilm"),
        }
    }

    fn taken(&self) -> Option<Taken> {
        [
            "exif:DateTimeOriginal",
            "photoshop:DateCreated",
            "xmp:CreateDate",
            "exif:DateTimeDigitized",
        ]
        .into_iter()
        .find_map(|name| Moment::parse(self.text(name)?))
        .map(|moment| moment.taken(TakenSource::Xmp))
    }

    fn camera(&self) -> Option<Camera> {
        let (make, model) = (self.short("tiff:Make"), self.short("tiff:Model"));
        (make.is_some() || model.is_some()).then_some(Camera { make, model })
    }

    fn position(&self) -> Option<GeoPosition> {
        on_earth(
            degrees(self.text("exif:GPSLatitude")?)?,
            degrees(self.text("exif:GPSLongitude")?)?,
        )
    }

    fn altitude(&self) -> Option<f64> {
        let altitude = self.number("exif:GPSAltitude")?;
        let is_below = self
            .text("exif:GPSAltitudeRef")
            .is_some_and(|text| text.trim() == "1");
        (altitude.abs() < 100_000.0).then_some(if is_below { -altitude } else { altitude })
    }
}

/// `43,28.7N`, `43,28,42N` or a decimal number.
fn degrees(text: &str) -> Option<f64> {
    let text = text.trim();
    let (number, sign) = match text.chars().last()?.to_ascii_uppercase() {
        'N' | 'E' => (&text[..text.len() - 1], 1.0),
        'S' | 'W' => (&text[..text.len() - 1], -1.0),
        _ => (text, 1.0),
    };
    let mut parts = number.split(',').map(text::number);
    let (degrees, minutes, seconds) = (parts.next()??, parts.next(), parts.next());
    let part = |part: Option<Option<f64>>| part.map_or(Some(0.0), |part| part);
    Some(sign * (degrees + part(minutes)? / 60.0 + part(seconds)? / 3600.0))
}

/// Moves the properties out of all descriptions. Those within a property are its fields.
fn collect(node: &mut Node, depth: usize, properties: &mut Vec<Node>) {
    /// `x:xmpmeta`, `rdf:RDF`, `rdf:Description`.
    const LEVELS: usize = 3;
    for child in &mut node.children {
        if child.name == "rdf:Description" {
            properties.append(&mut child.children);
        } else if depth < LEVELS {
            collect(child, depth + 1, properties);
        }
    }
}

/// The field `name` of a structure, in any of the forms that RDF allows.
fn field<'a>(structure: &'a Node, name: &str) -> Option<&'a Node> {
    let inner = structure
        .child("rdf:Description")
        .or_else(|| structure.child("rdf:value"));
    structure.child(name).or_else(|| inner?.child(name))
}

/// The items of an array; the node itself where it is none but has a text.
fn items(node: &Node) -> impl Iterator<Item = &Node> {
    let array = ["rdf:Bag", "rdf:Seq", "rdf:Alt"]
        .into_iter()
        .find_map(|kind| node.child(kind));
    let items = array.map_or(&[][..], |array| &array.children);
    let own = Some(node).filter(|node| array.is_none() && !node.text.trim().is_empty());
    items.iter().filter(|item| item.name == "rdf:li").chain(own)
}

/// The value of a property: of alternatives, the default one.
fn value(property: &Node) -> Option<&Node> {
    let is_default = |item: &&Node| {
        item.child("xml:lang")
            .is_some_and(|lang| lang.text == "x-default")
    };
    let default = items(property)
        .find(is_default)
        .filter(|item| !item.text.trim().is_empty());
    let qualified = property.child("rdf:value");
    default
        .or_else(|| items(property).next())
        .or(qualified)
        .or(Some(property))
}

/// XMP is UTF-8, seldom UTF-16.
fn decode(packet: &[u8]) -> String {
    match packet {
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0, b'<', ..] => utf16(packet, u16::from_be_bytes),
        [b'<', 0, ..] => utf16(packet, u16::from_le_bytes),
        _ => String::from_utf8_lossy(packet).into_owned(),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|&pair| unit(pair)).collect();
    String::from_utf16_lossy(&units)
}
