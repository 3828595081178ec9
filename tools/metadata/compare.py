#!/usr/bin/env python3
"""Holds the metadata that Eidetic reads against those that exiftool reads, over all pictures below folders.

    cargo build --release -p eidetic-imaging --example details
    python3 tools/metadata/compare.py FOLDER... [--binary target/release/examples/details] [--show N] [--json FILE]

Prints for each field in how many files one of the two reads it, in how many they are equal, in how many exiftool reads
another value, and in how many it reads none, which is so in damaged files; then some of the differences. The order in
which a field is taken from EXIF, XMP, IPTC and PNG texts is that of docs/decisions/0036-metadata.md; the values are
exiftool's. Needs exiftool 12 or later.
"""

import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys

FILE_TYPES = {
    "JPEG", "PNG", "APNG", "GIF", "WEBP", "TIFF", "HEIC", "HEIF", "AVIF", "JXL", "JP2", "JPX", "PSD", "PSB", "RAF",
    "DNG", "NEF", "ARW", "PEF", "SRW", "CR2",
}
FILES_A_CALL = 200
CAMERA_DESCRIPTIONS = {
    "OLYMPUS DIGITAL CAMERA", "MINOLTA DIGITAL CAMERA", "KONICA MINOLTA DIGITAL CAMERA", "KODAK DIGITAL STILL CAMERA",
    "SONY DSC", "EXIF_JPEG_PICTURE", "DIGITAL CAMERA", "DCIM\\100MEDIA", "DEFAULT", "SAMSUNG DIGITAL CAMERA", "SAMSUNG",
    "<DIGIMAX>",
}
# Characters of a text that are compared: Eidetic cuts short texts here.
LONGEST = 1_000
# Relative difference of numbers that counts as none: exiftool rounds.
TOLERANCE = 2e-3


def exiftool(paths):
    """What exiftool reads, by path: tags by `group:name`."""
    command = ["exiftool", "-j", "-n", "-G1", "-struct", "-api", "Filter=s/\\0.*//s if $_ =~ /\\0/"]
    for kind in ("filename=utf8", "exif=Latin"):
        command += ["-charset", kind]
    read = {}
    for start in range(0, len(paths), FILES_A_CALL):
        call = subprocess.run(
            [*command, *map(str, paths[start : start + FILES_A_CALL])], capture_output=True, check=False
        )
        # A version `1.00` is written like a number.
        for entry in json.loads(call.stdout.decode("utf-8", "replace") or "[]", parse_float=str):
            read[entry["SourceFile"]] = by_usual_names(entry)
    return read


def by_usual_names(entry):
    """Without texts that exiftool could not unpack, XMP in a box of JPEG 2000 as other XMP, PNG texts of any language."""
    entry = {name: value for name, value in entry.items() if not str(value).startswith("(Binary data")}
    for name, value in list(entry.items()):
        if name.startswith("XML-"):
            entry.setdefault("XMP-" + name.removeprefix("XML-"), value)
        elif match := re.fullmatch(r"(PNG:[A-Z][a-z]+)-[a-z]{2}(-[A-Z]{2})?", name):
            entry.setdefault(match[1], value)
    return entry


def eidetic(binary, paths):
    read = {}
    for start in range(0, len(paths), FILES_A_CALL):
        call = subprocess.run([binary, *map(str, paths[start : start + FILES_A_CALL])], capture_output=True, check=True)
        for line in call.stdout.splitlines():
            entry = json.loads(line)
            read[entry["path"]] = entry["details"]
    return read


def text(value):
    """A text as Eidetic keeps it: trimmed and without control characters; None where it is empty."""
    if value is None or isinstance(value, (dict, list, bool)):
        return None
    kept = "".join(c for c in str(value).split("\0")[0] if c in "\n\t" or ord(c) >= 32 and ord(c) not in range(127, 160))
    return kept.strip() or None


def first(tags, *names):
    return next((found for name in names if (found := text(tags.get(name)))), None)


def items(tags, *names, separators=None):
    """Lists under the names together, none twice in any case of letters."""
    found = {}
    for name in names:
        value = tags.get(name)
        values = value if isinstance(value, list) else [value]
        if separators and len(values) == 1 and text(values[0]):
            values = re.split(separators, text(values[0]))
        for item in filter(None, map(text, values)):
            found.setdefault(item.lower(), item)
    return list(found.values())


def number(tags, *names):
    for name in names:
        value = tags.get(name)
        value = value[0] if isinstance(value, list) and value else value
        try:
            if (parsed := float(str(value).split()[0])) > 0:
                return parsed
        except (ValueError, IndexError):
            pass
    return None


