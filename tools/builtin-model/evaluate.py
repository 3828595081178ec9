"""Measures an exported model: on held-out photos, on new drawn scenes, on degraded images, on queries without a match.

    python evaluate.py --model FOLDER --gallery data/gallery [--photos PHOTOS --cache CACHE]

Without --photos photos are skipped. Figures go to stdout as JSON, each with its chance level.
"""

import argparse
import io
import json
import random
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from PIL import Image, ImageOps

import chinese
import outsiders
import photos
import scenes
from exported import Exported
from measures import chance, first_share, mean_average_precision, precision_at, quantiles

SCENES = 500
SPOILT = 1000
RARITY = (0, 35, 50, 80, 100_000)
LANGUAGES = {
    "english": ("a photo of a {}", lambda concept: concept),
    "chinese": ("一张{}的照片", lambda concept: chinese.names(concept)[0]),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="exported model folder")
    parser.add_argument("--gallery", type=Path, required=True, help="folder with captions.tsv and queries.tsv")
    parser.add_argument("--photos", type=Path, help="folder with labels.tsv; left out, photos are not measured")
    parser.add_argument("--cache", type=Path, help="folder for thumbnails, needed with --photos")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = Exported(options.model)
    report = {"gallery": gallery_report(model, options.gallery), "scenes": scene_report(model)}
    if options.photos:
        report["photos"] = photo_report(model, options.photos, options.cache)
    print(json.dumps(rounded(report), indent=2, ensure_ascii=False))


def rounded(value):
    """All numbers of a report to four places."""
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def photo_report(model: Exported, folder: Path, cache: Path) -> dict:
    """Figures on held-out photos, averaged over concepts (texts) or over photos (photo to photo)."""
    known = photos.read_photos(folder, cache)
    held_out = [photo for photo in known if photo.held_out]
    learnt = Counter(photo.concept for photo in known if not photo.held_out)
    concepts = sorted({photo.concept for photo in held_out})
    labels = torch.tensor([concepts.index(photo.concept) for photo in held_out])
    files = [folder / photo.path for photo in held_out]
    pictures = model.pictures([Image.open(file) for file in files])
    relevant = torch.arange(len(concepts))[:, None] == labels
    same = (labels[:, None] == labels).fill_diagonal_(False)
    return {
        "photos": len(held_out), "concepts": len(concepts),
        **{language: text_report(model, language, concepts, pictures, relevant, labels) for language in LANGUAGES},
        "precision_at_5_by_photos_learnt_from": rarity_report(model, concepts, learnt, pictures, relevant),
        "chance": {"precision_at_5": relevant.float().mean().item(), "map": chance(mean_average_precision, relevant), "photo_to_photo_map": chance(mean_average_precision, same)},
        "photo_to_photo_map": mean_average_precision((pictures @ pictures.T).fill_diagonal_(-2), same),
        "spoilt": spoilt_report(model, files, pictures),
        "no_answer": no_answer_report(model, pictures, concepts),
    }


def text_report(model: Exported, language: str, concepts: list[str], pictures: torch.Tensor, relevant: torch.Tensor, labels: torch.Tensor) -> dict:
    """Concept to photos, with a sentence and with the bare name as query, in one language."""
    template, name = LANGUAGES[language]
    scores = {"sentence": model.texts([template.format(name(c)) for c in concepts]) @ pictures.T, "bare": model.texts([name(c) for c in concepts]) @ pictures.T}
    precision = relevant.gather(1, scores["sentence"].topk(5, 1).indices).float().mean(1)
    return {
        **{f"precision_at_5_{kind}": precision_at(found, relevant, 5) for kind, found in scores.items()},
        **{f"map_{kind}": mean_average_precision(found, relevant) for kind, found in scores.items()},
        "photo_to_concept_accuracy": first_share(scores["sentence"].T, labels),
        "concepts_with_none_in_first_5": [concept for concept, share in zip(concepts, precision) if share == 0],
    }


