use super::*;
use eidetic_domain::TimePrecision;
use jiff::civil::date as day;

/// A packet as Adobe's programs write it, with `body` in its description.
fn packet(attributes: &str, body: &str) -> String {
    format!(
        r#"<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:DC="http://purl.org/dc/elements/1.1/" xmlns:xap="http://ns.adobe.com/xap/1.0/"
  xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
  xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
  xmlns:MP="http://ns.microsoft.com/photo/1.2/" xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#"
  xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" {attributes}>
{body}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"#
    )
}

#[test]
fn texts_and_lists_are_read() {
    let details = read(
        packet(
            r#"xap:Rating="-1" xap:Label="Red" photoshop:City="Genoa" photoshop:Country="Italy" xap:CreateDate="2004-06""#,
            r#"<DC:title><rdf:Alt><rdf:li xml:lang="de">Hafen</rdf:li><rdf:li xml:lang="x-default">Harbor &amp; sea</rdf:li></rdf:Alt></DC:title>
            <DC:description>Ships&#x20;at <![CDATA[noon]]></DC:description>
            <DC:subject><rdf:Bag><rdf:li>sea</rdf:li><rdf:li>Sea</rdf:li><rdf:li>ship</rdf:li></rdf:Bag></DC:subject>
            <lr:hierarchicalSubject><rdf:Bag><rdf:li>Places|Italy|Genoa</rdf:li></rdf:Bag></lr:hierarchicalSubject>
            <DC:creator><rdf:Seq><rdf:li>Ada</rdf:li></rdf:Seq></DC:creator>
            <DC:rights><rdf:Alt><rdf:li xml:lang="x-default">© Ada</rdf:li></rdf:Alt></DC:rights>"#,
        )
        .as_bytes(),
    );
    assert_eq!(details.title.as_deref(), Some("Harbor & sea"));
    assert_eq!(details.description.as_deref(), Some("Ships at noon"));
    assert_eq!(details.keywords, ["sea", "ship"]);
    assert_eq!(details.hierarchical_keywords, ["Places|Italy|Genoa"]);
    assert_eq!(
        (details.rating, details.label.as_deref()),
        (Some(-1), Some("Red"))
    );
    assert_eq!(details.creators, ["Ada"]);
    assert_eq!(details.copyright.as_deref(), Some("© Ada"));
    assert_eq!(details.place.city.as_deref(), Some("Genoa"));
    let taken = details.taken.unwrap();
    assert_eq!(
        (taken.time, taken.precision),
        (day(2004, 6, 1).at(0, 0, 0, 0), TimePrecision::Month)
    );
}

#[test]
fn people_are_read_from_both_kinds_of_regions() {
    let details = read(
        packet(
            "",
            r#"<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList><rdf:Bag>
              <rdf:li><rdf:Description mwg-rs:Name="Ada" mwg-rs:Type="Face"/></rdf:li>
              <rdf:li rdf:parseType="Resource"><mwg-rs:Name>Bo</mwg-rs:Name></rdf:li>
              <rdf:li><rdf:Description mwg-rs:Name="Rex" mwg-rs:Type="Pet"/></rdf:li>
            </rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>
            <MP:RegionInfo><rdf:Description><MPRI:Regions><rdf:Bag>
              <rdf:li MPReg:PersonDisplayName="Cy"/><rdf:li MPReg:PersonDisplayName="ada"/>
            </rdf:Bag></MPRI:Regions></rdf:Description></MP:RegionInfo>"#,
        )
        .as_bytes(),
    );
    assert_eq!(details.people, ["Ada", "Bo", "Cy"]);
}

#[test]
fn technical_fields_are_read() {
    let packet = packet(
        r#"exif:ExposureTime="1/250" exif:FNumber="28/10" exif:FocalLength="0/0" tiff:Orientation="6"
           exif:GPSLatitude="43,28.5S" exif:GPSLongitude="11,53,24E" exif:GPSAltitude="305/10" exif:GPSAltitudeRef="1""#,
        "<exif:ISOSpeedRatings><rdf:Seq><rdf:li>400</rdf:li></rdf:Seq></exif:ISOSpeedRatings>",
    );
    let details = read(packet.as_bytes());
    assert_eq!(
        (details.exposure.seconds, details.exposure.f_number),
        (Some(0.004), Some(2.8))
    );
    assert_eq!(
        (details.exposure.iso, details.exposure.focal_length),
        (Some(400), None)
    );
    let position = details.position.unwrap();
    assert!((position.latitude + 43.475).abs() < 1e-9 && (position.longitude - 11.89).abs() < 1e-9);
    assert_eq!(details.altitude, Some(-30.5));
    assert_eq!(orientation(packet.as_bytes()), Some(6));
    let utf16: Vec<u8> = packet.encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(orientation(&utf16), Some(6));
}

#[test]
fn damaged_packets_give_what_is_whole() {
    let whole = packet(
        r#"xap:Rating="3""#,
        "<DC:subject><rdf:Bag><rdf:li>sea</rdf:li></rdf:Bag></DC:subject>",
    );
    for length in (0..whole.len()).filter(|length| whole.is_char_boundary(*length)) {
        let _ = read(&whole.as_bytes()[..length]);
    }
    let cut = &whole[..whole.find("</rdf:Bag>").unwrap()];
    assert_eq!(read(cut.as_bytes()).keywords, ["sea"]);
}

#[test]
fn hostile_packets_are_read_quickly() {
    let started = std::time::Instant::now();
    let deep = "<a>".repeat(MAX_PACKET / 3);
    let numbered = |text: &str| {
        let parts: Vec<String> = (0..200_000).map(|n| text.replace('#', &n.to_string())).collect();
        format!("<a {}/>", parts.join(" "))
    };
    let bindings = numbered("xmlns:p#='x'");
    let attributes = numbered("p#='x'");
    let entities = format!(
        "<!DOCTYPE a [<!ENTITY b \"bbbbbbbbbb\"><!ENTITY c \"{}\">]><a>&c;</a>",
        "&b;".repeat(1000)
    );
    for packet in [
        deep,
        bindings,
        entities,
        attributes,
        "<".repeat(MAX_PACKET),
        "&a".repeat(MAX_PACKET / 2),
    ] {
        assert_eq!(read(packet.as_bytes()), Details::default());
    }
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
}
