"""Measures an aligned text model on words that no caption held, beside the built-in model's own text tower.

    python tools/alignment/measure.py EIDETIC CONCEPTS TEXT_MODEL [--work DIR] [--photos N]

EIDETIC is the program; CONCEPTS holds `labels.tsv` (path, collection, concept, group) and the photos. The text model is
aligned to the built-in image tower from at most N photos of each concept, with the concept's name as caption. Then each word
of `words.tsv` searches the photos that neither model learnt from, the held-out split of tools/builtin-model. A word counts
where one of the first five photos is of a concept that it names. Words were chosen before the first measurement; a word that
a caption holds is an error.
"""

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "builtin-model"))
import photos  # noqa: E402

BATCH = 400
FIRST = 5


def answer(program: str, *arguments: str) -> dict:
    result = subprocess.run([program, *arguments, "--json"], capture_output=True, text=True)
    if result.returncode not in (0, 1):
        raise SystemExit(f"{program} {arguments[0]}: {result.stderr}")
    return json.loads(result.stdout)


def images(program: str, folder: Path, paths: list[str], store: Path) -> np.ndarray:
    """Unit vectors of photos by the built-in model, kept in `store`."""
    if not store.exists():
        parts = []
        for first in range(0, len(paths), BATCH):
            flags = [part for path in paths[first:first + BATCH] for part in ("--image", str(folder / path))]
            parts += answer(program, "embed", "--model", "builtin", *flags)["images"]
        np.save(store, np.array(parts, np.float32))
    return np.load(store)


def words(captions: set[str]) -> list[tuple[str, set[str]]]:
    lines = (Path(__file__).parent / "words.tsv").read_text("utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    held = {word for caption in captions for word in caption.replace("-", " ").split()}
    seen = [word for word, _ in rows if word in held]
    unknown = [name for _, names in rows for name in names.split("|") if name not in captions]
    if seen or unknown:
        raise SystemExit(f"words in captions: {seen}; concepts without captions: {unknown}")
    return [(word, set(names.split("|"))) for word, names in rows]


def learnt_words() -> set[str]:
    """Words that the built-in text tower learnt."""
    lines = (ROOT / "data" / "models" / "builtin" / "vocabulary.tsv").read_text("utf-8").splitlines()
    return {line.split("\t")[0] for line in lines if not line.startswith("#")}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("eidetic")
    parser.add_argument("concepts", type=Path)
    parser.add_argument("text_model")
    parser.add_argument("--work", type=Path, default=Path("alignment-work"))
    parser.add_argument("--photos", type=int, default=20)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    known = photos.read_photos(options.concepts, options.work)
    by_concept = defaultdict(list)
    for photo in known:
        if not photo.held_out:
            by_concept[photo.concept].append(photo.path)
    captions = options.work / "captions.tsv"
    lines = [f"{options.concepts.resolve() / path}\t{concept}" for concept, paths in sorted(by_concept.items()) for path in paths[:options.photos]]
    captions.write_text("\n".join(lines) + "\n", "utf-8")
    aligned = options.work / "aligned"
    fitted = answer(options.eidetic, "align", "--text-model", options.text_model, "--image-model", "builtin", "--pairs", str(captions), "--out", str(aligned))
    recall = {key: fitted["recall"][key] for key in ("chance", "after")}
    print(f"aligned on {fitted['pictures']} photos, {len(by_concept)} captions; held-out captions: {json.dumps(recall)}")
    held_out = [photo for photo in known if photo.held_out]
    vectors = images(options.eidetic, options.concepts, [photo.path for photo in held_out], options.work / "images.npy")
    wanted = words(set(by_concept))
    learnt = learnt_words()
    found = {}
    for name, model in (("built-in", "builtin"), ("aligned", str(aligned))):
        texts = np.array(answer(options.eidetic, "embed", "--model", model, *(part for word, _ in wanted for part in ("--text", word)))["texts"], np.float32)
        best = np.argsort(-(texts @ vectors.T), axis=1, kind="stable")[:, :FIRST]
        found[name] = [any(held_out[i].concept in names for i in row) for row, (_, names) in zip(best, wanted)]
    print(f"{len(held_out)} photos to search; words with a right photo among the first {FIRST}:")
    for name, hits in found.items():
        of_learnt = [hit for hit, (word, _) in zip(hits, wanted) if word in learnt]
        of_others = [hit for hit, (word, _) in zip(hits, wanted) if word not in learnt]
        print(f"  {name:9} {sum(hits)} of {len(hits)} (words that the built-in model learnt: {sum(of_learnt)} of {len(of_learnt)}; others: {sum(of_others)} of {len(of_others)})")
    only = {name: [word for (word, _), hit, other in zip(wanted, found[name], found[rest]) if hit and not other] for name, rest in (("built-in", "aligned"), ("aligned", "built-in"))}
    print(f"  only built-in: {', '.join(only['built-in'])}\n  only aligned: {', '.join(only['aligned'])}")


if __name__ == "__main__":
    main()
