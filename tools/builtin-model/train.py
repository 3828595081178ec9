"""Trains the built-in model on labelled photos and drawn scenes, on the CPU. data/models/builtin/README.md has the run.

Images and captions of a step depend only on seed and step number, so that a stopped run resumes from its last
checkpoint with the same result.
"""

import argparse
import math
import random
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

import captions
import losses
import model as built_in
import outsiders
import photos
import scenes
import tokens
import workers
from augment import mixed, training_views
from captions import Caption, Shown
from words import FAMILIES

LEAST_AREA = {"photo": 0.25, "scene": 0.6}
AVERAGE_KEEPS = 0.999
HIGHEST_LOGIT_SCALE = 40.0
FAMILIES_A_STEP = 16
OUTSIDERS_A_STEP = 16
TEXT_GROUPS = 4
PROGRESS_EVERY = 50


@dataclass(frozen=True)
class Batch:
    """Number of images per worker and step: classes x photos of each x 2 views, joined photos, scenes."""

    classes: int = 12
    of_each: int = 3
    joined: int = 36
    scenes: int = 24

    @property
    def pictures(self) -> int:
        return self.classes * self.of_each * 2 + self.joined + self.scenes


@dataclass
class Pool:
    """Training images of one kind: squashed pixels and what they show."""

    pixels: torch.Tensor
    shown: list[Shown]


def main() -> None:
    options = _options()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(options)
    trainer.run(workers.fork(options.workers))


class Progress:
    """Means of the losses and the speed since the last line; `before` are seconds of earlier sessions of the run."""

    def __init__(self, before: float, pictures_a_step: int) -> None:
        self.began, self.told, self.pictures = time.time() - before, time.time(), pictures_a_step
        self.found: list[dict[str, float]] = []

    def seconds(self) -> float:
        return time.time() - self.began

    def add(self, losses: dict[str, float]) -> None:
        self.found.append(losses)

    def line(self) -> str:
        """The line to print; resets the means."""
        means = {name: round(float(np.mean([each[name] for each in self.found])), 3) for name in self.found[0]}
        speed = len(self.found) * self.pictures / (time.time() - self.told)
        self.found, self.told = [], time.time()
        return f"{means} {speed:.0f} pictures/s {self.seconds():.0f} s"


