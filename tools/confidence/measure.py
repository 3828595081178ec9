"""How honest confidences are: reliability, and verdicts on queries with and without an answer.

    python tools/confidence/measure.py --eidetic target/release/eidetic --model builtin --photos PHOTOS --write scores.json

PHOTOS holds labels.tsv (path, collection, concept, group) and photos of which the model has not learnt the held-out fifth;
only those are used. Every query is asked of libraries of several sizes, three times: with its answers there, with them
taken out, and words that name nothing there at all. What is judged is the ten best hits of each, as a person sees them.

`background` needs no labels; its curves are fitted once on three models (see docs/decisions/0014-confidence.md) and stand
in crates/confidence/src. `curve` is the logistic curve of the cosine, fitted on one half of the concepts and judged on
the other, both ways; --write keeps the one fitted on all as the model's scores.json.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "builtin-model"))

import outsiders  # noqa: E402
import photos  # noqa: E402
from chinese import names as chinese_names  # noqa: E402

LIBRARIES = (3000, 1000, 300)
HITS = 10
RIVALS, SAME_MEANING = 5, 0.8
# Log odds: so much a logit of margin, so much a unit of surprise, and a constant; a unit of likeness, and a constant.
OF_HIT, LIKENESS, CLOSENESS = (0.752, 0.245, -1.922), (6.415, -0.48), (1.685, -8.733)
STAND_INS, POSSIBLE_ANSWERS = 500, 10
MATCH_LEVEL = 0.5
PICTURE_QUERIES = 400
BINS = 10
AT_ONCE = 256


@dataclass
class Hits:
    """The best hits of many queries, one row each."""

    score: np.ndarray
    evidence: np.ndarray
    right: np.ndarray
    concept: np.ndarray
    kind: np.ndarray
    rank: np.ndarray


WITH_ANSWER, ANSWER_TAKEN_OUT, UNKNOWN = 0, 1, 2


class Model:
    """Vectors from the program itself."""

    def __init__(self, program: Path, name: str) -> None:
        self.program, self.name = program, name

    def texts(self, texts: list[str]) -> np.ndarray:
        """Unit vectors f32 [n, d]."""
        return self._embed("texts", [argument for text in texts for argument in ("--text", text)], 2 * AT_ONCE)

    def pictures(self, files: list[Path]) -> np.ndarray:
        """Unit vectors f32 [n, d]."""
        return self._embed("images", [argument for file in files for argument in ("--image", str(file))], 2 * AT_ONCE)

    def _embed(self, part: str, arguments: list[str], at_once: int) -> np.ndarray:
        found = []
        for first in range(0, len(arguments), at_once):
            command = [self.program, "embed", "--model", self.name, *arguments[first : first + at_once]]
            found += json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)[part]
        return np.array(found, np.float32)


def main() -> None:
    options = _options()
    model = Model(options.eidetic, options.model)
    held = [photo for photo in photos.read_photos(options.photos, options.cache) if photo.held_out]
    concepts = sorted({photo.concept for photo in held})
    labels = np.array([concepts.index(photo.concept) for photo in held])
    pictures = model.pictures([options.photos / photo.path for photo in held])
    background = model.texts(background_texts())
    asked = [("a photo of a " + concept, number) for number, concept in enumerate(concepts)]
    asked += [(concept, number) for number, concept in enumerate(concepts)]
    asked += [(chinese_names(concept)[0], number) for number, concept in enumerate(concepts)]
    asked += [(word, -1) for word in outsiders.measured()]
    queries = model.texts([text for text, _ in asked])
    by_words = text_hits(queries, [concept for _, concept in asked], pictures, labels, background, options.logit_scale)
    by_picture = picture_hits(pictures, labels, background, options.logit_scale)
    report = {"photos": len(held), "concepts": len(concepts), "background_texts": len(background)}
    scores = {"logit_scale": options.logit_scale}
    for name, hits, curve in (("text", by_words, (1, 0)), ("picture", by_picture, (1, 0))):
        fitted = logistic(hits.score, hits.right)
        report[name] = {
            "hits": len(hits.score), "right": share(hits.right),
            "background": honesty(probability(curve, hits.evidence), hits),
            "curve": honesty(by_halves(hits), hits),
            "fitted_curve": {"slope": round(fitted[0], 3), "intercept": round(fitted[1], 3)},
        }
        scores[name] = report[name]["fitted_curve"]
    wrong, right = by_words.score[~by_words.right], by_words.score[by_words.right]
    scores["span"] = {"low": round(float(np.quantile(wrong, 0.05)), 3), "high": round(float(np.quantile(right, 0.95)), 3)}
    print(json.dumps(report | {"scores": scores}, indent=2))
    if options.write:
        options.write.write_text(json.dumps(scores, indent=2) + "\n", "utf-8")


def background_texts() -> list[str]:
    """The bundled texts, in the program's order."""
    folder = ROOT / "data" / "match"
    captions, tags = ((folder / name).read_text("utf-8").splitlines() for name in ("background-captions.txt", "tags.tsv"))
    told = [line for line in captions if line.strip() and not line.startswith("#")]
    return told + [line.split("\t")[0] for line in tags if line.strip() and not line.startswith("#")]


