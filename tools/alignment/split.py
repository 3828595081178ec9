"""Writes the photos of a concept folder with their side of the built-in model's split, for the example `unseen_words`.

    python tools/alignment/split.py CONCEPTS CACHE > PHOTOS.tsv

CONCEPTS holds `labels.tsv` (path, collection, concept, group) and the photos; lines are path, concept, and `learnt` or
`held-out`: photos that the built-in model was never trained on.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "builtin-model"))
from photos import read_photos  # noqa: E402

folder, cache = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
cache.mkdir(parents=True, exist_ok=True)
for photo in read_photos(folder, cache):
    print(folder / photo.path, photo.concept, "held-out" if photo.held_out else "learnt", sep="\t")