def date(value):
    """A date as digits, as far as it goes."""
    match = re.match(r"(\d{4})(?:[:\-/. ](\d\d))?(?:[:\-/. ](\d\d))?(?:[ T:](\d\d):(\d\d)(?::(\d\d))?)?", str(value or "").strip())
    if not match or match[1] == "0000":
        return None
    digits = [match[1]]
    for part, limits in zip(match.groups()[1:], ((1, 12), (1, 31), (0, 24), (0, 59), (0, 60)), strict=True):
        if part is None or not limits[0] <= int(part) <= limits[1]:
            break
        digits.append("00" if limits[1] == 24 and part == "24" else "59" if part == "60" else part)
    return "".join(digits[:3] if len(digits) == 4 else digits)


def taken(tags):
    names = (
        "ExifIFD:DateTimeOriginal", "IFD0:DateTimeOriginal", "ExifIFD:CreateDate", "XMP-exif:DateTimeOriginal",
        "XMP-photoshop:DateCreated", "XMP-xmp:CreateDate", "XMP-exif:DateTimeDigitized", "Composite:DateTimeCreated",
        "IPTC:DateCreated", "Composite:GPSDateTime", "GPS:GPSDateStamp", "PNG:CreationTime", "PNG:CreateDate",
        "IFD0:ModifyDate",
    )
    return next((found for name in names if (found := date(tags.get(name)))), None)


def people(tags):
    names = []
    for region in (tags.get("XMP-mwg-rs:RegionInfo") or {}).get("RegionList", []):
        if str(region.get("Type", "Face")).lower() == "face":
            names.append(region.get("Name"))
    for region in (tags.get("XMP-MP:RegionInfoMP") or {}).get("Regions", []):
        names.append(region.get("PersonDisplayName"))
    persons = tags.get("XMP-iptcExt:PersonInImage", [])
    names.extend(persons if isinstance(persons, list) else [persons])
    return items({"names": names}, "names")


def rating(tags):
    for name, scale in (("XMP-xmp:Rating", 1), ("XMP-microsoft:RatingPercent", 25), ("IFD0:Rating", 1), ("IFD0:RatingPercent", 25)):
        try:
            stars = float(tags[name])
        except (KeyError, ValueError, TypeError):
            continue
        stars = round(stars) if scale == 1 else 0 if stars == 0 else 1 if stars < 13 else round((stars + 25) / 25 - 0.01)
        if -1 <= stars <= 5:
            return stars
    return None


def position(tags):
    """Of EXIF, else of XMP: exiftool's combination is empty where EXIF has an empty one."""
    for group in ("Composite", "XMP-exif"):
        try:
            latitude, longitude = float(tags[f"{group}:GPSLatitude"]), float(tags[f"{group}:GPSLongitude"])
        except (KeyError, ValueError, TypeError):
            continue
        if abs(latitude) <= 90 and abs(longitude) <= 180 and (latitude or longitude):
            return [latitude, longitude]
    return None


def place(tags):
    """Names of one source as a whole: XMP, else IPTC."""
    sources = (
        {"city": "XMP-photoshop:City", "state": "XMP-photoshop:State", "country": "XMP-photoshop:Country", "sublocation": "XMP-iptcCore:Location"},
        {"city": "IPTC:City", "state": "IPTC:Province-State", "country": "IPTC:Country-PrimaryLocationName", "sublocation": "IPTC:Sub-location"},
    )
    places = [{field: first(tags, name) for field, name in names.items()} for names in sources]
    return next((names for names in places if any(names.values())), places[0])


def lens(tags):
    """By name, else by its range, as `24-70mm f/2.8`."""
    if name := first(tags, "ExifIFD:LensModel", "XMP-exifEX:LensModel", "XMP-aux:Lens"):
        return name
    try:
        shortest, longest, wide, long = (float(part) if part != "undef" else 0 for part in str(tags["ExifIFD:LensInfo"]).split())
    except (KeyError, ValueError):
        return None
    if shortest <= 0:
        return None
    length = f"{shortest:g}-{longest:g}mm" if longest > shortest else f"{shortest:g}mm"
    aperture = f" f/{wide:g}-{long:g}" if long > wide > 0 else f" f/{wide:g}" if wide > 0 else ""
    return length + aperture


def description(tags):
    written = first(tags, "IFD0:ImageDescription")
    written = None if written and written.upper() in CAMERA_DESCRIPTIONS else written
    comment = first(tags, "ExifIFD:UserComment")
    comment = comment if comment and any(c.isalnum() for c in comment) else None
    return (
        first(tags, "XMP-dc:Description", "XMP-exif:UserComment", "XMP-tiff:ImageDescription", "IPTC:Caption-Abstract")
        or written or comment or first(tags, "IFD0:XPComment", "PNG:Description", "PNG:Comment")
    )