def libraries(count: int):
    """Photos of each library, chosen at random with a fixed seed."""
    for size in LIBRARIES:
        yield np.arange(count) if size >= count else np.random.default_rng(size).choice(count, size, replace=False)


def text_hits(queries, concepts, pictures, labels, background, scale) -> Hits:
    """The best hits of words. Their evidence is in log odds: margins over the background, and the surprise of their scores
    among the library's own (crates/confidence/src)."""
    against = pictures @ background.T
    rows = []
    for library in libraries(len(pictures)):
        for query, concept in zip(queries, concepts):
            rivals = background @ query < SAME_MEANING

            def add(chosen, kind):
                score = pictures[chosen] @ query
                best = np.argsort(-score, kind="stable")[:HITS]
                rival = np.sort(against[np.ix_(chosen[best], rivals)], 1)[:, -RIVALS:].mean(1)
                margin = scale * (score[best] - rival)
                evidence = OF_HIT[0] * margin + OF_HIT[1] * surprise(score[best], pictures[stand_ins(chosen)] @ query, len(chosen))
                rows.extend(zip(score[best], evidence + OF_HIT[2], labels[chosen[best]] == concept,
                                np.full(len(best), concept), np.full(len(best), kind), range(len(best))))

            right = labels[library] == concept
            if concept < 0:
                add(library, UNKNOWN)
                continue
            if right.any():
                add(library, WITH_ANSWER)
            add(library[~right], ANSWER_TAKEN_OUT)
    return _columns(rows)