class Trainer:
    """One run: pools, model and shared state; `out/last.pt` has the state to resume from."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.batch = options, Batch()
        learnt = [photo for photo in photos.read_photos(options.photos, options.cache) if not photo.held_out]
        drawn = scenes.training_scenes(options.scenes, options.pairs, options.cache)
        self.concepts = sorted({photo.concept for photo in learnt})
        self.labels = torch.tensor([self.concepts.index(photo.concept) for photo in learnt])
        self.members = [(self.labels == label).nonzero().flatten().tolist() for label in range(len(self.concepts))]
        self.frequency = [len(members) ** 0.5 for members in self.members]
        pixels = photos.squashed(options.photos, learnt, options.cache)
        self.photo_pool = Pool(torch.from_numpy(pixels), [captions.photo_shows(photo.concept, photo.group) for photo in learnt])
        self.scene_pool = Pool(torch.from_numpy(drawn.pixels), [scene.shown for scene in drawn.scenes])
        self.drawn = drawn.scenes
        self.families = sorted({name[2:] for shown in self.photo_pool.shown for name in shown.holds if name.startswith("n:")} - set(self.concepts))
        tokenizer_file = options.out / "tokenizer.json"
        if not tokenizer_file.exists():
            tokens.train_tokenizer(_corpus(learnt)).save(str(tokenizer_file))
        self.tokenizer = tokens.load_tokenizer(tokenizer_file)
        size, start, end = self.tokenizer.get_vocab_size(), self.tokenizer.token_to_id(tokens.START), self.tokenizer.token_to_id(tokens.END)
        self.model = built_in.build(size, start, end, options.seed).to(memory_format=torch.channels_last)
        self.shared = workers.Shared(self.model, options.workers)
        self.step, self.seconds = 0, 0.0
        self._resume()

    def run(self, worker: int) -> None:
        """All remaining steps; the first worker writes progress and checkpoints."""
        progress = Progress(self.seconds, self.batch.pictures * self.options.workers)
        last = min(self.options.until or self.options.steps, self.options.steps)
        self.model.train()
        while self.step < last:
            progress.add(self._learn(worker))
            self.step += 1
            self.seconds = progress.seconds()
            if worker:
                continue
            if self.step % PROGRESS_EVERY == 0:
                print(f"step {self.step} side {self._side()} rate {self._rate():.5f} {progress.line()}", flush=True)
            if self.step % self.options.save_every == 0 or self.step == last:
                self._save("last.pt")
            if self.step == self.options.steps - self.options.decay:
                self._save(f"step-{self.step}.pt")

    def _learn(self, worker: int) -> dict[str, float]:
        seed = f"{self.options.seed} {self.step} {worker}"
        dice, generator = random.Random(seed), torch.Generator().manual_seed(random.Random(seed + " views").getrandbits(62))
        chosen = self._chosen(worker, dice)
        views, others, share = self._views(chosen, generator)
        texts = self._captions(chosen["scenes"], dice)
        with torch.autocast("cpu", torch.bfloat16):
            pictures = self.model.pictures(views.to(memory_format=torch.channels_last))
            words = self._words(texts)
        parts = self._losses(pictures, words, texts, chosen, others, share)
        sum(parts.values()).backward()
        keep = min(AVERAGE_KEEPS, (1 + self.step) / (10 + self.step))
        self.shared.update(worker, self.step, self._rate(), self.options.weight_decay, keep)
        with torch.no_grad():
            self.model.logit_scale.clamp_(max=math.log(HIGHEST_LOGIT_SCALE))
        return {name: part.item() for name, part in parts.items()} | {"scale": self.model.logit_scale.exp().item()}

    def _chosen(self, worker: int, dice: random.Random) -> dict[str, list[int]]:
        """Numbers of the images of a step: pairs of views by class, joined photos and scenes in shuffled order."""
        classes = np.random.default_rng(dice.getrandbits(63)).choice(
            len(self.concepts), self.batch.classes, replace=False, p=np.array(self.frequency) / sum(self.frequency))
        twice = [index for label in classes for index in dice.sample(self.members[label], self.batch.of_each)]
        place = self.step * self.options.workers + worker
        joined = _turn("photos", self.options.seed, place * self.batch.joined, self.batch.joined, len(self.photo_pool.shown))
        drawn = _turn("scenes", self.options.seed, place * self.batch.scenes, self.batch.scenes, len(self.scene_pool.shown))
        return {"twice": twice, "joined": joined, "scenes": drawn}

    def _views(self, chosen: dict[str, list[int]], generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Normalised views: first and second of each photo, joined photos, scenes; and how the photos were joined."""
        plain = self.photo_pool.pixels[chosen["twice"] * 2 + chosen["joined"]]
        seen = training_views(plain, self._side(), LEAST_AREA["photo"], generator)
        drawn = training_views(self.scene_pool.pixels[chosen["scenes"]], self._side(), LEAST_AREA["scene"], generator)
        joined, others, share = mixed(seen[-self.batch.joined :], generator)
        return torch.cat([seen[: -self.batch.joined], joined, drawn]), others, share

    def _captions(self, scene_indices: list[int], dice: random.Random) -> list[Caption]:
        """A caption of every concept, of some families and of some absent things; for every scene two true ones
        and two of slightly different scenes."""
        names = self.concepts + dice.sample(self.families, FAMILIES_A_STEP)
        short = [captions.photo_caption(name, dice) for name in names]
        short += [captions.outsider_caption(thing, dice) for thing in dice.sample(outsiders.learnt(), OUTSIDERS_A_STEP)]
        drawn = []
        for index in scene_indices:
            scene = self.drawn[index]
            drawn += [*scene.captions(dice), scene.changed(dice).caption(dice, 0.9), scene.changed(dice).caption(dice, 0.9)]
        return short + drawn

    def _words(self, texts: list[Caption]) -> torch.Tensor:
        """Vectors of the texts, in groups of similar length, since each group is padded to its longest text."""
        encoded = self.tokenizer.encode_batch([text.text for text in texts])
        ids, mask = torch.tensor([e.ids for e in encoded]), torch.tensor([e.attention_mask for e in encoded])
        lengths = mask.sum(1)
        order = lengths.argsort(stable=True)
        parts = [self.model.texts(ids[group, : lengths[group[-1]]], mask[group, : lengths[group[-1]]]) for group in order.chunk(TEXT_GROUPS)]
        return torch.cat(parts)[order.argsort()]

    def _losses(self, pictures: torch.Tensor, words: torch.Tensor, texts: list[Caption], chosen: dict[str, list[int]],
                others: torch.Tensor, share: torch.Tensor) -> dict[str, torch.Tensor]:
        """The weighted parts of the loss; joined photos have the concepts of both parts and count only for concepts."""
        twice, joined = len(chosen["twice"]), self.batch.joined
        indices = chosen["twice"] * 2 + chosen["joined"]
        photo_rows, labels = len(indices), self.labels[indices]
        shown = [self.photo_pool.shown[i] for i in indices] + [self.scene_pool.shown[i] for i in chosen["scenes"]]
        right, unknown = captions.truths(shown, texts)
        scores = self.model.logit_scale.exp() * pictures @ words.T
        ignored, second = (right | unknown)[:photo_rows], labels.clone()
        ignored[-joined:] |= ignored[-joined:][others]
        second[-joined:] = labels[-joined:][others]
        whole = torch.cat([torch.arange(2 * twice), torch.arange(photo_rows, len(shown))])
        scores_whole, right, unknown = scores[whole], right[whole], unknown[whole]
        wider = torch.ones(len(texts))
        wider[: len(self.concepts)] = 0.3
        return {
            "concept": losses.concept(scores[:photo_rows], ignored, labels, second, torch.cat([torch.ones(2 * twice), share])),
            "caption": losses.contrast(scores_whole, right, unknown, wider),
            "picture": 0.5 * losses.contrast(scores_whole.T, right.T, unknown.T, torch.ones(len(whole))),
            "alike": self._now(self.options.alike) * losses.alike(pictures[: 2 * twice], labels[: 2 * twice]),
            "same": self._now(self.options.same) * losses.same(pictures[:twice], pictures[twice : 2 * twice]),
        }

    def _side(self) -> int:
        """Small views first: a step costs as the square of the side."""
        return int(self._now(self.options.sides))

    def _now(self, values: list[tuple[int, float]]) -> float:
        """The value at this step of a piecewise constant schedule."""
        return next(value for until, value in values if self.step < until)

    def _rate(self) -> float:
        """Rises, stays constant, and falls to zero over the last steps, so that a run can be prolonged before the fall."""
        options = self.options
        rising = min(1.0, (self.step + 1) / options.warmup)
        falling = min(1.0, (options.steps - self.step) / max(options.decay, 1))
        return options.rate * min(rising, falling)

    def _save(self, name: str) -> None:
        norms = {key: value for key, value in self.model.state_dict().items() if "running_" in key}
        state = {"shared": self.shared.state(), "norms": norms, "step": self.step, "seconds": self.seconds, "names": self.shared.names}
        torch.save(state, self.options.out / "new.pt")
        (self.options.out / "new.pt").replace(self.options.out / name)

    def _resume(self) -> None:
        kept = self.options.out / "last.pt"
        if not kept.exists() and self.options.start_from:
            kept = self.options.start_from
        if not kept.exists():
            return
        state = torch.load(kept, weights_only=False)
        self.shared.load(state["shared"])
        self.model.load_state_dict(state["norms"], strict=False)
        self.step, self.seconds = state["step"], state["seconds"]


