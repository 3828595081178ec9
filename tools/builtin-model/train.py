"""Trains the built-in CLIP on labelled photos and drawn scenes, on the CPU. data/models/builtin/README.md has the runs."""

import argparse
import copy
import json
import math
import random
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from transformers import CLIPModel

import captions
import measures
import model as clip
import photos
import scenes
import tokens
from augment import training_views
from captions import Caption, Shown
from words import FAMILIES

FAMILIES_A_STEP = 24
FAMILY_WEIGHT = 0.3
EMA_DECAY = 0.998
HIGHEST_LOGIT_SCALE = 60.0


@dataclass
class Pool:
    """Training pictures of one kind: squashed pixels, their true shapes, what they show."""

    pixels: torch.Tensor
    aspect: torch.Tensor
    shown: list[Shown]

    def __len__(self) -> int:
        return len(self.shown)


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    everything = photos.read_photos(options.photos, options.cache)
    learnt = [photo for photo in everything if not photo.held_out]
    drawn = scenes.training_scenes(options.scenes, options.cache)
    tokenizer_file = options.out / "tokenizer.json"
    options.out.mkdir(parents=True, exist_ok=True)
    if not tokenizer_file.exists():
        tokens.train_tokenizer(_corpus(learnt)).save(str(tokenizer_file))
    trainer = Trainer(options, learnt, drawn, tokens.load_tokenizer(tokenizer_file))
    trainer.watch = measures.HeldOut(options.photos, [photo for photo in everything if photo.held_out], options.cache)
    trainer.run()


