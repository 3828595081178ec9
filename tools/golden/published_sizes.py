"""Writes two-tower models in their published shapes with random weights, for measuring speed, memory and the tokenizer.

    python tools/golden/published_sizes.py OUT [NAME...]       # needs numpy only; NAMES: see SIZES
    eidetic bench encode --model OUT/NAME --precision int8     # with /usr/bin/time -v

Names of tensors are those of the golden models, whose sizes are replaced axis by axis. Tokenizers have as many tokens and
merges as the published ones: the words of the gallery's captions, each one token, and filling.
"""

import itertools
import json
import shutil
import struct
import sys
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parents[2] / "data"
BASE = dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)
LARGE = dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16)
SO400M = dict(hidden_size=1152, intermediate_size=4304, num_hidden_layers=27, num_attention_heads=16)
CLIP_TEXT = dict(hidden_size=512, intermediate_size=2048, num_hidden_layers=12, num_attention_heads=8, max_position_embeddings=77, vocab_size=49408)
GEMMA = dict(max_position_embeddings=64, vocab_size=256000)
ROBERTA = dict(BASE, max_position_embeddings=512, vocab_size=21128)

# Name: the golden model, text tower, vision tower, dimension, merges of the tokenizer.
SIZES = {
    "clip-b32": ("clip/quick", CLIP_TEXT, dict(BASE, image_size=224, patch_size=32), 512, 48894),
    "clip-b16": ("clip/quick", CLIP_TEXT, dict(BASE, image_size=224, patch_size=16), 512, 48894),
    "siglip2-b32-256": ("families/siglip2", dict(BASE, **GEMMA), dict(BASE, image_size=256, patch_size=32), 768, 580604),
    "siglip2-b16-224": ("families/siglip2", dict(BASE, **GEMMA), dict(BASE, image_size=224, patch_size=16), 768, 580604),
    "siglip2-b16-256": ("families/siglip2", dict(BASE, **GEMMA), dict(BASE, image_size=256, patch_size=16), 768, 580604),
    "siglip2-l16-256": ("families/siglip2", dict(LARGE, **GEMMA), dict(LARGE, image_size=256, patch_size=16), 1024, 580604),
    "siglip2-so400m-p16-256": ("families/siglip2", dict(SO400M, **GEMMA), dict(SO400M, image_size=256, patch_size=16), 1152, 580604),
    "chinese-clip-b16": ("families/chinese-clip", ROBERTA, dict(BASE, image_size=224, patch_size=16), 512, 0),
}


def write(name: str, out: Path) -> None:
    golden, text, vision, dimension, merges = SIZES[name]
    golden = DATA / "golden" / golden
    out.mkdir(parents=True, exist_ok=True)
    small = json.loads((golden / "config.json").read_text())
    config = json.loads((golden / "config.json").read_text())
    config["text_config"].update(text)
    config["vision_config"].update(vision)
    if "projection_dim" in config:
        config["projection_dim"] = dimension
    else:
        config["text_config"]["projection_size"] = dimension
    (out / "config.json").write_text(json.dumps(config, indent=1))
    processor = json.loads((golden / "preprocessor_config.json").read_text())
    side = vision["image_size"]
    processor["size"] = {"height": side, "width": side} if isinstance(processor["size"], dict) else side
    if "crop_size" in processor:
        processor["crop_size"] = side
    (out / "preprocessor_config.json").write_text(json.dumps(processor, indent=1))
    if (golden / "tokenizer_config.json").exists():
        shutil.copy(golden / "tokenizer_config.json", out)
    if merges:
        tokenizer = json.loads((golden / "tokenizer.json").read_text())
        grow(tokenizer, text["vocab_size"], merges)
        (out / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False))
    else:
        tokens = (golden / "vocab.txt").read_text().splitlines()
        tokens += [f"filling{number}" for number in range(text["vocab_size"] - len(tokens))]
        (out / "vocab.txt").write_text("\n".join(tokens) + "\n")
    weights(out / "model.safetensors", shapes(golden / "model.safetensors", small, config))