@lru_cache(maxsize=4)
def _shuffled(kind: str, seed: int, turn: int, size: int) -> list[int]:
    return random.Random(f"{kind} {seed} {turn}").sample(range(size), size)


def _turn(kind: str, seed: int, first: int, count: int, size: int) -> list[int]:
    """Numbers `first` to `first + count` of an endless row of shuffles of 0..size."""
    return [_shuffled(kind, seed, place // size, size)[place % size] for place in range(first, first + count)]


def _corpus(learnt: list[photos.Photo]) -> list[str]:
    """Many captions as in training, on which the tokenizer is trained."""
    dice = random.Random(0)
    nouns = sorted({photo.concept for photo in learnt} | {photo.group for photo in learnt} | set(FAMILIES))
    lines = [captions.photo_caption(noun, dice).text for noun in nouns for _ in range(60)]
    return lines + scenes.caption_corpus(dice)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="folder with labels.tsv")
    parser.add_argument("--cache", type=Path, required=True, help="folder for decoded images")
    parser.add_argument("--out", type=Path, required=True, help="folder of this run's checkpoints and tokenizer")
    parser.add_argument("--start-from", type=Path, help="checkpoint to start from where --out has none yet")
    parser.add_argument("--scenes", type=int, default=8000, help="number of drawn scenes of one kind of subject")
    parser.add_argument("--pairs", type=int, default=5000, help="number of drawn scenes of two subjects")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--decay", type=int, required=True, help="number of last steps over which the rate falls")
    parser.add_argument("--until", type=int, help="stop early, after this many steps")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--warmup", type=int, default=200)
    parser.add_argument("--weight-decay", type=float, default=0.1)
    parser.add_argument("--sides", type=_until, default="1000000:64", help="sides of the views, as 2000:48,9000:64: each until its step")
    parser.add_argument("--alike", type=_until, default="1000000:0.5", help="weights of the loss between photos of a concept, each until its step")
    parser.add_argument("--same", type=_until, default="1000000:0.5", help="weights of the loss between views of a photo, each until its step")
    parser.add_argument("--save-every", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=20260)
    return parser.parse_args()


def _until(text: str) -> list[tuple[int, float]]:
    return [(int(until), float(value)) for until, value in (part.split(":") for part in text.split(","))]


if __name__ == "__main__":
    main()