class Trainer:
    """One run: pools, model, moving average, optimiser; state is saved to `out/last.pt` and taken up from there."""

    def __init__(self, options: argparse.Namespace, learnt: list[photos.Photo], drawn: scenes.Drawn, tokenizer) -> None:
        self.options, self.tokenizer = options, tokenizer
        self.photo_pool = _photo_pool(options, learnt)
        self.scene_pool = Pool(torch.from_numpy(drawn.pixels), torch.from_numpy(drawn.aspect), [s.shown for s in drawn.scenes])
        self.drawn = drawn.scenes
        self.concepts = sorted({photo.concept for photo in learnt})
        self.families = sorted({name for photo in learnt for name in captions.photo_shows(photo.concept, photo.group).holds})
        self.families = [name[2:] for name in self.families if name.startswith("n:") and name[2:] not in self.concepts]
        size, start, end = tokenizer.get_vocab_size(), tokenizer.token_to_id(tokens.START), tokenizer.token_to_id(tokens.END)
        self.model = clip.build(size, start, end, options.seed)
        if options.vision_from:
            _take_vision(self.model, options.vision_from)
        self.average = copy.deepcopy(self.model).requires_grad_(False)
        self.optimiser = torch.optim.AdamW(_weight_groups(self.model, options.weight_decay), betas=(0.9, 0.98), fused=True)
        self.dice, self.generator = random.Random(options.seed), torch.Generator().manual_seed(options.seed)
        self.step, self.seconds = 0, 0.0
        self.photo_order: list[int] = []
        self.scene_order: list[int] = []
        self._resume()

    def run(self) -> None:
        """All remaining steps, with a line of progress now and then."""
        began, losses = time.time() - self.seconds, []
        last = self.options.until or self.options.steps
        while self.step < last and self._done() < 1:
            losses.append(self._learn())
            self.step += 1
            self.seconds = time.time() - began
            if self.step % 50 == 0:
                rate = self.step * (self.options.photo_batch + self.options.scene_batch) / self.seconds
                print(f"step {self.step} loss {np.mean(losses):.3f} side {self._side()} {rate:.0f} pictures/s {self.seconds:.0f} s", flush=True)
                losses = []
            if self.step % self.options.check_every == 0 or self.step == last or self._done() >= 1:
                figures = self.watch.measure(self.average, self.tokenizer)
                print(f"step {self.step} held out {json.dumps(figures)} scale {self.model.logit_scale.exp():.1f}", flush=True)
                self._save()

    def _learn(self) -> float:
        rate = self._rate()
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        views, shown, scene_indices = self._pictures()
        texts, weights = self._captions(scene_indices)
        right, unknown = captions.truths(shown, texts)
        encoded = self.tokenizer.encode_batch([text.text for text in texts])
        ids, mask = torch.tensor([e.ids for e in encoded]), torch.tensor([e.attention_mask for e in encoded])
        side = views.shape[-1] // clip.PATCH
        corner = (self.dice.randint(0, clip.GRID - side), self.dice.randint(0, clip.GRID - side))
        with torch.autocast("cpu", torch.bfloat16):
            pictures = clip.embed_pictures(self.model, views, corner)
            words = clip.embed_texts(self.model, ids, mask)
        scores = self.model.logit_scale.exp() * pictures @ words.T
        loss = contrast(scores, right, unknown, weights) + 0.5 * contrast(scores.T, right.T, unknown.T, torch.ones(len(shown)))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        with torch.no_grad():
            self.model.logit_scale.clamp_(max=math.log(HIGHEST_LOGIT_SCALE))
            decay = min(EMA_DECAY, (1 + self.step) / (10 + self.step))
            torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1 - decay)
        return loss.item()

    def _pictures(self) -> tuple[torch.Tensor, list[Shown], list[int]]:
        """A batch of views, what they show, and which scenes are among them."""
        photo_indices = _take(self.photo_order, len(self.photo_pool), self.options.photo_batch, self.dice)
        scene_indices = _take(self.scene_order, len(self.scene_pool), self.options.scene_batch, self.dice)
        parts = []
        for pool, indices, least in ((self.photo_pool, photo_indices, 0.3), (self.scene_pool, scene_indices, 0.6)):
            if indices:
                parts.append(training_views(pool.pixels[indices], pool.aspect[indices], self._side(), least, self.generator))
        shown = [self.photo_pool.shown[i] for i in photo_indices] + [self.scene_pool.shown[i] for i in scene_indices]
        return torch.cat(parts), shown, scene_indices

    def _captions(self, scene_indices: list[int]) -> tuple[list[Caption], torch.Tensor]:
        """A caption of every concept, of some families, and two of every scene, with their weights f32 [captions]."""
        concepts = [captions.photo_caption(name, self.dice) for name in self.concepts]
        families = [captions.photo_caption(name, self.dice) for name in self.dice.sample(self.families, FAMILIES_A_STEP)]
        drawn = [caption for i in scene_indices for caption in self.drawn[i].captions(self.dice)]
        weights = [1.0] * len(concepts) + [FAMILY_WEIGHT] * len(families) + [1.0] * len(drawn)
        return concepts + families + drawn, torch.tensor(weights)

    def _side(self) -> int:
        """Small views first, whole ones at the end: attention over fewer patches is cheaper."""
        return next(side for until, side in self.options.sides if self._done() < until)

    def _done(self) -> float:
        """How much of the schedule is behind, 0 to 1: by the clock where --minutes is given, else by steps."""
        if self.options.minutes:
            return min(1.0, self.seconds / (60 * self.options.minutes))
        return self.step / self.options.steps

    def _rate(self) -> float:
        options = self.options
        if self.step < options.warmup:
            return options.rate * (self.step + 1) / options.warmup
        return options.rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self._done())))

    def _save(self) -> None:
        state = {
            "model": self.model.state_dict(), "average": self.average.state_dict(), "optimiser": self.optimiser.state_dict(),
            "step": self.step, "seconds": self.seconds, "dice": self.dice.getstate(), "generator": self.generator.get_state(),
            "orders": (self.photo_order, self.scene_order),
        }
        torch.save(state, self.options.out / "new.pt")
        (self.options.out / "new.pt").replace(self.options.out / "last.pt")

    def _resume(self) -> None:
        kept = self.options.out / "last.pt"
        if not kept.exists():
            return
        state = torch.load(kept, weights_only=False)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds = state["step"], state["seconds"]
        self.dice.setstate(state["dice"])
        self.generator.set_state(state["generator"])
        self.photo_order, self.scene_order = state["orders"]


