"""Fits the constants of confidences to labeled photos.

    python tools/confidence/fit.py LABELS.tsv --absent WORDS.txt --eidetic target/release/eidetic --model builtin --logit-scale 29.75

LABELS.tsv and WORDS.txt are those of `cargo run --release -p eidetic-library --example confidence`, which measures the result with
the program's own code. Several files of labels count the same. Each concept is searched in libraries of several sizes, with its
photos present and removed; queries without an answer are weighted to a share of 0, 20 and 50 percent, each of which counts the
same, and so does each size. Printed are

- `hit` (slope, surprisal and intercept of a model's text curve for hits) and `picture` of a model's scores.json;
- the constants of crates/confidence/src/confidence_model.rs: `margin_of_hit`, `margin_in_small_library`, `both`.
"""

import argparse
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
SIZES = {100: 6, 300: 3, 1000: 2, 3000: 1, 10_000: 1}
SHARES = (0.0, 0.2, 0.5)
HITS = 10
PHOTO_QUERIES = 400
# As in crates/confidence/src: background.rs and library_scores.rs.
RIVALS, SAME_MEANING = 5, 0.8
SAMPLE, POSSIBLE_MATCHES, TAIL_FRACTION, MIN_TAIL = 500, 10, 20, 30
MIN_RELATIVE_DISTANCE = 1e-3
AT_ONCE = 400
PRESENT, REMOVED, IMPOSSIBLE = range(3)


@dataclass
class Data:
    """Photos and queries of one file of labels; vectors are f32 [n, d]."""

    photos: np.ndarray
    labels: np.ndarray
    texts: np.ndarray
    concepts: np.ndarray
    background: np.ndarray


@dataclass
class Query:
    """A query in one library: its best hits."""

    answer: int
    size: int
    features: dict[str, np.ndarray]
    right: np.ndarray

    @property
    def has_text(self) -> bool:
        return "text_score" in self.features


def main() -> None:
    options = _options()
    embed = Embedder(options.eidetic, options.model)
    sets = [read(labels, options.absent, embed) for labels in options.labels]
    by_words = [list(words(data, options.logit_scale)) for data in sets]
    by_photo = [list(photos(data)) for data in sets]
    hits = fit(by_words, ["score", "surprisal"])
    small = [[query for query in queries if query.size == min(SIZES)] for queries in by_words]
    print(json.dumps({
        "hit": hits,
        "picture": fit([[query for query in queries if not query.has_text] for queries in by_photo], ["score"]),
        "margin_of_hit": fit(by_words, ["margin", "surprisal"]),
        "margin_in_small_library": fit(small, ["margin"]),
        "both": fit([with_log_odds(queries, hits) for queries in by_photo], ["log_odds", "closeness"]),
    }, indent=2))


class Embedder:
    """Vectors from the program itself."""

    def __init__(self, program: Path, model: str) -> None:
        self.program, self.model = program, model

    def __call__(self, part: str, flag: str, values: list[str]) -> np.ndarray:
        found = []
        for first in range(0, len(values), AT_ONCE):
            given = [argument for value in values[first : first + AT_ONCE] for argument in (flag, value)]
            command = [self.program, "embed", "--model", self.model, *given]
            found += json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)[part]
        return np.array(found, np.float32)


def read(labels: Path, absent: Path, embed: Embedder) -> Data:
    rows = [line.split("\t") for line in labels.read_text("utf-8").splitlines()[1:]]
    names = sorted({row[2] for row in rows if not row[2].startswith("~")})
    asked = [(text, name) for name in names for text in (name, f"a photo of a {name}")]
    asked += [(word, "") for word in absent.read_text("utf-8").split("\n") if word.strip()]
    return Data(
        photos=embed("images", "--image", [str(labels.parent / row[0]) for row in rows]),
        labels=np.array([row[2] for row in rows]),
        texts=embed("texts", "--text", [text for text, _ in asked]),
        concepts=np.array([name for _, name in asked]),
        background=embed("texts", "--text", background_texts()),
    )


def background_texts() -> list[str]:
    """The bundled texts, in the program's order."""
    files = (ROOT / "data" / "match" / name for name in ("background-captions.txt", "tags.tsv"))
    lines = (line for file in files for line in file.read_text("utf-8").splitlines())
    return [line.split("\t")[0] for line in lines if line.strip() and not line.startswith("#")]


def libraries(count: int):
    for size, number in SIZES.items():
        for seed in range(number):
            random = np.random.default_rng([size, seed])
            yield size, random, random.permutation(count)[:size]


def words(data: Data, scale: float):
    """Queries by words, with the margin over the background in logits."""
    against = data.photos @ data.background.T
    same = data.texts @ data.background.T >= SAME_MEANING
    for size, _, library in libraries(len(data.photos)):
        for text, concept, synonyms in zip(data.texts, data.concepts, same):
            for answer, chosen in variants(data.labels, library, concept):
                hits = best(data.photos, chosen, text)
                features = measured(data.photos, chosen, hits, text)
                rivals = np.sort(against[np.ix_(hits, ~synonyms)], 1)[:, -RIVALS:].mean(1)
                features["margin"] = scale * (features["score"] - rivals)
                yield Query(answer, size, features, data.labels[hits] == concept)


