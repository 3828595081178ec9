"""Holds what Eidetic decodes against Pillow, imagecodecs and libvips, file by file.

    cargo run --release -p eidetic-imaging --example survey -- DIR... > NAME.jsonl
    python tools/formats/compare.py NAME.jsonl... [--list] [--json FILE]

Every file of the survey is decoded by Pillow (with pillow-heif, pillow-avif-plugin and pillow-jxl-plugin), by imagecodecs
(AVIF and JPEG 2000) and by libvips, and averaged to the same grid of at most 32 × 32 cells (`peers.py`). A file counts as
read by a peer only if its first image is decoded. The difference of a file is the least mean absolute difference to any
peer, in 8-bit steps: where peers disagree, it is enough to agree with one. Not compared are floating point samples,
colors by code points that no peer converts (HDR, wide gamut), and damaged files that no peer but a tolerant libvips reads.

Prints a row for each survey and a row for each extension: files; read by us; by a peer; by a peer and not by us; damaged
files of which only a tolerant libvips shows something, and how many of them are read; compared, and how many of those
differ by at most 3. `--list` names the files that are not read or differ, `--json` writes what was found of each file. Requires numpy, pillow, pillow-heif, pillow-avif-plugin, pillow-jxl-plugin, pyvips, imagecodecs.
"""

import argparse
import json
import multiprocessing
import pathlib
from collections import Counter, defaultdict

import numpy

from peers import TOLERANT, read_by_peers

GOAL = 3.0
SECONDS = 60


def differences(line, answers):
    """Mean absolute difference to each peer; infinite where the grid has another shape."""
    ours = numpy.asarray(line["cells"])
    return {
        peer: round(float(numpy.abs(ours - cells).mean()), 2) if cells.shape == ours.shape else float("inf")
        for peer, (_, _, cells) in answers.items()
        if peer != TOLERANT
    }


def compared(surveys):
    """What was found of each file of the surveys, in order."""
    lines = [(survey.stem, json.loads(line)) for survey in surveys for line in open(survey, encoding="utf-8")]
    with multiprocessing.Pool(maxtasksperchild=50) as pool:
        results = [pool.apply_async(read_by_peers, (line["path"],)) for _, line in lines]
        for (survey, line), result in zip(lines, results, strict=True):
            try:
                answers, is_unmanaged = result.get(SECONDS)
            except multiprocessing.TimeoutError:
                answers, is_unmanaged = {}, False
            is_read = line["result"] == "image"
            yield {
                "survey": survey,
                "path": line["path"],
                "read": is_read,
                "reason": line.get("reason", line["result"]),
                "peers": {peer: [width, height] for peer, (width, height, _) in answers.items()},
                "size": [line["width"], line["height"]] if is_read else None,
                "differences": differences(line, answers) if is_read and not is_unmanaged else {},
            }


def counts(found):
    """What one file adds to each column."""
    is_compared = found["read"] and bool(found["differences"])
    by_peer, is_damaged = any(peer != TOLERANT for peer in found["peers"]), TOLERANT in found["peers"]
    return {
        "files": 1,
        "read": int(found["read"]),
        "read by a peer": int(by_peer),
        "by a peer only": int(by_peer and not found["read"]),
        "damaged": int(is_damaged),
        "of them read": int(is_damaged and found["read"]),
        "compared": int(is_compared),
        "difference ≤ 3": int(is_compared and min(found["differences"].values()) <= GOAL),
    }


def report(title, groups):
    """A table in Markdown: a row for each group of files, and their sum."""
    table = {name: Counter() for name in sorted(groups)}
    for name, files in groups.items():
        for found in files:
            table[name].update(counts(found))
    table["all"] = sum(table.values(), Counter())
    columns = list(counts({"read": False, "differences": {}, "peers": {}}))
    print(f"| {title} | {' | '.join(columns)} |\n{'| --- ' * (len(columns) + 1)}|")
    for name, row in table.items():
        print(f"| {name} | {' | '.join(str(row[column]) for column in columns)} |")
    total = table["all"]
    read = 1 - total["by a peer only"] / max(total["read by a peer"], 1)
    close = total["difference ≤ 3"] / max(total["compared"], 1)
    print(f"\n{100 * read:.2f} % of what a peer reads is read; {100 * close:.2f} % of what is compared differs by at most 3\n")


def grouped(files, key):
    groups = defaultdict(list)
    for found in files:
        groups[key(found)].append(found)
    return groups


def print_list(files):
    for found in files:
        peers = ", ".join(f"{peer} {width} × {height}" for peer, (width, height) in found["peers"].items())
        if found["peers"] and not found["read"]:
            print(f"not read\t{found['path']}\t{found['reason']}\t({peers})")
        elif found["differences"] and min(found["differences"].values()) > GOAL:
            print(f"differs\t{found['path']}\t{found['size']}\t({peers})\t{found['differences']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("surveys", nargs="+", type=pathlib.Path)
    parser.add_argument("--list", action="store_true", help="name the files that are not read, or differ")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="where to write what was found of each file")
    arguments = parser.parse_args()
    files = list(compared(arguments.surveys))
    report("collection", grouped(files, lambda found: found["survey"]))
    report("extension", grouped(files, lambda found: pathlib.Path(found["path"]).suffix.lower() or "(none)"))
    if arguments.list:
        print_list(files)
    if arguments.json:
        arguments.json.write_text("".join(json.dumps(found) + "\n" for found in files), encoding="utf-8")


if __name__ == "__main__":
    main()