def rarity_report(model: Exported, concepts: list[str], learnt: Counter, pictures: torch.Tensor, relevant: torch.Tensor) -> dict:
    """Precision@5 of English sentences over concepts with few and with many training photos."""
    scores = model.texts([LANGUAGES["english"][0].format(concept) for concept in concepts]) @ pictures.T
    counts, found = torch.tensor([learnt[concept] for concept in concepts]), {}
    for least, below in zip(RARITY, RARITY[1:]):
        chosen = (counts >= least) & (counts < below)
        share = precision_at(scores[chosen], relevant[chosen], 5) if chosen.any() else None
        found[f"{least} to {below - 1}"] = {"concepts": int(chosen.sum()), "precision_at_5": share}
    return found


def spoilt_report(model: Exported, files: list[Path], pictures: torch.Tensor) -> dict:
    """Whether a degraded photo finds its original first among SPOILT photos, taken evenly from all that are held out."""
    chosen = [int(i * len(files) / SPOILT) for i in range(SPOILT)]
    originals, numbers = pictures[chosen], torch.arange(SPOILT)
    opened = [Image.open(files[i]).convert("RGB") for i in chosen]
    found = {name: first_share(model.pictures([spoil(picture) for picture in opened]) @ originals.T, numbers) for name, spoil in SPOILING.items()}
    return {"photos": SPOILT, **{f"recall_at_1_{name}": share for name, share in found.items()}, "chance": 1 / SPOILT}


def _smaller(picture: Image.Image) -> Image.Image:
    return picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.BICUBIC)


def _middle(picture: Image.Image, cut: float) -> Image.Image:
    """The middle, without the share `cut` of each side at either end."""
    wide, high = picture.width * cut, picture.height * cut
    return picture.crop((round(wide), round(high), round(picture.width - wide), round(picture.height - high)))


def _compressed(picture: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=30)
    return Image.open(buffer)


SPOILING = {
    "half_size": _smaller, "crop_70_percent_of_sides": partial(_middle, cut=0.15), "crop_70_percent_of_area": partial(_middle, cut=(1 - 0.7**0.5) / 2),
    "jpeg_quality_30": _compressed, "mirrored": ImageOps.mirror,
}


def no_answer_report(model: Exported, pictures: torch.Tensor, concepts: list[str]) -> dict:
    """The best photo's score for queries with a match, and for words absent from training."""
    known = [template.format(name(concept)) for template, name in LANGUAGES.values() for concept in concepts]
    unknown = outsiders.measured()
    unknown_asked = [LANGUAGES["english" if word.isascii() else "chinese"][0].format(word) for word in unknown]
    best_known, best_unknown = ((model.texts(texts) @ pictures.T).amax(1) for texts in (known, unknown_asked))
    above = (best_known[:, None] > best_unknown).float().mean().item()
    limit = torch.quantile(best_unknown, 0.95)
    return {
        "queries_with_answer": len(known), "queries_without": len(unknown),
        "best_score_with_answer": quantiles(best_known), "best_score_without": quantiles(best_unknown),
        "with_answer_scores_above_without": above, "chance": 0.5,
        "with_answer_above_95_percent_of_those_without": (best_known > limit).float().mean().item(),
        "most_confident_without": [unknown[i] for i in best_unknown.topk(8).indices.tolist()],
    }


def scene_report(model: Exported) -> dict:
    """Captions among as many new scenes, all with captions of their own; and each caption against one that is changed."""
    report = {"scenes_each": SCENES, "chance_recall_at_1": 1 / SCENES, "chance_of_right_caption": 0.5}
    for kind, choose in {"single": scenes.draw.random_scene, "pairs": scenes.draw.random_pair}.items():
        drawn = scenes.test_scenes(SCENES, choose)
        pictures, known = model.pictures([picture for picture, _ in drawn]), [scene for _, scene in drawn]
        texts = {"english": [scene.caption() for scene in known], "chinese": [chinese_caption(scene) for scene in known]}
        report[kind] = {f"recall_at_{k}_{language}": recall(model.texts(asked) @ pictures.T, k) for language, asked in texts.items() for k in (1, 5)}
        report[kind] |= right_caption_report(model, known, pictures)
    return report


