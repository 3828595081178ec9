"""Cost of int8: cosines to f32 and text -> photo retrieval, in each precision and mixed.

    python tools/precision/compare.py --eidetic target/release/eidetic --model builtin --photos DIR [--labels labels.tsv]

Prints the least and mean cosine between the two embeddings of each photo below DIR and, with --labels (columns path and
concept, paths below DIR), precision@5 and mean average precision of "a photo of a CONCEPT" for the four pairings of text
and photo precision. Vectors come from `eidetic embed`; only numpy is needed.
"""
import argparse
import csv
import json
import pathlib
import subprocess

import numpy as np

CHUNK = 400
EXTENSIONS = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tiff"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eidetic", default="target/release/eidetic")
    parser.add_argument("--model", default="builtin")
    parser.add_argument("--photos", type=pathlib.Path, required=True)
    parser.add_argument("--labels", type=pathlib.Path)
    return parser.parse_args()


def embed(options, precision, kind, items):
    rows = []
    for start in range(0, len(items), CHUNK):
        command = [options.eidetic, "embed", "--model", options.model, "--precision", precision]
        for item in items[start : start + CHUNK]:
            command += [f"--{kind}", str(item)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        rows += json.loads(answer)[f"{kind}s"]
    return np.array(rows, dtype=np.float64)


def cosines(name, left, right):
    values = (left * right).sum(axis=1)
    print(f"{name}: cosine of int8 to f32 over {len(values)}: least {values.min():.5f}, "
          f"1% {np.percentile(values, 1):.5f}, mean {values.mean():.5f}")


def retrieval(texts, photos, relevant):
    """Precision@5 and mean average precision, rows of `relevant` being texts."""
    order = np.argsort(-(texts @ photos.T), axis=1, kind="stable")
    hits = np.take_along_axis(relevant, order, axis=1)
    at_rank = hits.cumsum(axis=1) / np.arange(1, hits.shape[1] + 1)
    average = (at_rank * hits).sum(axis=1) / hits.sum(axis=1)
    return hits[:, :5].mean(), average.mean()


def main():
    options = arguments()
    if options.labels:
        rows = list(csv.DictReader(options.labels.open(), delimiter="\t"))
        photos, labels = [options.photos / row["path"] for row in rows], [row["concept"] for row in rows]
    else:
        photos = sorted(p for p in options.photos.rglob("*") if p.suffix.lower() in EXTENSIONS)
    vectors = {precision: embed(options, precision, "image", photos) for precision in ("f32", "int8")}
    cosines("photos", vectors["f32"], vectors["int8"])
    if not options.labels:
        return
    concepts = sorted(set(labels))
    captions = [f"a photo of a {concept}" for concept in concepts]
    texts = {precision: embed(options, precision, "text", captions) for precision in ("f32", "int8")}
    cosines("texts", texts["f32"], texts["int8"])
    relevant = np.array([[label == concept for label in labels] for concept in concepts])
    for text in texts:
        for photo in vectors:
            precision, average = retrieval(texts[text], vectors[photo], relevant)
            print(f"text {text}, photos {photo}: P@5 {100 * precision:.2f}, mAP {100 * average:.2f}")


main()
