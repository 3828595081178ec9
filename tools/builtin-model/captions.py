"""What an image is known to show, and captions whose truth about any image can be decided.

A fact is a short string: "n:cat" (noun), "c:red apple" (a thing in a colour), "k:2 cat" (count of a thing), "in:snow"
(setting), "m:drawing" (medium). An image has facts that hold and facts that are unknown; a caption requires facts.
The caption is right for the image if all that it requires holds, unknown if what does not hold is unknown, and wrong
otherwise.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import torch

import chinese
from words import COLOURS, CONCEPT_COLOURS, FAMILIES, NUMBERS, SYNONYMS

PHOTO_TEMPLATES = [
    "{}", "{}", "{}", "a {}", "the {}", "a photo of a {}", "a photo of a {}", "a photo of {}", "a picture of a {}", "photo of the {}",
    "a photo of the {}", "an image of a {}", "a close-up photo of a {}", "this is a {}", "show me a {}", "picture of {}",
    "a small photo of a {}", "a good photo of a {}", "find {}", "one {}", "a snapshot of a {}",
]
DRAWING_TEMPLATES = ["{}", "{}", "{}", "a drawing of {}", "a picture of {}", "an illustration of {}", "an image of {}"]
CHINESE_SHARE = 0.4
"""Share of captions in Chinese."""


@dataclass(frozen=True)
class Shown:
    """What one image shows: true facts, and facts that are unknown."""

    holds: frozenset[str]
    unknown: frozenset[str]


@dataclass(frozen=True)
class Caption:
    """A text and the facts that it requires."""

    text: str
    requires: frozenset[str]


@cache
def families(noun: str) -> frozenset[str]:
    """The noun and every family that it belongs to."""
    found = {noun} | {name for name, names in FAMILIES.items() if noun in names.split(", ")}
    return frozenset(found | {outer for inner in found - {noun} for outer in families(inner)})


@cache
def photo_shows(concept: str, group: str) -> Shown:
    """Facts of a labelled photo; its count, setting and, mostly, its colour are unknown."""
    nouns = families(concept) | families(group)
    colour = CONCEPT_COLOURS.get(concept)
    holds = {f"n:{noun}" for noun in nouns} | {"m:photo"} | (coloured(nouns, [colour]) if colour else set())
    unknown = counted(nouns, NUMBERS) | {f"in:{place}" for place in settings()}
    return Shown(frozenset(holds), frozenset(unknown if colour else unknown | coloured(nouns, COLOURS)))


def coloured(nouns: Iterable[str], colours: Iterable[str]) -> set[str]:
    """The facts that each of `nouns` has each of `colours`."""
    return {f"c:{colour} {noun}" for noun in nouns for colour in colours}


def counted(nouns: Iterable[str], counts: Iterable[int]) -> set[str]:
    """The facts that each of `nouns` is there each of `counts` times."""
    return {f"k:{count} {noun}" for noun in nouns for count in counts}


def settings() -> list[str]:
    """Every place or time of day in which a scene can be drawn."""
    return ["snow", "night", "sunset", "beach", "meadow", "city", "underwater", "desert", "rain", "forest", "table", "sky",
            "space", "plain", "sea", "autumn", "hills", "lake"]


def photo_caption(noun: str, dice: random.Random) -> Caption:
    """A caption in one of the languages that names `noun` by one of its words, now and then by colour and family."""
    if noun in chinese.NAMES and dice.random() < CHINESE_SHARE:
        names = chinese.names(noun)
        name = names[0] if dice.random() < 0.6 else dice.choice(names)
        template = dice.choice(chinese.PHOTO_TEMPLATES)
        return Caption(template.format(name), _requirement(noun, "照" in template or "拍" in template))
    template = dice.choice(PHOTO_TEMPLATES)
    photo = "photo" in template or "snapshot" in template
    colour = CONCEPT_COLOURS.get(noun)
    if colour and dice.random() < 0.1:
        general = noun.replace(f"{colour} ", "").split(" ")[-1]
        return Caption(repair_articles(template.format(f"{colour} {general}")), _requirement(general, photo) | {f"c:{colour} {general}"})
    return Caption(repair_articles(template.format(word_for(noun, dice))), _requirement(noun, photo))


def outsider_caption(thing: str, dice: random.Random) -> Caption:
    """A caption of something absent from all training images; it is wrong for all of them."""
    templates = PHOTO_TEMPLATES if thing.isascii() else chinese.PHOTO_TEMPLATES
    return Caption(repair_articles(dice.choice(templates).format(thing)), frozenset({"n:(outside)"}))


def _requirement(noun: str, photo: bool) -> frozenset[str]:
    return frozenset({f"n:{noun}", "m:photo"} if photo else {f"n:{noun}"})


def word_for(noun: str, dice: random.Random) -> str:
    """The noun itself about two times in three, else another word for it."""
    others = SYNONYMS.get(noun)
    return dice.choice(others.split("|")) if others and dice.random() < 0.35 else noun


def plural(noun: str) -> str:
    """The English plural of a noun that this project names."""
    irregular = {"fish": "fish", "sheep": "sheep", "person": "people", "leaf": "leaves", "strawberry": "strawberries", "ladybird": "ladybirds",
                 "cherry": "cherries", "butterfly": "butterflies", "cactus": "cacti", "bus": "buses", "snowman": "snowmen"}
    if noun in irregular:
        return irregular[noun]
    if noun.endswith(("s", "x", "ch", "sh", "tomato", "potato")):
        return noun if noun.endswith("s") else noun + "es"
    return noun + "s"


def repair_articles(text: str) -> str:
    """`a` before a vowel becomes `an`; an article before another article or before a plural word goes."""
    words = text.split(" ")
    kept = []
    for word, after in zip(words, [*words[1:], ""]):
        if word == "a" and (after in {"a", "an", "the", "one", "two", "three", "four", "several"} or _is_plural(after, words)):
            continue
        vowel = after[:1] in "aeiou" and not after.startswith(("eu", "uni", "one"))
        kept.append("an" if word == "a" and vowel and after else word)
    return " ".join(kept)


def _is_plural(word: str, words: list[str]) -> bool:
    plurals = {"pants", "shoes", "shorts", "trousers", "scissors", "clothes", "carrots", "satsumas", "people", "headphones", "binoculars",
               "sneakers", "footwear", "mountains", "clothing", "money", "sunshine"}
    return word in plurals and words[-1] == word


def truths(shown: list[Shown], captions: list[Caption]) -> tuple[torch.Tensor, torch.Tensor]:
    """`right` and `unknown`, bool [images, captions]; what is neither is wrong."""
    facts = {fact: i for i, fact in enumerate(sorted(set().union(*(c.requires for c in captions))))}
    required = _table([c.requires for c in captions], facts)
    held = _table([s.holds for s in shown], facts)
    possible = torch.maximum(held, _table([s.unknown for s in shown], facts))
    count = required.sum(1)
    right = held @ required.T >= count
    return right, (possible @ required.T >= count) & ~right


def _table(sets: list[frozenset[str]], facts: dict[str, int]) -> torch.Tensor:
    table = torch.zeros(len(sets), len(facts))
    for row, held in enumerate(sets):
        columns = [facts[fact] for fact in held if fact in facts]
        table[row, columns] = 1.0
    return table
