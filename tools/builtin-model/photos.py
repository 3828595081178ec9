"""The labelled photos: reading, grouping near-duplicates, the held-out split, and a decoded cache.

A concept folder holds `labels.tsv` (path, collection, concept, group; with a header) and the photos listed in it.
"""

import hashlib
import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

CACHE_SIDE = 128
"""Side in pixels of the squashed square in which training photos are kept."""

HELD_OUT_SHARE = 0.2
HELD_OUT_LEAST = 5
TWIN_CORRELATION = 0.93
"""Neighbours in a sequence whose 16 x 16 grey thumbnails correlate above this are the same moment twice."""


@dataclass(frozen=True)
class Photo:
    """One labelled photo; `path` is relative to the concept folder, `held_out` photos are never trained on."""

    path: str
    concept: str
    group: str
    held_out: bool


def read_photos(folder: Path, cache: Path) -> list[Photo]:
    """All labelled photos of `folder` with their side of the split; thumbnails are kept in `cache`."""
    rows = [line.split("\t") for line in (folder / "labels.tsv").read_text("utf-8").splitlines()[1:]]
    thumbnails = _thumbnails(folder, [row[0] for row in rows], cache)
    by_concept = defaultdict(list)
    for index, row in enumerate(rows):
        by_concept[row[2]].append(index)
    held_out = set()
    for indices in by_concept.values():
        held_out |= _held_out([rows[i][0] for i in indices], thumbnails[indices])
    return [Photo(path, concept, group, path in held_out) for path, _, concept, group in rows]


def squashed(folder: Path, photos: list[Photo], cache: Path) -> np.ndarray:
    """Photos as uint8 [n, CACHE_SIDE, CACHE_SIDE, 3] without regard to their shape."""
    names = [photo.path for photo in photos]
    store = cache / f"photos-{_digest(names)}.npz"
    if not store.exists():
        np.savez(store, pixels=np.stack([squash(Image.open(folder / name)) for name in names]))
    with np.load(store) as kept:
        return kept["pixels"]


def squash(picture: Image.Image) -> np.ndarray:
    """An image squashed to CACHE_SIDE x CACHE_SIDE, uint8 [side, side, 3]."""
    return np.asarray(picture.convert("RGB").resize((CACHE_SIDE, CACHE_SIDE), Image.Resampling.BICUBIC))


def _held_out(paths: list[str], thumbnails: np.ndarray) -> set[str]:
    """The held-out paths of one concept: whole groups of near-duplicates, in the order of a hash of their first path."""
    groups = _twin_groups(paths, thumbnails)
    groups.sort(key=lambda group: hashlib.sha256(group[0].encode()).digest())
    wanted = max(HELD_OUT_LEAST, math.ceil(HELD_OUT_SHARE * len(paths)))
    chosen: set[str] = set()
    for group in groups:
        if len(chosen) >= wanted:
            break
        if len(chosen) + len(group) <= 2 * wanted:
            chosen.update(group)
    return chosen


def _twin_groups(paths: list[str], thumbnails: np.ndarray) -> list[list[str]]:
    """Groups of paths joined, directly or through others, by thumbnails that are nearly the same."""
    parent = list(range(len(paths)))

    def root(node: int) -> int:
        while parent[node] != node:
            node = parent[node]
        return node

    alike = thumbnails @ thumbnails.T > TWIN_CORRELATION
    for left, right in zip(*np.nonzero(np.triu(alike, 1))):
        parent[root(int(right))] = root(int(left))
    groups = defaultdict(list)
    for index, path in enumerate(paths):
        groups[root(index)].append(path)
    return list(groups.values())


def _thumbnails(folder: Path, names: list[str], cache: Path) -> np.ndarray:
    """Grey 16 x 16 thumbnails, each shifted to mean 0 and scaled to norm 1, f32 [n, 256]."""
    store = cache / f"thumbnails-{_digest(names)}.npy"
    if not store.exists():
        cache.mkdir(parents=True, exist_ok=True)
        rows = [
            np.asarray(Image.open(folder / name).convert("L").resize((16, 16), Image.Resampling.BOX), np.float32).ravel()
            for name in names
        ]
        grey = np.stack(rows)
        grey -= grey.mean(1, keepdims=True)
        np.save(store, grey / np.maximum(np.linalg.norm(grey, axis=1, keepdims=True), 1e-6))
    return np.load(store)


def _digest(names: list[str]) -> str:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:12]