def contrast(scores: torch.Tensor, right: torch.Tensor, unknown: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Mean contrastive loss of the rows of `scores` [n, m] over their right columns, each against all wrong ones.

    Right columns do not compete with one another, unknown ones count for nothing; `weights` [m] are of the columns.
    """
    wrong = scores.masked_fill(right | unknown, float("-inf")).logsumexp(1, keepdim=True)
    each = functional.softplus(wrong - scores) * weights * right
    total = (weights * right).sum(1)
    return (each.sum(1) / total.clamp(min=1e-6))[total > 0].mean()


def _photo_pool(options: argparse.Namespace, learnt: list[photos.Photo]) -> Pool:
    pixels, aspect = photos.squashed(options.photos, learnt, options.cache)
    shown = [captions.photo_shows(photo.concept, photo.group) for photo in learnt]
    return Pool(torch.from_numpy(pixels), torch.from_numpy(aspect), shown)


def _corpus(learnt: list[photos.Photo]) -> list[str]:
    """Captions as training will see them, many times over, from which the tokenizer learns its pieces."""
    dice = random.Random(0)
    nouns = sorted({photo.concept for photo in learnt} | {photo.group for photo in learnt} | set(FAMILIES))
    lines = [captions.photo_caption(noun, dice).text for noun in nouns for _ in range(60)]
    return lines + scenes.caption_corpus(dice)


def _take(order: list[int], size: int, count: int, dice: random.Random) -> list[int]:
    """The next `count` of a shuffled `order` of 0..size, which is shuffled anew when it runs out."""
    if len(order) < count:
        order[:] = dice.sample(range(size), size)
    taken = order[:count]
    del order[:count]
    return taken


def _take_vision(model: CLIPModel, checkpoint: Path) -> None:
    """The vision tower of an earlier run's moving average."""
    kept = torch.load(checkpoint, weights_only=False)["average"]
    model.load_state_dict({k: v for k, v in kept.items() if k.startswith(("vision_model", "visual_projection"))}, strict=False)


def _weight_groups(model: CLIPModel, decay: float) -> list[dict]:
    matrices = [p for n, p in model.named_parameters() if p.ndim > 1 and "embedding" not in n]
    others = [p for n, p in model.named_parameters() if not (p.ndim > 1 and "embedding" not in n)]
    return [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="folder with labels.tsv")
    parser.add_argument("--cache", type=Path, required=True, help="folder for decoded pictures")
    parser.add_argument("--out", type=Path, required=True, help="folder of this run's checkpoint and tokenizer")
    parser.add_argument("--vision-from", type=Path, help="last.pt of an earlier run whose vision tower is taken over")
    parser.add_argument("--scenes", type=int, default=6000, help="number of drawn training scenes")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--until", type=int, help="stop early, after so many of the steps")
    parser.add_argument("--minutes", type=float, help="let the schedule follow the clock, for a machine that has other work")
    parser.add_argument("--photo-batch", type=int, default=128)
    parser.add_argument("--scene-batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--warmup", type=int, default=150)
    parser.add_argument("--weight-decay", type=float, default=0.1)
    parser.add_argument("--sides", type=_sides, default="0.6:50,0.85:60,1:80", help="share of steps until which views have a side")
    parser.add_argument("--check-every", type=int, default=400)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=20260)
    return parser.parse_args()


def _sides(text: str) -> list[tuple[float, int]]:
    return [(float(until) + 1e-9, int(side)) for until, side in (part.split(":") for part in text.split(","))]


if __name__ == "__main__":
    main()
