"""Holds what Eidetic decodes against Pillow and libvips, file by file.

    cargo run --release -p eidetic-imaging --example survey -- DIR... > survey.jsonl
    python tools/formats/compare.py survey.jsonl [--list]

Every file of the survey is decoded by Pillow (with pillow-heif, pillow-avif-plugin and, for JPEG XL, JPEG 2000 and
TIFF, imagecodecs) and by libvips, turned upright, converted to sRGB by its color profile, composited on white and averaged
to the same grid of at most 32 × 32 cells. A file counts as read by a peer only if its first image is decoded. The
difference of a file is the least mean absolute difference to any peer of the same size, in 8-bit steps.

Prints a row for each extension: files, read by us, by any peer, by a peer and not by us, and how many differ by at most
3. `--list` names the files behind the last two. Requires numpy, pillow, pillow-heif, pillow-avif-plugin, pyvips,
imagecodecs.
"""

import argparse
import io
import json
import multiprocessing
import pathlib
import warnings
from collections import defaultdict

import numpy
from PIL import Image, ImageCms, ImageOps

CELLS = 32
GOAL = 3.0
SECONDS = 60
SRGB = ImageCms.createProfile("sRGB")


def averaged(pixels):
    """Mean RGB of the cells of a grid of at most 32 × 32; `pixels` are height × width × 3."""
    for axis in (0, 1):
        size = pixels.shape[axis]
        count = min(size, CELLS)
        starts = numpy.arange(count) * size // count
        sums = numpy.add.reduceat(pixels.astype(numpy.float64), starts, axis=axis)
        counts = numpy.diff(numpy.append(starts, size))
        pixels = sums / counts.reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
    return pixels


def to_srgb(image):
    """A Pillow image by its profile in 8-bit sRGB, transparency on white."""
    profile = image.info.get("icc_profile")
    if image.mode in ("I;16", "I;16B", "I;16L", "I"):
        values = numpy.asarray(image).astype(numpy.float64)
        image = Image.fromarray(numpy.clip(values / 257 + 0.5, 0, 255).astype(numpy.uint8), "L")
    elif image.mode == "F":
        raise ValueError("floating point has no agreed rendition")
    if image.mode in ("P", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
    alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
    if image.mode in ("RGBA", "LA"):
        image = image.convert("RGB" if image.mode == "RGBA" else "L")
    if image.mode == "RGBa":
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        image = image.convert("RGB")
    if profile and image.mode in ("RGB", "L", "CMYK", "LAB"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            image = ImageCms.profileToProfile(image, source, SRGB, outputMode="RGB")
        except ImageCms.PyCMSError:
            pass
    elif image.mode == "LAB":
        image = ImageCms.profileToProfile(image, ImageCms.createProfile("LAB"), SRGB, outputMode="RGB")
    image = image.convert("RGB")
    if alpha is not None:
        white = Image.new("RGB", image.size, (255, 255, 255))
        image = Image.composite(image, white, alpha)
    return numpy.asarray(image)


def by_pillow(path):
    with Image.open(path) as image:
        image.load()
        return to_srgb(ImageOps.exif_transpose(image))


def by_imagecodecs(path):
    import imagecodecs

    decoders = {".jxl": imagecodecs.jpegxl_decode, ".jp2": imagecodecs.jpeg2k_decode, ".j2k": imagecodecs.jpeg2k_decode}
    decode = decoders.get(path.suffix.lower())
    if decode is None:
        raise ValueError("not a format of imagecodecs here")
    pixels = decode(path.read_bytes())
    if pixels.dtype == numpy.uint16:
        pixels = (pixels / 257 + 0.5).astype(numpy.uint8)
    if pixels.dtype != numpy.uint8 or pixels.ndim not in (2, 3):
        raise ValueError("samples have no agreed rendition")
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    return to_srgb(Image.fromarray(pixels))


def by_vips(path):
    import pyvips

    image = pyvips.Image.new_from_file(str(path), fail_on="none").autorot()
    if image.get_typeof("icc-profile-data"):
        try:
            image = image.icc_transform("srgb")
        except pyvips.Error:
            pass
    image = image.colourspace("srgb")
    if image.hasalpha():
        image = image.flatten(background=[255, 255, 255])
    if image.format != "uchar":
        image = image.cast("uchar")
    pixels = image.numpy()
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    return numpy.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels[:, :, :3]


PEERS = {"Pillow": by_pillow, "imagecodecs": by_imagecodecs, "libvips": by_vips}


def read_by_peers(name):
    """Size and cells of the file for each peer that reads it."""
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None
    import pillow_avif  # noqa: F401
    import pillow_heif

    pillow_heif.register_heif_opener()
    answers = {}
    for peer, read in PEERS.items():
        try:
            pixels = read(pathlib.Path(name))
        except Exception:  # noqa: BLE001: a peer that fails in any way does not read the file.
            continue
        answers[peer] = (pixels.shape[1], pixels.shape[0], averaged(pixels))
    return name, answers


def difference(line, answers):
    """Least mean absolute difference to a peer of the same size; infinite where none has it."""
    ours = numpy.asarray(line["cells"])
    same = [cells for width, height, cells in answers.values() if cells.shape == ours.shape]
    return min((float(numpy.abs(ours - cells).mean()) for cells in same), default=float("inf"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("survey")
    parser.add_argument("--list", action="store_true", help="name the files that are not read, or differ")
    arguments = parser.parse_args()
    lines = [json.loads(line) for line in open(arguments.survey, encoding="utf-8")]
    table = defaultdict(lambda: defaultdict(int))
    missing, differing = [], []
    with multiprocessing.Pool(maxtasksperchild=50) as pool:
        results = [pool.apply_async(read_by_peers, (line["path"],)) for line in lines]
        for line, result in zip(lines, results):
            try:
                _, answers = result.get(SECONDS)
            except multiprocessing.TimeoutError:
                answers = {}
            row = table[pathlib.Path(line["path"]).suffix.lower() or "(none)"]
            is_read = line["result"] == "image"
            row["files"] += 1
            row["ours"] += is_read
            row["peers"] += bool(answers)
            if answers and not is_read:
                row["missing"] += 1
                missing.append((line["path"], line.get("reason", line["result"]), ", ".join(answers)))
            if answers and is_read:
                distance = difference(line, answers)
                row["compared"] += 1
                row["close"] += distance <= GOAL
                if distance > GOAL:
                    differing.append((line["path"], distance))
    report(table)
    if arguments.list:
        for path, reason, peers in missing:
            print(f"not read\t{path}\t{reason}\t({peers})")
        for path, distance in sorted(differing, key=lambda entry: -entry[1]):
            print(f"differs\t{path}\t{distance:.1f}")


def report(table):
    columns = ["files", "ours", "peers", "missing", "compared", "close"]
    total = {column: sum(row[column] for row in table.values()) for column in columns}
    print("extension\tfiles\tread\tread by a peer\tby a peer only\tcompared\tdifference ≤ 3")
    for name, row in [*sorted(table.items()), ("all", total)]:
        print("\t".join([name, *(str(row[column]) for column in columns)]))


if __name__ == "__main__":
    main()
