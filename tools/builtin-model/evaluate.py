"""Measures an exported model folder, as any CLIP folder, with transformers alone: JSON on stdout.

Held-out photos: text-to-photo precision at 5 and mean average precision, photo-to-photo mean average precision, each
beside what chance gives. Drawn scenes: recall at 1 of a caption among 500 scenes. Gallery: ranks for its captions and
its short queries.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

import torch
from PIL import Image
from transformers import CLIPImageProcessor, CLIPModel, PreTrainedTokenizerFast

import photos
import scenes
from measures import QUERY, mean_average_precision, precision_at

SCENES = 500


class Encoder:
    """An exported model with its own preprocessing and tokenizer, in f32."""

    def __init__(self, folder: Path) -> None:
        self.model = CLIPModel.from_pretrained(folder, dtype=torch.float32).eval()
        self.processor = CLIPImageProcessor.from_pretrained(folder)
        self.tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)

    @torch.no_grad()
    def pictures(self, pictures: list[Image.Image]) -> torch.Tensor:
        """Unit vectors f32 [n, projection]."""
        found = []
        for first in range(0, len(pictures), 128):
            batch = self.processor([p.convert("RGB") for p in pictures[first : first + 128]], return_tensors="pt")
            pooled = self.model.vision_model(pixel_values=batch["pixel_values"]).pooler_output
            found.append(self.model.visual_projection(pooled))
        return torch.nn.functional.normalize(torch.cat(found), dim=-1)

    @torch.no_grad()
    def texts(self, texts: list[str]) -> torch.Tensor:
        """Unit vectors f32 [n, projection]."""
        batch = self.tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        pooled = self.model.text_model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).pooler_output
        return torch.nn.functional.normalize(self.model.text_projection(pooled), dim=-1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="exported model folder")
    parser.add_argument("--gallery", type=Path, required=True, help="folder with captions.tsv and queries.tsv")
    parser.add_argument("--photos", type=Path, help="folder with labels.tsv; left out, photos are not measured")
    parser.add_argument("--cache", type=Path, help="folder for thumbnails, needed with --photos")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    encoder = Encoder(options.model)
    report = {"gallery": gallery_report(encoder, options.gallery), "scenes": scene_report(encoder)}
    if options.photos:
        report["photos"] = photo_report(encoder, options.photos, options.cache)
    print(json.dumps(report, indent=2, ensure_ascii=False))


def photo_report(encoder: Encoder, folder: Path, cache: Path) -> dict:
    """Figures on held-out photos, averaged over concepts (texts) or over photos (photo to photo)."""
    held_out = [photo for photo in photos.read_photos(folder, cache) if photo.held_out]
    concepts = sorted({photo.concept for photo in held_out})
    labels = torch.tensor([concepts.index(photo.concept) for photo in held_out])
    pictures = encoder.pictures([Image.open(folder / photo.path) for photo in held_out])
    relevant = torch.arange(len(concepts))[:, None] == labels
    named = encoder.texts([QUERY.format(concept) for concept in concepts]) @ pictures.T
    bare = encoder.texts(concepts) @ pictures.T
    alike = pictures @ pictures.T
    alike.fill_diagonal_(-2)
    same = labels[:, None] == labels
    same.fill_diagonal_(False)
    chance = torch.rand(named.shape, generator=torch.Generator().manual_seed(0))
    precision = relevant.gather(1, named.topk(5, 1).indices).float().mean(1)
    return {
        "photos": len(held_out), "concepts": len(concepts),
        "text_to_photo_precision_at_5": round(precision_at(named, relevant, 5), 4),
        "text_to_photo_precision_at_5_bare_noun": round(precision_at(bare, relevant, 5), 4),
        "text_to_photo_map": round(mean_average_precision(named, relevant), 4),
        "chance_precision_at_5": round(relevant.float().mean().item(), 4),
        "chance_text_to_photo_map": round(mean_average_precision(chance, relevant), 4),
        "photo_to_concept_accuracy": round((named.argmax(0) == labels).float().mean().item(), 4),
        "photo_to_photo_map": round(mean_average_precision(alike, same), 4),
        "chance_photo_to_photo_map": round(mean_average_precision(torch.rand(alike.shape, generator=torch.Generator().manual_seed(1)), same), 4),
        "concepts_with_none_in_first_5": [concepts[i] for i in range(len(concepts)) if precision[i] == 0],
    }


def scene_report(encoder: Encoder) -> dict:
    """Recall of captions among as many drawn scenes, all with captions of their own."""
    drawn = scenes.test_scenes(SCENES)
    scores = encoder.texts([caption for _, caption in drawn]) @ encoder.pictures([picture for picture, _ in drawn]).T
    ranks = (scores > scores.diagonal()[:, None]).sum(1) + 1
    return {
        "scenes": SCENES, "caption_recall_at_1": round((ranks == 1).float().mean().item(), 4),
        "caption_recall_at_5": round((ranks <= 5).float().mean().item(), 4), "chance_recall_at_1": 1 / SCENES,
    }


def gallery_report(encoder: Encoder, folder: Path) -> dict:
    """Rank of the right picture for each caption and each short query."""
    captions = _table(folder / "captions.tsv")
    names = list(captions)
    pictures = encoder.pictures([Image.open(folder / name) for name in names])
    caption_ranks = _ranks(encoder, pictures, names, {caption: [name] for name, caption in captions.items()})
    query_ranks = _ranks(encoder, pictures, names, {text: files.split(" ") for text, files in _table(folder / "queries.tsv").items()})
    counted = Counter(min(rank, 6) for rank in caption_ranks.values())
    return {
        "pictures": len(names),
        "caption_recall_at_1": round(counted[1] / len(names), 4),
        "caption_recall_at_5": round(1 - counted[6] / len(names), 4),
        "chance_recall_at_5": round(5 / len(names), 4),
        "captions_not_first": {text: rank for text, rank in caption_ranks.items() if rank > 1},
        "queries_first": sum(rank == 1 for rank in query_ranks.values()),
        "query_ranks": query_ranks,
    }


def _ranks(encoder: Encoder, pictures: torch.Tensor, names: list[str], right: dict[str, list[str]]) -> dict[str, int]:
    """For each text, the rank (1 is best) of the first picture that answers it."""
    order = (encoder.texts(list(right)) @ pictures.T).argsort(1, descending=True).tolist()
    return {text: 1 + next(place for place, i in enumerate(row) if names[i] in files) for (text, files), row in zip(right.items(), order)}


def _table(path: Path) -> dict[str, str]:
    return dict(line.split("\t") for line in path.read_text("utf-8").splitlines())


if __name__ == "__main__":
    main()
