"""Writes the gallery's queries.tsv: each query of tools/gallery/queries.tsv with all images that match it.

    python queries.py data/gallery
"""

import argparse
from pathlib import Path

import scenes

QUERIES = Path(scenes.draw.__file__).with_name("queries.tsv")


def answers() -> dict[str, list[str]]:
    """Every query with the names of the images for which all its facts are true."""
    shown = [(name, scenes.DrawnScene(scene).shown) for name, scene, _ in scenes.draw.gallery()]
    found = {}
    for line in QUERIES.read_text("utf-8").splitlines()[1:]:
        text, facts = line.split("\t")
        found[text] = [name for name, each in shown if each.holds.issuperset(facts.split(","))]
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gallery", type=Path, help="folder with captions.tsv")
    lines = [f"{text}\t{' '.join(names)}\n" for text, names in answers().items()]
    (parser.parse_args().gallery / "queries.tsv").write_text("".join(lines), "utf-8")