def shapes(file: Path, small: dict, large: dict) -> dict[str, list[int]]:
    """The golden model's tensors with the sizes of `large` in place of those of `small`."""
    with file.open("rb") as opened:
        header = json.loads(opened.read(struct.unpack("<Q", opened.read(8))[0]))
    found = {}
    for name, tensor in header.items():
        if name == "__metadata__" or tensor["dtype"] == "I64":
            continue
        tower = "vision_config" if name.startswith(("vision_model.", "visual_projection.")) else "text_config"
        sizes = {}
        for key in ("vocab_size", "max_position_embeddings", "intermediate_size", "patch_size", "hidden_size"):
            if key in small[tower]:
                sizes[small[tower][key]] = large[tower][key]
        dimension = small.get("projection_dim", small["text_config"].get("projection_size"))
        if "projection" in name or name.startswith("text_model.head"):
            sizes[dimension] = large.get("projection_dim", large["text_config"].get("projection_size"))
        patches = lambda config: (config["vision_config"]["image_size"] // config["vision_config"]["patch_size"]) ** 2
        if tower == "vision_config" and "position_embedding" in name:
            sizes[patches(small)] = patches(large)
            sizes[patches(small) + 1] = patches(large) + 1
        if "in_proj" in name:
            sizes[3 * small[tower]["hidden_size"]] = 3 * large[tower]["hidden_size"]
        shape = [sizes.get(side, side) for side in tensor["shape"]]
        if "patch_embedding.weight" in name:
            shape[1] = 3
        for layers in (".layers.", ".layer."):
            if layers + "0." in name:
                for number in range(large[tower]["num_hidden_layers"]):
                    found[name.replace(layers + "0.", f"{layers}{number}.")] = shape
        if ".layers." not in name and ".layer." not in name:
            found[name] = shape
    return found


def weights(file: Path, shapes: dict[str, list[int]]) -> None:
    """f32, as published. Scales of norms near one, all else small and random, so that values stay finite."""
    random = np.random.default_rng(2)
    header, end = {}, 0
    for name, shape in shapes.items():
        start, end = end, end + 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}
    described = json.dumps(header).encode()
    described += b" " * (-len(described) % 8)
    with file.open("wb") as opened:
        opened.write(len(described).to_bytes(8, "little") + described)
        for name, shape in shapes.items():
            values = random.standard_normal(shape, dtype=np.float32) * np.float32(0.03)
            if "norm" in name.lower() and name.endswith("weight"):
                values += 1
            if name.startswith("logit_"):
                values = np.full(shape, 4.6 if name == "logit_scale" else -10, np.float32)
            opened.write(values.tobytes())


def grow(tokenizer: dict, tokens: int, merges: int) -> None:
    """Adds tokens and merges to a byte-pair tokenizer, in place, and moves its special tokens of high number to the end."""
    model = tokenizer["model"]
    end = model.get("end_of_word_suffix") or ""
    space = "" if end else "▁"
    specials = [token for token in tokenizer["added_tokens"] if token["id"] + 8 > len(model["vocab"])]
    for token in specials:
        model["vocab"].pop(token["content"], None)
    model["merges"] = []
    known = dict.fromkeys(model["vocab"])
    pairs = dict.fromkeys(())
    room = tokens - len(specials)

    def add(parts: list[str]) -> None:
        while len(parts) > 1 and len(known) < room:
            joined = parts[0] + parts[1]
            pairs[(parts[0], parts[1])] = None
            known[joined] = None
            parts = [joined] + parts[2:]

    captions = (DATA / "gallery" / "captions.tsv").read_text().lower().split()
    for word in dict.fromkeys(word for word in captions if word.isascii() and word.isalpha()):
        letters = list(word)
        add(letters[:-1] + [letters[-1] + end] if end else [space] + letters)
    for length in itertools.count(2):
        for word in itertools.product("etaoinshrdlu", repeat=length):
            if len(known) >= room:
                break
            add(list(word))
        if len(known) >= room:
            break
    # Published vocabularies list every way to make a token of two.
    for token in list(known):
        for cut in range(1, len(token)):
            if len(pairs) >= merges:
                break
            if token[:cut] in known and token[cut:] in known:
                pairs[(token[:cut], token[cut:])] = None
    vocabulary = {token: number for number, token in enumerate(known)}
    for special in specials:
        special["id"] = len(vocabulary)
        vocabulary[special["content"]] = special["id"]
    model["vocab"], model["merges"] = vocabulary, [list(pair) for pair in pairs]
    processor = tokenizer["post_processor"]
    for key in ("sep", "cls"):
        if key in processor:
            processor[key][1] = vocabulary[processor[key][0]]


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for size in sys.argv[2:] or SIZES:
        write(size, folder / size)