def photos(data: Data):
    """Queries by a photo alone, and by a photo with a text, which has `text_score` and `text_surprisal`."""
    named = {concept: np.flatnonzero(data.concepts == concept) for concept in set(data.concepts) - {""}}
    names = sorted(named)
    for size, random, library in libraries(len(data.photos)):
        for photo in random.choice(len(data.photos), min(PHOTO_QUERIES, len(data.photos)), replace=False):
            concept = data.labels[photo]
            if concept not in named:
                continue
            others, image = library[library != photo], data.photos[photo]
            for answer, chosen in variants(data.labels, others, concept):
                hits = best(data.photos, chosen, image)
                yield Query(answer, size, measured(data.photos, chosen, hits, image), data.labels[hits] == concept)
                hits, features = fused(data, chosen, photo, random.choice(named[concept]))
                yield Query(answer, size, features, data.labels[hits] == concept)
            other = random.choice(names)
            if other != concept:
                hits, features = fused(data, others, photo, named[other][0])
                yield Query(IMPOSSIBLE, size, features, np.zeros(len(hits), bool))


def fused(data: Data, library: np.ndarray, photo: int, text: int):
    image, words = data.photos[photo], data.texts[text]
    hits = best(data.photos, library, image + words)
    of_text = measured(data.photos, library, hits, words)
    return hits, measured(data.photos, library, hits, image) | {"text_" + name: values for name, values in of_text.items()}


def variants(labels: np.ndarray, library: np.ndarray, concept: str):
    """The library with the concept and without; for "" as it is, without an answer."""
    right = labels[library] == concept
    if not concept:
        yield IMPOSSIBLE, library
    elif right.any():
        yield PRESENT, library
        yield REMOVED, library[~right]


def best(vectors: np.ndarray, library: np.ndarray, query: np.ndarray) -> np.ndarray:
    return library[np.argsort(-(vectors[library] @ query), kind="stable")[:HITS]]


def measured(vectors: np.ndarray, library: np.ndarray, hits: np.ndarray, query: np.ndarray) -> dict[str, np.ndarray]:
    """Scores of hits, their surprisal among a sample of the library, and minus the logarithm of the relative distance."""
    count = min(len(library), SAMPLE)
    scores = np.sort(vectors[library[np.arange(count) * len(library) // count]] @ query)[::-1]
    length = min(max(MIN_TAIL, count // TAIL_FRACTION), count)
    threshold, found = scores[length - 1], vectors[hits] @ query
    of_rank = np.append(0, np.cumsum(1 / np.arange(1, length)))
    expected = (of_rank[length - 1] - of_rank[POSSIBLE_MATCHES:length]).sum()
    scale = (scores[POSSIBLE_MATCHES:length] - threshold).sum() / expected + 2.0**-23
    distance = np.maximum((1 - found) / (1 - scores[count // 2]), MIN_RELATIVE_DISTANCE)
    return {
        "score": found, "closeness": -np.log(distance),
        "surprisal": (found - threshold) / scale - np.log(length * len(library) / count),
    }


def with_log_odds(queries: list[Query], hits: dict[str, float]) -> list[Query]:
    """The fused ones, with the log odds that each hit matches the text."""
    chosen = [query for query in queries if query.has_text]
    for query in chosen:
        of_text = {name: query.features["text_" + name] for name in ("score", "surprisal")}
        query.features["log_odds"] = hits["intercept"] + sum(hits[name] * values for name, values in of_text.items())
    return chosen


def fit(sets: list[list[Query]], names: list[str]) -> dict[str, float]:
    """The logistic curve of greatest likelihood."""
    points, right, weights = [], [], []
    for queries in sets:
        for query, weight in zip(queries, weighted(queries)):
            points.append(np.stack([query.features[name] for name in names] + [np.ones(len(query.right))], 1))
            right.append(query.right)
            weights.append(np.full(len(query.right), weight))
    found = logistic(np.concatenate(points).astype(float), np.concatenate(right).astype(float), np.concatenate(weights))
    return dict(zip([*names, "intercept"], (round(float(value), 3) for value in found)))


def weighted(queries: list[Query]) -> list[float]:
    """Weights with which each size and each share of queries without an answer counts the same."""
    counts: dict[tuple[int, int], int] = {}
    for query in queries:
        counts[query.size, query.answer] = counts.get((query.size, query.answer), 0) + 1
    without = sum(SHARES) / len(SHARES)

    def part(query: Query) -> float:
        if query.answer == PRESENT:
            return 1 - without
        return without / sum((query.size, answer) in counts for answer in (REMOVED, IMPOSSIBLE))

    return [part(query) / counts[query.size, query.answer] for query in queries]


def logistic(points: np.ndarray, right: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Coefficients of greatest likelihood, by Newton's method."""
    found, weights = np.zeros(points.shape[1]), weights / weights.sum()
    for _ in range(60):
        p = 1 / (1 + np.exp(-np.clip(points @ found, -30, 30)))
        gradient = points.T @ (weights * (p - right))
        curvature = (points * (weights * p * (1 - p))[:, None]).T @ points + 1e-12 * np.eye(len(found))
        found = found - np.linalg.solve(curvature, gradient)
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path, nargs="+", help="files of labels")
    parser.add_argument("--absent", type=Path, required=True, help="words that no photo shows, one a line")
    parser.add_argument("--eidetic", type=Path, required=True, help="the program")
    parser.add_argument("--model", default="builtin", help="as --model of the program")
    parser.add_argument("--logit-scale", type=float, required=True, help="exp(logit_scale) of the model")
    return parser.parse_args()


if __name__ == "__main__":
    main()