def stand_ins(library):
    """The pictures that stand for a library."""
    chosen = min(len(library), STAND_INS)
    return library[np.arange(chosen) * len(library) // chosen]


def surprise(found, scores, library: int):
    """Minus the logarithm of how many pictures of the library are expected to reach a score without matching."""
    scores = np.sort(scores)[::-1]
    length = max(30, len(scores) // 20)
    inverses = np.cumsum(1 / np.arange(1, length))
    of_rank = np.append(0, inverses)
    expected = (of_rank[length - 1] - of_rank[POSSIBLE_ANSWERS:length]).sum()
    threshold = scores[length - 1]
    tail = (scores[POSSIBLE_ANSWERS:length] - threshold).sum() / expected + 2.0**-23
    return (found - threshold) / tail - np.log(length * library / len(scores))


def picture_hits(pictures, labels, background, scale) -> Hits:
    """The best hits of photos; right where they show the same concept. Their evidence is in log odds: the likeness of their
    descriptions, or how close they lie in comparison with others of the library, whichever says more."""
    logits = scale * pictures @ background.T
    described = np.exp(logits - logits.max(1, keepdims=True))
    described = np.sqrt(described / described.sum(1, keepdims=True))
    rows = []
    for library in libraries(len(pictures)):
        for query in np.random.default_rng(len(library)).choice(len(pictures), PICTURE_QUERIES, replace=False):
            same = labels[library] == labels[query]
            for kind, chosen in ((WITH_ANSWER, library[library != query]), (ANSWER_TAKEN_OUT, library[~same])):
                score = pictures[chosen] @ pictures[query]
                best = np.argsort(-score, kind="stable")[:HITS]
                likeness = np.log(np.maximum(described[chosen[best]] @ described[query], 1e-300))
                median = np.sort(pictures[stand_ins(chosen)] @ pictures[query])[::-1][min(len(chosen), STAND_INS) // 2]
                closeness = -np.log(np.maximum((1 - score[best]) / (1 - median), 1e-3))
                evidence = np.maximum(LIKENESS[0] * likeness + LIKENESS[1], CLOSENESS[0] * closeness + CLOSENESS[1])
                rows.extend(zip(score[best], evidence, labels[chosen[best]] == labels[query],
                                np.full(len(best), labels[query]), np.full(len(best), kind), range(len(best))))
    return _columns(rows)


def _columns(rows) -> Hits:
    score, evidence, right, concept, kind, rank = (np.array(column) for column in zip(*rows))
    return Hits(score.astype(float), evidence.astype(float), right.astype(bool), concept, kind, rank)


def probability(curve, x):
    """The logistic curve at x."""
    return 1 / (1 + np.exp(-np.clip(curve[0] * x + curve[1], -30, 30)))


def logistic(x, right):
    """Slope and intercept of greatest likelihood, by Newton's method."""
    points, found = np.stack([x, np.ones_like(x)], 1), np.zeros(2)
    for _ in range(60):
        p = probability(found, x)
        gradient = points.T @ (p - right) / len(x)
        curvature = (points * (p * (1 - p))[:, None]).T @ points / len(x) + 1e-12 * np.eye(2)
        found = found - np.linalg.solve(curvature, gradient)
    return float(found[0]), float(found[1])


def by_halves(hits: Hits) -> np.ndarray:
    """Probabilities of each half of the concepts by the curve fitted on the other; unknown words count to both."""
    half, found = hits.concept % 2, np.zeros(len(hits.score))
    for side in (0, 1):
        judged = half == side
        found[judged] = probability(logistic(hits.score[~judged], hits.right[~judged]), hits.score[judged])
    return found


def honesty(p: np.ndarray, hits: Hits) -> dict:
    """Expected calibration error, order, reliability, and the verdict: best hit below MATCH_LEVEL is `no_match`."""
    bins = np.minimum((p * BINS).astype(int), BINS - 1)
    table = [{"from": b / BINS, "hits": int((bins == b).sum()), "said": share(p[bins == b]), "true": share(hits.right[bins == b])}
             for b in range(BINS) if (bins == b).any()]
    error = sum(row["hits"] * abs(row["said"] - row["true"]) for row in table) / len(p)
    order = np.argsort(np.argsort(p, kind="stable"), kind="stable")
    positives = int(hits.right.sum())
    area = (order[hits.right].sum() - positives * (positives - 1) / 2) / (positives * (len(p) - positives))
    return {"expected_calibration_error": round(error, 4), "roc_area": round(float(area), 4),
            "no_match": verdicts(p, hits), "reliability": table}


def verdicts(p: np.ndarray, hits: Hits) -> dict:
    """Precision and recall of `no_match` over queries; the best of a query's hits decides."""
    starts = np.flatnonzero(hits.rank == 0)
    said = np.maximum.reduceat(p, starts) < MATCH_LEVEL
    kind = hits.kind[starts]
    empty = kind != WITH_ANSWER
    return {
        "precision": share(empty[said]), "recall": share(said[empty]),
        "said_of_unknown_words": share(said[kind == UNKNOWN]), "said_where_the_answer_was_taken_out": share(said[kind == ANSWER_TAKEN_OUT]),
        "said_where_the_answer_is_there": share(said[kind == WITH_ANSWER]),
    }


def share(values) -> float | None:
    return round(float(np.mean(values)), 4) if len(values) else None


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eidetic", type=Path, required=True, help="the program")
    parser.add_argument("--model", default="builtin", help="as --model of the program")
    parser.add_argument("--photos", type=Path, required=True, help="folder with labels.tsv")
    parser.add_argument("--cache", type=Path, required=True, help="folder for thumbnails")
    parser.add_argument("--logit-scale", type=float, required=True, help="exp(logit_scale) of the model")
    parser.add_argument("--write", type=Path, help="scores.json to write")
    return parser.parse_args()


if __name__ == "__main__":
    main()
