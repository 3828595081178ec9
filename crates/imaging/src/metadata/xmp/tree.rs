//! An XMP packet as a tree of bounded size.

use std::collections::HashMap;

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// Most elements and attributes; more are left out.
const MAX_NODES: usize = 50_000;
/// Elements within so many others are left out.
const MAX_DEPTH: usize = 40;

/// The prefixes that names have here, whatever the packet calls them.
const PREFIXES: [(&str, &str); 26] = [
    ("http://www.w3.org/1999/02/22-rdf-syntax-ns#", "rdf"),
    ("http://purl.org/dc/elements/1.1/", "dc"),
    ("http://ns.adobe.com/lightroom/1.0/", "lr"),
    ("http://ns.adobe.com/xap/1.0/", "xmp"),
    ("http://ns.adobe.com/xap/1.0/rights/", "xmpRights"),
    ("http://ns.adobe.com/photoshop/1.0/", "photoshop"),
    ("http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/", "Iptc4xmpCore"),
    ("http://iptc.org/std/Iptc4xmpExt/2008-02-29/", "Iptc4xmpExt"),
    ("http://www.metadataworkinggroup.com/schemas/regions/", "mwg-rs"),
    ("http://www.metadataworkinggroup.com/schemas/keywords/", "mwg-kw"),
    ("http://ns.microsoft.com/photo/1.0", "MicrosoftPhoto"),
    ("http://ns.microsoft.com/photo/1.0/", "MicrosoftPhoto"),
    ("http://ns.microsoft.com/photo/1.2/", "MP"),
    ("http://ns.microsoft.com/photo/1.2/t/RegionInfo#", "MPRI"),
    ("http://ns.microsoft.com/photo/1.2/t/Region#", "MPReg"),
    ("http://ns.adobe.com/exif/1.0/", "exif"),
    ("http://cipa.jp/exif/1.0/", "exifEX"),
    ("http://ns.adobe.com/exif/1.0/aux/", "aux"),
    ("http://ns.adobe.com/tiff/1.0/", "tiff"),
    ("http://www.digikam.org/ns/1.0/", "digiKam"),
    ("http://ns.acdsee.com/iptc/1.0/", "acdsee"),
    ("http://ns.acdsee.com/regions/", "acdsee-rs"),
    ("http://ns.apple.com/faceinfo/1.0/", "apple-fi"),
    ("http://ns.google.com/photos/1.0/image/", "GImage"),
    ("http://www.w3.org/XML/1998/namespace", "xml"),
    ("http://ns.adobe.com/xmp/note/", "xmpNote"),
];

/// An element, or an attribute as an element without children.
#[derive(Debug, Default)]
pub struct Node {
    /// `prefix:name` with the prefix from the table above.
    pub name: String,
    pub text: String,
    pub children: Vec<Node>,
}

impl Node {
    /// The first child with `name`.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }
}

/// Parses as much of `packet` as is well formed. The result has the packet's elements as its children.
pub fn parse(packet: &str) -> Node {
    let mut reader = Reader::from_str(packet);
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    reader.config_mut().allow_dangling_amp = true;
    let mut builder = Builder::default();
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => builder.open(&start),
            Ok(Event::Empty(start)) => {
                builder.open(&start);
                builder.close();
            }
            Ok(Event::End(_)) => builder.close(),
            Ok(Event::Text(text)) => builder.text(&text.xml10_content()),
            Ok(Event::CData(text)) => builder.text(&text.xml10_content()),
            Ok(Event::GeneralRef(reference)) => {
                if let Ok(Some(character)) = reference.resolve_char_ref() {
                    builder.text(character.encode_utf8(&mut [0; 4]));
                } else if let Some(text) = resolve_xml_entity(&reference.into_inner()) {
                    builder.text(text);
                }
            }
            Ok(Event::Eof) | Err(_) => return builder.finish(),
            Ok(_) => {}
        }
    }
}

#[derive(Default)]
struct Builder {
    /// The open elements, below the root.
    open: Vec<Node>,
    root: Node,
    nodes: usize,
    /// Open elements that are left out, because they are too deep or too many.
    skipped: usize,
    /// Canonical prefixes by those of the packet. One binding each holds for the packet, as programs write it.
    prefixes: HashMap<String, &'static str>,
}

impl Builder {
    fn open(&mut self, start: &BytesStart<'_>) {
        if self.skipped > 0 || self.open.len() >= MAX_DEPTH || self.nodes >= MAX_NODES {
            self.skipped += 1;
            return;
        }
        self.nodes += 1;
        let mut attributes = Vec::new();
        for attribute in start.attributes().with_checks(false).flatten() {
            let key = attribute.key.into_inner();
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .unwrap_or_default();
            if let Some(prefix) = key.strip_prefix("xmlns:") {
                let known = PREFIXES.iter().find(|(uri, _)| *uri == value);
                if let Some((_, canonical)) = known {
                    self.prefixes.insert(prefix.to_owned(), canonical);
                }
            } else if self.nodes < MAX_NODES {
                self.nodes += 1;
                attributes.push((key.to_owned(), value.into_owned()));
            }
        }
        let children = attributes.into_iter().map(|(key, text)| Node {
            name: self.canonical(&key),
            text,
            children: Vec::new(),
        });
        let children = children.collect();
        let name = self.canonical(start.name().into_inner());
        self.open.push(Node {
            name,
            text: String::new(),
            children,
        });
    }

    fn canonical(&self, name: &str) -> String {
        match name.split_once(':') {
            Some((prefix, local)) => {
                let prefix = self.prefixes.get(prefix).copied().unwrap_or(prefix);
                format!("{prefix}:{local}")
            }
            None => name.to_owned(),
        }
    }

    fn text(&mut self, text: &str) {
        if self.skipped == 0
            && let Some(node) = self.open.last_mut()
        {
            node.text.push_str(text);
        }
    }

    fn close(&mut self) {
        if self.skipped > 0 {
            self.skipped -= 1;
        } else if let Some(node) = self.open.pop() {
            self.open.last_mut().unwrap_or(&mut self.root).children.push(node);
        }
    }

    /// What is open counts as closed.
    fn finish(mut self) -> Node {
        self.skipped = 0;
        while !self.open.is_empty() {
            self.close();
        }
        self.root
    }
}
