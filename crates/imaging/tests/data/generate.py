"""Writes the small files of this folder in formats that the tests cannot write themselves.

All show the same picture, 48 x 32: red grows to the right, green downwards, and the upper left quarter is blue.
Needs pillow, pillow-heif, pillow-avif-plugin (or Pillow 11.3), imagecodecs and numpy: python generate.py
"""

import os

import imagecodecs
import numpy
import pillow_heif
from PIL import Image, ImageCms

pillow_heif.register_heif_opener()
FOLDER = os.path.dirname(os.path.abspath(__file__))
WIDTH, HEIGHT = 48, 32


def picture():
    x = numpy.arange(WIDTH)[None, :].repeat(HEIGHT, 0)
    y = numpy.arange(HEIGHT)[:, None].repeat(WIDTH, 1)
    blue = numpy.where((x < WIDTH // 2) & (y < HEIGHT // 2), 200, 40)
    return numpy.stack([x * 5, y * 7, blue], 2).astype(numpy.uint8)


def path(name):
    return os.path.join(FOLDER, name)


def write(name, content):
    with open(path(name), "wb") as file:
        file.write(content)


def main():
    rgb = picture()
    image = Image.fromarray(rgb)
    alpha = numpy.full((HEIGHT, WIDTH, 1), 255, numpy.uint8)
    alpha[:, WIDTH // 2:] = 0
    rgba = Image.fromarray(numpy.concatenate([rgb, alpha], 2))

    image.save(path("picture.heic"), quality=95)
    rgba.save(path("alpha.heic"), quality=95)
    image.convert("L").save(path("gray.heic"), quality=95)
    deep = pillow_heif.from_bytes("RGB;16", (WIDTH, HEIGHT), (rgb.astype(numpy.uint16) * 257).tobytes())
    pillow_heif.options.SAVE_HDR_TO_12_BIT = False
    deep.save(path("ten_bits.heic"), quality=95, chroma=444)

    image.save(path("picture.avif"), quality=95, speed=6)
    rgba.save(path("alpha.avif"), quality=95, speed=6)
    image.save(path("full_chroma.avif"), quality=95, speed=6, subsampling="4:4:4")
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x0132] = "2020:03:05 11:28:10"
    image.save(path("turned.avif"), quality=95, speed=6, exif=exif)

    write("picture.jxl", imagecodecs.jpegxl_encode(rgb, level=98))
    write("lossless.jxl", imagecodecs.jpegxl_encode(rgb, lossless=True))
    write("picture.jp2", imagecodecs.jpeg2k_encode(rgb, level=45, codecformat="jp2"))
    write("lossless.j2k", imagecodecs.jpeg2k_encode(rgb, level=0, reversible=True, codecformat="j2k"))
    write("gray.jp2", imagecodecs.jpeg2k_encode(rgb[:, :, 0].copy(), level=0, reversible=True, codecformat="jp2"))


if __name__ == "__main__":
    main()
