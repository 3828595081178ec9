"""Measures of retrieval, and the held-out photos they are taken on."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import CLIPModel

import model as clip
from augment import plain_views
from photos import Photo

QUERY = "a photo of a {}"


class HeldOut:
    """Held-out photos as the finished squares that the model's preprocessing makes of them."""

    def __init__(self, folder: Path, held_out: list[Photo], cache: Path) -> None:
        store = cache / f"held-out-{len(held_out)}-{clip.IMAGE_SIDE}.npy"
        if not store.exists():
            np.save(store, np.stack([finished(Image.open(folder / photo.path)) for photo in held_out]))
        self.pixels = torch.from_numpy(np.load(store))
        self.concepts = sorted({photo.concept for photo in held_out})
        self.labels = torch.tensor([self.concepts.index(photo.concept) for photo in held_out])

    @torch.no_grad()
    def measure(self, model: CLIPModel, tokenizer) -> dict[str, float]:
        """Text-to-photo precision at 5 and mean average precision over the concepts."""
        model.eval()
        with torch.autocast("cpu", torch.bfloat16):
            pictures = torch.cat([clip.embed_pictures(model, plain_views(part)) for part in self.pixels.split(256)])
        encoded = tokenizer.encode_batch([QUERY.format(concept) for concept in self.concepts])
        ids, mask = torch.tensor([e.ids for e in encoded]), torch.tensor([e.attention_mask for e in encoded])
        words = clip.embed_texts(model, ids, mask)
        relevant = torch.arange(len(self.concepts))[:, None] == self.labels
        scores = words @ pictures.T
        return {"p@5": round(precision_at(scores, relevant, 5), 4), "mAP": round(mean_average_precision(scores, relevant), 4)}


def finished(picture: Image.Image) -> np.ndarray:
    """Shortest side to IMAGE_SIDE, bicubic with antialias, centre crop: uint8 [side, side, 3]."""
    side, picture = clip.IMAGE_SIDE, picture.convert("RGB")
    short = min(picture.size)
    width, height = (int(side * length / short) for length in picture.size)
    picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - side) // 2, (height - side) // 2
    return np.asarray(picture.crop((left, top, left + side, top + side)))


def precision_at(scores: torch.Tensor, relevant: torch.Tensor, count: int) -> float:
    """Share of relevant columns among the `count` best of each row of `scores` [n, m], averaged over rows."""
    best = scores.topk(count, 1).indices
    return relevant.gather(1, best).float().mean().item()


def mean_average_precision(scores: torch.Tensor, relevant: torch.Tensor) -> float:
    """Average precision of each row of `scores` [n, m], averaged over rows with anything relevant."""
    order = scores.argsort(1, descending=True)
    hits = relevant.gather(1, order).float()
    precision = hits.cumsum(1) / torch.arange(1, hits.shape[1] + 1)
    each = (precision * hits).sum(1) / hits.sum(1).clamp(min=1)
    return each[hits.sum(1) > 0].mean().item()
