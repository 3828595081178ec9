"""The drawn scenes that the model learns from, made by the gallery's generator with seeds of their own."""

import random
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "gallery"))

import draw  # noqa: E402
import settings as places  # noqa: E402
import subjects  # noqa: E402

from captions import DRAWING_TEMPLATES, Caption, Shown, families, plural, repair_articles, word_for  # noqa: E402
from photos import squash  # noqa: E402
from words import CHINESE, COLOURS, NUMBERS  # noqa: E402

DRAWN_SIZES = [(160, 120), (120, 160), (140, 140)]


@dataclass(frozen=True)
class DrawnScene:
    """A scene of the generator with what is true of it."""

    scene: draw.Scene

    @property
    def shown(self) -> Shown:
        """Facts of the scene; a subject in its natural colour says nothing about colour."""
        return _shown(self.scene)

    def captions(self, dice: random.Random) -> list[Caption]:
        """One caption with nearly all that is known, and one that says less."""
        return [self._caption(dice, 0.85), self._caption(dice, 0.3)]

    def _caption(self, dice: random.Random, detail: float) -> Caption:
        """A caption that says colour, count and setting each with probability `detail`."""
        scene = self.scene
        if scene.noun in CHINESE and dice.random() < 0.05:
            return Caption(CHINESE[scene.noun], frozenset({f"n:{scene.noun}"}))
        colour = scene.named_colour if dice.random() < detail else ""
        counted = dice.random() < detail and scene.count > 1
        where = dice.choice(places.PHRASES[scene.setting]) if dice.random() < detail else ""
        wider = sorted(families(scene.noun) - {scene.noun})
        noun = dice.choice(wider) if wider and dice.random() < 0.12 else scene.noun
        requires = {f"n:{noun}"} | ({f"c:{colour}"} if colour else set()) | (_setting_facts(scene.setting) if where else set())
        word = word_for(noun, dice)
        thing = f"{colour} {plural(word) if scene.count > 1 else word}".strip()
        if counted:
            requires.add(f"k:{scene.count}")
            thing = f"{dice.choice(NUMBERS[scene.count])} {thing}"
        elif scene.count == 1:
            article = dice.choice(["a ", "a ", "the ", "one ", "", ""])
            thing = article + thing
            if article == "one ":
                requires.add("k:1")
        template = dice.choice(DRAWING_TEMPLATES)
        if "drawing" in template or "illustration" in template:
            requires.add("m:drawing")
        return Caption(repair_articles(template.format(f"{thing} {where}".strip())), frozenset(requires))


@dataclass(frozen=True)
class Drawn:
    """Squashed scenes uint8 [n, s, s, 3], their width / height f32 [n], and what they are."""

    pixels: np.ndarray
    aspect: np.ndarray
    scenes: list[DrawnScene]


def training_scenes(count: int, cache_folder: Path) -> Drawn:
    """`count` scenes for training."""
    return _drawn("train", count, cache_folder)


def test_scenes(count: int) -> list[tuple[object, str]]:
    """Pictures and captions of `count` scenes with captions that differ, from seeds that training does not use."""
    found, seen, number = [], set(), 0
    while len(found) < count:
        dice = random.Random(f"test {number}")
        scene, number = draw.random_scene(dice), number + 1
        if scene.caption() not in seen:
            seen.add(scene.caption())
            found.append((draw.draw(scene, *DRAWN_SIZES[0], dice), scene.caption()))
    return found


def caption_corpus(dice: random.Random) -> list[str]:
    """Captions of many scenes, and every word that a caption could use, for the tokenizer to learn from."""
    lines = [caption.text for number in range(6000) for caption in _random(f"words {number}")[0].captions(dice)]
    words = [*COLOURS, *(phrase for phrases in places.PHRASES.values() for phrase in phrases), *CHINESE.values()]
    return lines + [word for word in words if word] * 20


def _drawn(kind: str, count: int, cache_folder: Path) -> Drawn:
    chosen = [_random(f"{kind} {number}") for number in range(count)]
    scenes = [scene for scene, _ in chosen]
    if not chosen:
        return Drawn(np.zeros((0, 1, 1, 3), np.uint8), np.zeros(0, np.float32), [])
    store = cache_folder / f"scenes-{kind}-{count}.npz"
    if not store.exists():
        pairs = [squash(draw.draw(scene.scene, *dice.choice(DRAWN_SIZES), dice)) for scene, dice in chosen]
        np.savez(store, pixels=np.stack([p for p, _ in pairs]), aspect=np.array([a for _, a in pairs], np.float32))
    with np.load(store) as kept:
        return Drawn(kept["pixels"], kept["aspect"], scenes)


def _random(seed: str) -> tuple[DrawnScene, random.Random]:
    dice = random.Random(seed)
    return DrawnScene(draw.random_scene(dice)), dice


@cache
def _shown(scene: draw.Scene) -> Shown:
    nouns = families(scene.noun)
    holds = {f"n:{noun}" for noun in nouns} | {f"k:{scene.count}", "m:drawing"} | _setting_facts(scene.setting)
    unknown = {f"n:{noun}" for noun in _also(scene)}
    if scene.named_colour:
        holds.add(f"c:{scene.named_colour}")
    else:
        unknown |= {f"c:{colour}" for colour in COLOURS}
    return Shown(frozenset(holds), frozenset(unknown))


def _setting_facts(setting: str) -> frozenset[str]:
    """`sea at sunset` is at sunset and on the sea."""
    return frozenset(f"in:{part}" for part in setting.split(" at "))


def _also(scene: draw.Scene) -> set[str]:
    """Nouns that the background shows, or might."""
    behind = {
        "forest": ["tree", "pine tree"], "snow": ["tree", "pine tree"], "autumn": ["tree"], "hills": ["mountain", "cloud"],
        "lake": ["mountain", "tree", "pine tree"], "night": ["star"], "space": ["star"], "sea at night": ["star"],
        "sunset": ["sun", "cloud"], "sea at sunset": ["sun"], "city": ["building", "house", "cloud"], "sky": ["cloud"], "meadow": ["cloud", "flower"],
        "sea": ["cloud"], "beach": ["cloud"], "rain": ["cloud"], "table": ["table"],
    }
    return set(behind.get(scene.setting, [])) | set(subjects.ALSO.get(scene.noun, []))
