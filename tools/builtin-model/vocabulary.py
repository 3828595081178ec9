"""Writes the built-in model's vocabulary.tsv: which words it learnt, from the word tables that its captions are made of.

    python vocabulary.py --characters TSCharacters.txt --out data/models/builtin/vocabulary.tsv

TSCharacters.txt is OpenCC's table from traditional to simplified characters (data/dictionary, Apache-2.0); only the
characters of the vocabulary are taken from it. Columns of the result, separated by tabs:

    form    as a query may have it: lower case, without punctuation, words separated by single spaces
    text    what the model reads instead, as its captions had it
    kind    thing:     says what an image shows
            plain:     learnt in captions, says nothing alone: counts
            template:  says that this is a picture, and nothing of what it shows: "a photo of"; left out
            link:      joins words or introduces them: articles, prepositions, "and"
            absent:    learnt as the name of something that no training image shows
            character: not a word, but a traditional character and its simplified form
"""

import argparse
import re
import unicodedata
from pathlib import Path

import chinese
import outsiders
from captions import DRAWING_TEMPLATES, PHOTO_TEMPLATES, plural
from scenes import places, subjects
from words import COLOURS, FAMILIES, NUMBERS, SYNONYMS

THING, PLAIN, TEMPLATE, LINK, ABSENT, CHARACTER = "thing", "plain", "template", "link", "absent", "character"
SPELLINGS = {"gray": "grey"}
"""Other spellings of words that the tables have."""
ARTICLES = ["a", "an", "the"]
LINKS = [*ARTICLES, "in", "on", "at", "by", "of", "and", "under", "before", "among", "的", "和", "在"]
"""Words of captions that only join others."""
PLACE_ENDINGS = "上里中下前时边"
"""Characters after a place: on, in, below, in front of, at the time of, beside."""
HAN = re.compile(r"[\u3400-\u9fff]")


class Vocabulary:
    """Forms with what the model reads; the first entry of a form stays."""

    def __init__(self) -> None:
        self.entries: dict[str, tuple[str, str]] = {}

    def add(self, written: str, kind: str, text: str | None = None) -> None:
        """`written` in the form of a query, read as `text` or else as it is written."""
        form = normalized(written)
        if form:
            self.entries.setdefault(form, ((text or written).lower(), kind))

    def add_noun(self, noun: str, kind: str) -> None:
        """A noun, its plural, and the singular of one that the tables have in the plural."""
        self.add(noun, kind)
        if not noun.isascii():
            return
        self.add(plural(noun), kind, plural(noun) if noun in subjects.SUBJECTS else noun)
        if noun.endswith("s") and not noun.endswith(("ss", "us", "is")):
            self.add(noun[:-1], kind, noun)


def normalized(text: str) -> str:
    """The form in which a query is looked up: NFKC, lower case, letters and digits with single spaces between words."""
    text = unicodedata.normalize("NFKC", text).lower().replace("'s ", " ")
    return " ".join("".join(c if c.isalnum() else " " for c in text).split())


def vocabulary(characters: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Every form with the text that the model reads and its kind."""
    known = Vocabulary()
    nouns = sorted(set(chinese.NAMES) | set(FAMILIES) | set(subjects.SUBJECTS))
    named = [name for noun in nouns for name in [noun, *split(SYNONYMS.get(noun, ""))]]
    for name in named:
        known.add_noun(name, THING)
    for name in [name for noun in nouns for name in chinese.names(noun)]:
        known.add(name, THING)
    for word in outsiders.learnt():
        known.add_noun(word, ABSENT)
    for word in LINKS:
        known.add(word, LINK)
    add_parts(known, named)
    add_settings(known)
    add_colours(known)
    add_templates(known)
    add_counts(known)
    used = {c for text, _ in known.entries.values() for c in text}
    for traditional, simplified in characters.items():
        if simplified in used and traditional not in used:
            known.entries[traditional] = (simplified, CHARACTER)
    return known.entries


def split(names: str) -> list[str]:
    return [name for name in names.split("|") if name]


def add_parts(known: Vocabulary, names: list[str]) -> None:
    """Of names of several words: the beginning of two words or more ("granny smith"), and the last word."""
    for words in (name.split(" ") for name in names):
        for end in range(2, len(words)):
            known.add(" ".join(words[:end]), THING)
        if len(words) > 1:
            known.add_noun(words[-1], THING)


def add_settings(known: Vocabulary) -> None:
    """Where scenes are: the phrases, and the words in them."""
    for phrase in [phrase for phrases in places.PHRASES.values() for phrase in phrases if phrase]:
        known.add(phrase, THING)
        for word in phrase.split(" "):
            known.add(word, THING)
    for phrase in [phrase for phrases in chinese.PLACES.values() for phrase in split(phrases)]:
        bare = phrase.removeprefix("在")
        for form in [phrase, bare, bare.rstrip(PLACE_ENDINGS), bare.split("的")[-1], bare.split("的")[-1].rstrip(PLACE_ENDINGS)]:
            known.add(form, THING)


def add_colours(known: Vocabulary) -> None:
    """The colours. A Chinese colour without 色 is read with it."""
    for colour in COLOURS:
        known.add(colour, THING)
        for name in split(chinese.COLOURS[colour]):
            known.add(name, THING)
            known.add(name.removesuffix("色"), THING, name)
    for other, usual in SPELLINGS.items():
        known.add(other, THING, usual)


def add_counts(known: Vocabulary) -> None:
    """Counts. Digits are read as words."""
    for number, counts in NUMBERS.items():
        for count in counts:
            known.add(count, PLAIN)
        known.add(str(number), PLAIN, next(count for count in counts if count not in ARTICLES and " " not in count))
        for measure in ["", "个", *chinese.MEASURES]:
            known.add(chinese.NUMBERS[number] + measure, PLAIN)


def add_templates(known: Vocabulary) -> None:
    """What captions say around a thing, and the words for pictures in it."""
    for template in [*PHOTO_TEMPLATES, *DRAWING_TEMPLATES]:
        before = re.sub(r" ?\b(a|the)? ?\{\}.*", "", template)
        known.add(before, TEMPLATE)
        picture = re.search(r"(\S+) of$", before)
        if picture:
            known.add_noun(picture[1], TEMPLATE)
            known.add(before.removesuffix(picture[0]) + plural(picture[1]) + " of", TEMPLATE, before)
            known.add(plural(picture[1]) + " of", TEMPLATE, f"{picture[1]} of")
    for template in [*chinese.PHOTO_TEMPLATES, *chinese.DRAWING_TEMPLATES]:
        for part in template.split("{}"):
            known.add(part, TEMPLATE)
            known.add(part.removeprefix("的"), TEMPLATE)


def read_characters(path: Path) -> dict[str, str]:
    """Traditional characters with their first simplified form, where that differs."""
    rows = [line.split("\t") for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return {key: values.split(" ")[0] for key, values in rows if values.split(" ")[0] != key}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--characters", type=Path, required=True, help="OpenCC's TSCharacters.txt")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    options = parser.parse_args()
    entries = vocabulary(read_characters(options.characters))
    rows = [f"{form}\t{'' if text == form else text}\t{kind}\n" for form, (text, kind) in sorted(entries.items())]
    head = "# Made by tools/builtin-model/vocabulary.py, which explains the columns. Characters: OpenCC (Apache-2.0).\n"
    options.out.write_text(head + "".join(rows), "utf-8")
    print(f"{options.out}: {len(rows)} entries")


if __name__ == "__main__":
    main()