def reference(tags):
    artist = items(tags, "IFD0:Artist", separators=";") or items(tags, "IFD0:XPAuthor", separators=";")
    return {
        "title": first(tags, "XMP-dc:Title", "XMP-photoshop:Headline", "IPTC:ObjectName", "IPTC:Headline", "IFD0:XPTitle", "IFD0:XPSubject", "PNG:Title"),
        "description": description(tags),
        "keywords": sorted(word.lower() for word in {
            word.lower(): word for word in
            items(tags, "XMP-dc:Subject", separators=";") + items(tags, "IPTC:Keywords") + items(tags, "IFD0:XPKeywords", separators=";")
        }.values()),
        "hierarchical_keywords": sorted({word.lower().replace("/", "|") for word in items(tags, "XMP-lr:HierarchicalSubject", "XMP-digiKam:TagsList")}),
        "people": sorted(map(str.lower, people(tags))),
        "rating": rating(tags),
        "label": first(tags, "XMP-xmp:Label"),
        "creators": items(tags, "XMP-dc:Creator") or items(tags, "IPTC:By-line") or artist or items(tags, "PNG:Author"),
        "copyright": first(tags, "XMP-dc:Rights", "IPTC:CopyrightNotice", "IFD0:Copyright", "PNG:Copyright"),
        "software": first(tags, "IFD0:Software", "XMP-xmp:CreatorTool", "XMP-tiff:Software", "PNG:Software"),
        "make": first(tags, "IFD0:Make", "XMP-tiff:Make"),
        "model": first(tags, "IFD0:Model", "XMP-tiff:Model"),
        "lens": lens(tags),
        "seconds": number(tags, "ExifIFD:ExposureTime", "ExifIFD:ShutterSpeedValue", "XMP-exif:ExposureTime"),
        "f_number": number(tags, "ExifIFD:FNumber", "ExifIFD:ApertureValue", "XMP-exif:FNumber"),
        "iso": number(tags, "ExifIFD:ISO", "XMP-exif:ISO"),
        "focal_length": number(tags, "ExifIFD:FocalLength", "XMP-exif:FocalLength"),
        "focal_length_35mm": number(tags, "ExifIFD:FocalLengthIn35mmFormat", "XMP-exif:FocalLengthIn35mmFormat"),
        **place(tags),
        "position": position(tags),
        "taken": taken(tags),
    }


def ours(details):
    camera, exposure, place = details["camera"] or {}, details["exposure"], details["place"]
    where, when = details["position"], details["taken"]
    digits = {"year": 4, "month": 6, "day": 8, "minute": 12, "second": 14, "fraction": 14}
    simple = ("title", "description", "rating", "label", "creators", "copyright", "software")
    return {
        **{name: details[name] for name in simple},
        **{name: sorted(map(str.lower, details[name])) for name in ("keywords", "hierarchical_keywords", "people")},
        "make": camera.get("make"),
        "model": camera.get("model"),
        **exposure,
        **place,
        "position": where and [where["latitude"], where["longitude"]],
        "taken": when and re.sub(r"\D", "", when["time"].split(".")[0])[: digits[when["precision"]]],
    }


def is_equal(one, other):
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_equal, one, other))
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return abs(one - other) <= TOLERANCE * max(abs(one), abs(other), 1e-9)
    if isinstance(one, str) and isinstance(other, str):
        return one[:LONGEST].split() == other[:LONGEST].split()
    return (one or None) == (other or None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    parser.add_argument("--binary", default="target/release/examples/details")
    parser.add_argument("--show", type=int, default=5, metavar="N", help="differences to print a field")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="where to write all differences")
    arguments = parser.parse_args()
    paths = sorted(path for folder in arguments.folders for path in folder.rglob("*") if path.is_file())
    tags = {path: entry for path, entry in exiftool(paths).items() if entry.get("File:FileType") in FILE_TYPES}
    read = eidetic(arguments.binary, list(tags))
    equal, only_here, different = collections.Counter(), collections.Counter(), collections.defaultdict(list)
    for path, entry in tags.items():
        theirs, own = reference(entry), ours(read[path])
        for field, value in theirs.items():
            if value in (None, []) and own[field] in (None, []):
                continue
            if is_equal(value, own[field]):
                equal[field] += 1
                continue
            only_here[field] += value in (None, [])
            different[field].append({"path": path, "exiftool": value, "eidetic": own[field]})
    print(f"{len(tags)} files")
    print(f"{'field':24}{'values':>8}{'equal':>8}{'different':>11}{'only here':>11}")
    columns = [(field, equal[field], only_here[field], len(different[field])) for field in reference({})]
    columns.append(("all", *(sum(column[part] for column in columns) for part in (1, 2, 3))))
    for field, same, own, other in columns:
        print(f"{field:24}{same + other:8}{same:8}{other - own:11}{own:11}")
    _, same, own, other = columns[-1]
    print(f"{100 * same / max(same + other - own, 1):.2f} % of what exiftool reads is equal; {100 * same / max(same + other, 1):.2f} % of what either reads")
    for field, differences in different.items():
        for difference in differences[: arguments.show]:
            print(f"{field}: {difference['path']}\n    exiftool {difference['exiftool']!r}\n    eidetic  {difference['eidetic']!r}")
    if arguments.json:
        arguments.json.write_text(json.dumps(different, indent=1, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
