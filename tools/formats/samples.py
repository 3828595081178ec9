"""One picture in every format, written by Pillow, pillow-heif and imagecodecs, for `speed.py`."""

import io

import imagecodecs
import numpy
import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener()

MEGAPIXELS = 12


def picture(path):
    """The photo in RGB, resampled to 12 megapixels."""
    with Image.open(path) as photo:
        photo = photo.convert("RGB")
    factor = (MEGAPIXELS * 1e6 / (photo.width * photo.height)) ** 0.5
    return photo.resize((round(photo.width * factor), round(photo.height * factor)), Image.Resampling.LANCZOS)


def saved(image, **options):
    stream = io.BytesIO()
    image.save(stream, **options)
    return stream.getvalue()


def photoshop(image, is_packed):
    """A flat Photoshop file of three planes, without layers (Adobe Photoshop File Formats Specification)."""
    rows = numpy.asarray(image).transpose(2, 0, 1).reshape(-1, image.width)
    header = b"8BPS" + (1).to_bytes(2, "big") + bytes(6) + (3).to_bytes(2, "big")
    header += image.height.to_bytes(4, "big") + image.width.to_bytes(4, "big") + b"\0\x08\0\x03" + bytes(12)
    if not is_packed:
        return header + b"\0\0" + rows.tobytes()
    packed = [imagecodecs.packbits_encode(row.tobytes()) for row in rows]
    lengths = b"".join(len(row).to_bytes(2, "big") for row in packed)
    return header + b"\0\x01" + lengths + b"".join(packed)


def samples(photo):
    """Name (with the extension of its format) and bytes of each file."""
    rgb = picture(photo)
    pixels = numpy.asarray(rgb)
    inks = rgb.convert("CMYK")
    black_and_white = rgb.convert("L").point(lambda value: 255 * (value > 127)).convert("1", dither=Image.Dither.NONE)
    tiff = {
        "none": {}, "lzw": {"compression": "tiff_lzw"}, "lzw-predictor": {"compression": "tiff_lzw", "tiffinfo": {317: 2}},
        "deflate": {"compression": "tiff_adobe_deflate"}, "zstd": {"compression": "zstd"},
        "packbits": {"compression": "packbits"}, "jpeg": {"compression": "jpeg", "quality": 90},
    }
    yield "baseline.jpg", saved(rgb, format="JPEG", quality=90)
    yield "progressive.jpg", saved(rgb, format="JPEG", quality=90, progressive=True)
    yield "4-4-4.jpg", saved(rgb, format="JPEG", quality=90, subsampling=0)
    yield "rgb.png", saved(rgb, format="PNG")
    yield "lossy.webp", saved(rgb, format="WEBP", quality=80, method=4)
    yield "lossless.webp", saved(rgb, format="WEBP", lossless=True, method=2)
    yield "photo.heic", saved(rgb, format="HEIF", quality=80)
    yield "photo.avif", saved(rgb, format="AVIF", quality=70, speed=8)
    yield "photo.jxl", imagecodecs.jpegxl_encode(pixels, distance=1.0, effort=5)
    yield "lossless.jxl", imagecodecs.jpegxl_encode(pixels, lossless=True, effort=3)
    yield "lossy.jp2", imagecodecs.jpeg2k_encode(pixels, level=40, reversible=False)
    yield "lossless.jp2", imagecodecs.jpeg2k_encode(pixels, level=0, reversible=True)
    for name, options in tiff.items():
        yield f"{name}.tif", saved(rgb, format="TIFF", **options)
    yield "cmyk.tif", saved(inks, format="TIFF")
    yield "cmyk-lzw.tif", saved(inks, format="TIFF", compression="tiff_lzw")
    yield "group4.tif", saved(black_and_white, format="TIFF", compression="group4")
    yield "palette.gif", saved(rgb.quantize(256), format="GIF")
    yield "rgb.bmp", saved(rgb, format="BMP")
    yield "run-lengths.tga", saved(rgb, format="TGA", compression="tga_rle")
    yield "rgb.ppm", saved(rgb, format="PPM")
    yield "rgb.qoi", imagecodecs.qoi_encode(pixels)
    yield "plain.psd", photoshop(rgb, is_packed=False)
    yield "packed.psd", photoshop(rgb, is_packed=True)