def chinese_caption(scene: scenes.draw.Scene) -> str:
    """All that is known of a scene in Chinese, such as 两个红色的苹果在桌子上."""
    parts = []
    for thing in scene.things:
        shade = chinese.COLOURS[thing.named_colour].split("|")[0] + "的" if thing.named_colour else ""
        parts.append(chinese.NUMBERS[scene.count] + chinese.measure(thing.noun) + shade + chinese.names(thing.noun)[0])
    return "和".join(parts) + chinese.PLACES[scene.setting].split("|")[0]


def recall(scores: torch.Tensor, count: int) -> float:
    """Share of rows of square `scores` whose own column is among the `count` best."""
    ranks = (scores > scores.diagonal()[:, None]).sum(1)
    return (ranks < count).float().mean().item()


def right_caption_report(model: Exported, known: list, pictures: torch.Tensor) -> dict:
    """Share of scenes that prefer their caption to one with colour, noun, count or setting changed, or colours exchanged."""
    dice, found, right = random.Random("changed"), {}, model.texts([scene.caption() for scene in known])
    own = (right * pictures).sum(1)
    for way, change in CHANGES.items():
        changed = [(i, change(scene, dice)) for i, scene in enumerate(known)]
        changed = [(i, scene.caption()) for i, scene in changed if scene is not None and scene.caption() != known[i].caption()]
        if changed:
            rows = [i for i, _ in changed]
            other = (model.texts([text for _, text in changed]) * pictures[rows]).sum(1)
            found[f"right_over_{way}"] = (own[rows] > other).float().mean().item()
    return found


def _other_colour(scene, dice: random.Random):
    choices = [name for name in scenes.COLOURS if name not in {thing.colour for thing in scene.things}]
    return replace(scene, colour=dice.choice(choices)) if scene.named_colour else None


def _other_noun(scene, dice: random.Random):
    names = [noun for noun in scenes.subjects.SUBJECTS if not scenes.families(noun) & {thing.noun for thing in scene.things}]
    return replace(scene, noun=dice.choice([noun for noun in names if noun != scene.noun]))


def _other_count(scene, dice: random.Random):
    return None if scene.other else replace(scene, count=dice.choice([count for count in (1, 2, 3, 4) if count != scene.count]))


def _other_setting(scene, dice: random.Random):
    return replace(scene, setting=dice.choice([place for place in scenes.places.PHRASES if place not in scene.setting and scene.setting not in place]))


def _exchanged(scene, _dice: random.Random):
    return scenes.exchanged(scene) if scene.other else None


CHANGES = {"other_colour": _other_colour, "other_noun": _other_noun, "other_count": _other_count, "other_setting": _other_setting, "colours_exchanged": _exchanged}


def gallery_report(model: Exported, folder: Path) -> dict:
    """Rank of the matching image for each caption and each short query."""
    captions = _table(folder / "captions.tsv")
    names = list(captions)
    pictures = model.pictures([Image.open(folder / name) for name in names])
    caption_ranks = _ranks(model, pictures, names, {caption: [name] for name, caption in captions.items()})
    query_ranks = _ranks(model, pictures, names, {text: files.split(" ") for text, files in _table(folder / "queries.tsv").items()})
    counted = Counter(min(rank, 6) for rank in caption_ranks.values())
    return {
        "pictures": len(names), "caption_recall_at_1": counted[1] / len(names), "caption_recall_at_5": 1 - counted[6] / len(names),
        "chance_recall_at_1": 1 / len(names), "captions_not_first": {text: rank for text, rank in caption_ranks.items() if rank > 1},
        "queries_first": sum(rank == 1 for rank in query_ranks.values()), "query_ranks": query_ranks,
    }


def _ranks(model: Exported, pictures: torch.Tensor, names: list[str], right: dict[str, list[str]]) -> dict[str, int]:
    """For each text, the rank (1 is best) of the first image that matches it."""
    order = (model.texts(list(right)) @ pictures.T).argsort(1, descending=True).tolist()
    return {text: 1 + next(place for place, i in enumerate(row) if names[i] in files) for (text, files), row in zip(right.items(), order)}


def _table(path: Path) -> dict[str, str]:
    return dict(line.split("\t") for line in path.read_text("utf-8").splitlines())


if __name__ == "__main__":
    main()
