"""Decodes a file by Pillow, imagecodecs and libvips to the mean colors of a grid, for `compare.py`.

Turned upright, converted to sRGB by its profile, and composited on white.
"""

import io
import pathlib
import warnings

import imagecodecs
import numpy
import pillow_avif  # noqa: F401: registers itself.
import pillow_heif
import pillow_jxl  # noqa: F401: registers itself.
import pyvips
from PIL import Image, ImageCms, ImageOps

pillow_heif.register_heif_opener()
Image.MAX_IMAGE_PIXELS = None

CELLS = 32
SRGB = ImageCms.createProfile("sRGB")
SRGB_GAMMA = 0.45455
# White, red, green and blue.
SRGB_CHROMATICITIES = ((0.3127, 0.329), (0.64, 0.33), (0.3, 0.6), (0.15, 0.06))


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


def primaries_to_xyz(white, red, green, blue):
    """The matrix from linear RGB of these chromaticities to XYZ."""
    columns = numpy.array([[x / y, 1, (1 - x - y) / y] for x, y in (red, green, blue)]).T
    x, y = white
    return columns * numpy.linalg.solve(columns, [x / y, 1, (1 - x - y) / y])


def by_gamma(image):
    """An RGB image in sRGB by PNG's gAMA and cHRM, which neither peer applies."""
    gamma = image.info.get("gamma", SRGB_GAMMA)
    chromaticities = image.info.get("chromaticity")
    if "srgb" in image.info or (abs(gamma - SRGB_GAMMA) < 0.02 and not chromaticities):
        return image
    values = numpy.asarray(image).astype(numpy.float64) / 255
    if abs(gamma - SRGB_GAMMA) < 0.02:
        # What screens have stands for the curve of sRGB.
        linear = numpy.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    else:
        linear = values ** (1 / gamma)
    if chromaticities and all(chromaticities):
        to_xyz = primaries_to_xyz(*numpy.reshape(chromaticities, (4, 2)))
        matrix = numpy.linalg.solve(primaries_to_xyz(*SRGB_CHROMATICITIES), to_xyz)
        linear = numpy.clip(linear @ matrix.T, 0, 1)
    values = numpy.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return Image.fromarray((values * 255 + 0.5).astype(numpy.uint8), "RGB")


def to_srgb(image):
    """A Pillow image by its profile in 8-bit sRGB, transparency on white."""
    profile = image.info.get("icc_profile")
    if image.mode in ("I;16", "I;16B", "I;16L", "I"):
        values, information = numpy.asarray(image).astype(numpy.float64), image.info
        image = Image.fromarray(numpy.clip(values / 257 + 0.5, 0, 255).astype(numpy.uint8), "L")
        image.info = information
    elif image.mode == "F":
        raise ValueError("floating point has no agreed rendition")
    if image.mode in ("P", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
    alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
    if alpha is not None:
        image = image.convert("RGB" if image.mode == "RGBA" else "L")
    image = with_profile(image, profile)
    if not profile:
        image = by_gamma(image)
    if alpha is not None:
        white = Image.new("RGB", image.size, (255, 255, 255))
        image = Image.composite(image, white, alpha)
    return numpy.asarray(image)


def with_profile(image, profile):
    """In sRGB by the profile, if it has one that serves."""
    if image.mode == "LAB":
        return ImageCms.profileToProfile(image, ImageCms.createProfile("LAB"), SRGB, outputMode="RGB")
    if not profile or image.mode not in ("RGB", "L", "CMYK"):
        return image.convert("RGB")
    for mode in dict.fromkeys((image.mode, "RGB")):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            return ImageCms.profileToProfile(image.convert(mode), source, SRGB, outputMode="RGB")
        except ImageCms.PyCMSError:
            pass
    return image.convert("RGB")


def by_pillow(path):
    with Image.open(path) as image:
        image.load()
        return to_srgb(ImageOps.exif_transpose(image))


def by_imagecodecs(path):
    suffixes = (".jp2", ".j2k", ".j2c", ".jpc", ".jpx", ".jpf")
    decoders = {".avif": imagecodecs.avif_decode, **dict.fromkeys(suffixes, imagecodecs.jpeg2k_decode)}
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
    return vips_pixels(path, "error")


def by_tolerant_vips(path):
    return vips_pixels(path, "none")


def vips_pixels(path, fail_on):
    image = pyvips.Image.new_from_file(str(path), fail_on=fail_on).autorot()
    if image.format not in ("uchar", "ushort"):
        raise ValueError("samples have no agreed rendition")
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
# Reads damaged files too. What it puts where they have no data is a choice, so that its pixels are not compared.
TOLERANT = "tolerant libvips"
# Transfer characteristics of HDR, and primaries of a wide gamut (ITU-T H.273).
HDR_CURVES = (16, 18)
WIDE_PRIMARIES = (9, 11, 12)


def has_unmanaged_colors(data):
    """Whether code points in a HEIF or PNG file say what no peer converts."""
    for name, width in ((b"nclx", 2), (b"cICP", 1)):
        at = data.find(name)
        if at >= 0:
            primaries, transfer = (int.from_bytes(data[at + 4 + width * part :][:width], "big") for part in (0, 1))
            return transfer in HDR_CURVES or primaries in WIDE_PRIMARIES
    return False


def read_by_peers(name):
    """Size and cells of the file for each peer that reads it, and whether its colors cannot be compared."""
    warnings.simplefilter("ignore")
    answers = {}

    def ask(peer, read):
        try:
            pixels = read(pathlib.Path(name))
        except Exception:  # noqa: BLE001: a peer that fails in any way does not read the file.
            return
        answers[peer] = (pixels.shape[1], pixels.shape[0], averaged(pixels))

    for peer, read in PEERS.items():
        ask(peer, read)
    if not answers:
        ask(TOLERANT, by_tolerant_vips)
    return answers, has_unmanaged_colors(pathlib.Path(name).read_bytes())
