#!/usr/bin/env python3
"""Processor time of decoding one photo in every format, beside the decoders that others use.

    cargo build --release -p eidetic-imaging --example decode_speed
    python tools/formats/speed.py PHOTO [--folder FOLDER] [--binary target/release/examples/decode_speed] [--only WORD...]

The photo is resampled to 12 megapixels and written in each format (`samples.py`) into the folder, unless it is there.
Each decoder turns the bytes of the file into 8-bit RGB in memory, on one core, one thread, and says the processor time
that it took; `--rounds` times, ours and the peers' in turn. Printed are the milliseconds per megapixel of the fastest
run of each: other programs on the machine only make runs slower. JPEG and WebP are also decoded at an eighth of the
size; the megapixels are those of the file then too.

Requires pillow, pillow-heif, pyvips, imagecodecs; djpeg of libjpeg-turbo where it is installed.
"""

import argparse
import io
import json
import os
import pathlib
import resource
import shutil
import subprocess
import tempfile
import time

os.environ["VIPS_CONCURRENCY"] = "1"

import imagecodecs  # noqa: E402
import pillow_heif  # noqa: E402
import pyvips  # noqa: E402
from PIL import Image  # noqa: E402

import samples  # noqa: E402

Image.MAX_IMAGE_PIXELS = None
IMAGECODECS = {
    ".jpg": imagecodecs.jpeg8_decode, ".png": imagecodecs.png_decode, ".webp": imagecodecs.webp_decode,
    ".heic": imagecodecs.heif_decode, ".avif": imagecodecs.avif_decode, ".jxl": imagecodecs.jpegxl_decode,
    ".jp2": imagecodecs.jpeg2k_decode, ".bmp": imagecodecs.bmp_decode, ".qoi": imagecodecs.qoi_decode,
    ".gif": imagecodecs.gif_decode,
}
SCALED_BY_VIPS = {".jpg": {"shrink": 8}, ".webp": {"scale": 0.125}}


def by_pillow(path, data, is_scaled):
    image = Image.open(io.BytesIO(data))
    if is_scaled:
        if path.suffix != ".jpg":
            raise ValueError("Pillow scales JPEG only")
        image.draft("RGB", (image.width // 8, image.height // 8))
    image.load()
    return image if image.mode == "RGB" else image.convert("RGB")


def by_vips(path, data, is_scaled):
    options = SCALED_BY_VIPS[path.suffix] if is_scaled else {}
    image = pyvips.Image.new_from_buffer(data, "", access="sequential", **options)
    return len(image.colourspace("srgb").write_to_memory())


def by_imagecodecs(path, data, is_scaled):
    decode = IMAGECODECS[path.suffix]
    if is_scaled:
        raise ValueError("imagecodecs does not scale")
    return decode(data).shape


def by_djpeg(path, data, is_scaled):
    if path.suffix != ".jpg" or not shutil.which("djpeg"):
        raise ValueError("no JPEG, or no djpeg")
    subprocess.run(["djpeg", *(["-scale", "1/8"] if is_scaled else []), "-outfile", os.devnull, path], check=True)
    return None


PEERS = {"Pillow": by_pillow, "libvips": by_vips, "imagecodecs": by_imagecodecs, "djpeg": by_djpeg}


def processor_seconds():
    """Of this process and of its children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def peer_milliseconds(read, path, data, is_scaled, runs):
    """The fastest of some runs; none if the peer does not read the file."""
    best = None
    for _ in range(runs):
        start = processor_seconds()
        try:
            read(path, data, is_scaled)
        except Exception:  # noqa: BLE001: a peer that fails in any way does not read the file.
            return None
        taken = (processor_seconds() - start) * 1e3
        best = taken if best is None else min(best, taken)
    return best


def our_milliseconds(binary, path, runs):
    """Of all pixels and of an eighth of the size, which is none where there is no faster way to it."""
    output = subprocess.run([binary, "--runs", str(runs), path], capture_output=True, check=True).stdout
    line = json.loads(output)
    return line["full"], line["eighth"]


def least(one, other):
    return min((value for value in (one, other) if value is not None), default=None)


def measure(path, arguments):
    """Least milliseconds by decoder, for all pixels and for an eighth of the size."""
    data = path.read_bytes()
    times = {False: {}, True: {}}
    for _ in range(arguments.rounds):
        full, eighth = our_milliseconds(arguments.binary, path, arguments.runs)
        for is_scaled, taken in ((False, full), (True, eighth)):
            times[is_scaled]["Eidetic"] = least(times[is_scaled].get("Eidetic"), taken)
            if is_scaled and taken is None:
                continue
            for peer, read in PEERS.items():
                taken = peer_milliseconds(read, path, data, is_scaled, arguments.runs)
                times[is_scaled][peer] = least(times[is_scaled].get(peer), taken)
    return times


def row(name, times, megapixels):
    own = times.pop("Eidetic")
    if own is None:
        return None
    read = {peer: taken for peer, taken in times.items() if taken is not None}
    best = min(read.values(), default=None)
    shown = [f"{times[peer] / megapixels:.2f}" if times.get(peer) else "–" for peer in PEERS]
    ratio = f"{own / best:.2f}" if best else "–"
    return f"| {name} | **{own / megapixels:.2f}** | {' | '.join(shown)} | {ratio} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photo", type=pathlib.Path)
    parser.add_argument("--folder", type=pathlib.Path, help="where the files are kept for the next time")
    parser.add_argument("--binary", default="target/release/examples/decode_speed")
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORD", help="files with one of these in their names")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=3, help="runs of each decoder in a round")
    parser.add_argument("--core", type=int, default=0)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {arguments.core})
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if not any(folder.iterdir()):
            for name, data in samples.samples(arguments.photo):
                (folder / name).write_bytes(data)
        print(f"| file | Eidetic | {' | '.join(PEERS)} | to the best |")
        print("| --- " * (len(PEERS) + 3) + "|")
        for path in sorted(folder.iterdir(), key=lambda path: (path.suffix, path.name)):
            if not any(word in path.name for word in arguments.only):
                continue
            times = measure(path, arguments)
            for name, is_scaled in ((path.name, False), (f"{path.name}, 1/8", True)):
                if line := row(name, times[is_scaled], samples.MEGAPIXELS):
                    print(line, flush=True)


if __name__ == "__main__":
    main()
