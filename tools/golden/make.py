"""Makes the golden vectors under data/golden/clip: tiny random CLIP checkpoints, inputs, and the results of transformers.

    python tools/golden/make.py                          # rewrites data/golden/clip
    python tools/golden/make.py --photos FOLDER OUT [N]  # reference preprocessing of N photos into OUT, for a local check

Everything is generated from fixed seeds, without third-party weights, vocabulary or images.
"""

import argparse
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from tokenizers import Regex
from transformers import CLIPConfig, CLIPModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from convolutional import convolutional_tower, tensor_shapes

OUT = Path(__file__).resolve().parents[2] / "data" / "golden" / "clip"
START, END = "<|startoftext|>", "<|endoftext|>"
CLIP_WORDS = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"

TEXTS = [
    "a photo of a cat",
    "A PHOTO  of\ta cat\n",
    "",
    " ",
    "red, green & blue! 1234 it's we'll",
    "一只猫的照片",
    "Ein Foto über Straßen — été",
    "🐈‍⬛ cat 🎉🎉",
    "a long walk " * 40,
    "<|endoftext|> in the middle",
    "e\u0301 is e with an accent; \u0000 is nothing",
    "x",
]

CORPUS = [
    "a photo of a cat", "a photo of a dog in the park", "a long walk along the river", "red green and blue houses",
    "an old street at night", "it's a picture of the sea", "we'll see many people", "the photo of the long street",
]

# (width, height, kind) of every image.
PICTURES = [
    (64, 64, "noise"), (97, 61, "gradient"), (61, 97, "noise"), (20, 13, "noise"), (1, 1, "gradient"),
    (1, 90, "gradient"), (301, 7, "noise"), (48, 48, "edges"), (33, 200, "edges"), (150, 149, "waves"),
]

CHECKPOINTS = {
    # As the first CLIP checkpoints: quick_gelu, eos_token_id 2 (pooled where the id is greatest), sizes as numbers.
    "quick": {
        "text": dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=16,
                     hidden_act="quick_gelu", eos_token_id=2, bos_token_id=0, pad_token_id=1),
        "vision": dict(hidden_size=36, intermediate_size=48, num_hidden_layers=2, num_attention_heads=3, image_size=48, patch_size=12,
                       hidden_act="quick_gelu"),
        "projection_dim": 24,
        "processor": {"size": 48, "crop_size": 48, "do_center_crop": True, "do_normalize": True, "do_resize": True, "resample": 3,
                      "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
                      "feature_extractor_type": "CLIPFeatureExtractor"},
    },
    # As LAION's: gelu, another eps, pooled at the end token; patches that do not divide the side; a processor that pads.
    "gelu": {
        "text": dict(hidden_size=30, intermediate_size=40, num_hidden_layers=3, num_attention_heads=5, max_position_embeddings=24,
                     hidden_act="gelu", layer_norm_eps=1e-3),
        "vision": dict(hidden_size=24, intermediate_size=50, num_hidden_layers=2, num_attention_heads=6, image_size=45, patch_size=14,
                       hidden_act="gelu", layer_norm_eps=1e-6),
        "projection_dim": 40,
        "processor": {"size": {"shortest_edge": 40}, "crop_size": {"height": 45, "width": 45}, "resample": 3,
                      "image_mean": [0.5, 0.4, 0.3], "image_std": [0.5, 0.6, 0.7], "image_processor_type": "CLIPImageProcessor"},
    },
    # The tanh form of gelu, one layer, images squashed bilinearly without a crop, half precision on disk.
    "tanh": {
        "text": dict(hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=1, max_position_embeddings=12,
                     hidden_act="gelu_new"),
        "vision": dict(hidden_size=20, intermediate_size=40, num_hidden_layers=1, num_attention_heads=2, image_size=32, patch_size=8,
                       hidden_act="gelu_pytorch_tanh"),
        "projection_dim": 16,
        "processor": {"size": {"height": 32, "width": 32}, "do_center_crop": False, "resample": 2, "do_normalize": False,
                      "image_processor_type": "CLIPImageProcessor"},
        "dtype": torch.float16,
    },
}

# Vision towers of convolutions beside the text tower of CHECKPOINTS["gelu"], images squashed: the kind of the built-in model.
CONVOLUTIONAL = {
    "convolutional": {
        "vision": dict(tower="convolutional", image_size=48, num_channels=3, stem_width=8, stage_widths=[12, 20, 28], stage_depths=[1, 2, 1],
                       hidden_size=36, hidden_act="relu"),
        "processor": {"size": {"height": 48, "width": 48}, "do_center_crop": False, "resample": 3,
                      "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
                      "image_processor_type": "CLIPImageProcessor"},
        "dtype": torch.float32,
    },
    "convolutional-half": {
        "vision": dict(tower="convolutional", image_size=40, num_channels=3, stem_width=5, stage_widths=[9, 17], stage_depths=[2, 1],
                       hidden_size=11, hidden_act="gelu"),
        "processor": {"size": {"shortest_edge": 40}, "crop_size": {"height": 40, "width": 40}, "resample": 3,
                      "image_processor_type": "CLIPImageProcessor"},
        "dtype": torch.float16,
    },
}

# More processors, for preprocessing only: name -> (settings).
PROCESSORS = {
    "clip": {},
    "odd-crop": {"size": {"shortest_edge": 51}, "crop_size": {"height": 37, "width": 50}},
    "lanczos": {"size": {"shortest_edge": 40}, "crop_size": 33, "resample": 1},
    "upscale": {"size": {"shortest_edge": 130}, "crop_size": 120},
}


def tokenizer() -> Tokenizer:
    """Byte-level BPE with CLIP's splitting and word ends, over a vocabulary of our own."""
    result = Tokenizer(models.BPE(unk_token=END, end_of_word_suffix="</w>", continuing_subword_prefix="", fuse_unk=False))
    result.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    result.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(CLIP_WORDS), behavior="removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    result.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = _merges(CORPUS)
    words = alphabet + [letter + "</w>" for letter in alphabet] + ["".join(pair) for pair in merges]
    vocabulary = {word: i for i, word in enumerate(dict.fromkeys(words))}
    vocabulary[START], vocabulary[END] = len(vocabulary), len(vocabulary) + 1
    result.model = models.BPE(vocab=vocabulary, merges=merges, unk_token=END, end_of_word_suffix="</w>",
                              continuing_subword_prefix="", fuse_unk=False)
    result.add_special_tokens([START, END])
    result.post_processor = processors.RobertaProcessing((END, vocabulary[END]), (START, vocabulary[START]), False, False)
    return result


def _merges(corpus: list[str], count: int = 60) -> list[tuple[str, str]]:
    """The most frequent pairs, joined one after another, as byte-pair encoding learns them."""
    words = [[*word[:-1], word[-1] + "</w>"] for line in corpus for word in line.replace("'", " ").split()]
    merges = []
    for _ in range(count):
        pairs = {}
        for word in words:
            for pair in zip(word, word[1:]):
                pairs[pair] = pairs.get(pair, 0) + 1
        if not pairs:
            break
        best = max(sorted(pairs), key=pairs.get)
        merges.append(best)
        words = [_joined(word, best) for word in words]
    return merges


def _joined(word: list[str], pair: tuple[str, str]) -> list[str]:
    result, i = [], 0
    while i < len(word):
        if tuple(word[i : i + 2]) == pair:
            result.append("".join(pair))
            i += 2
        else:
            result.append(word[i])
            i += 1
    return result


def picture(width: int, height: int, kind: str, seed: int) -> Image.Image:
    """A drawn image: noise, a gradient, hard edges or waves."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    u, v = x / max(width - 1, 1), y / max(height - 1, 1)
    if kind == "noise":
        values = np.random.default_rng(seed).integers(0, 256, (height, width, 3))
    elif kind == "gradient":
        values = np.stack([255 * u, 255 * v, 255 * (1 - u) * v], -1)
    elif kind == "edges":
        values = np.stack([(x // 5 + y // 3) % 2 * 255, (x // 2) % 2 * 255, (x > width / 2) * 255.0], -1)
    else:
        values = np.stack([127 + 127 * np.sin(40 * u * u), 127 + 127 * np.sin(30 * v + 9 * u), 127 + 127 * np.cos(50 * u * v)], -1)
    return Image.fromarray(values.astype(np.uint8))


def model(settings: dict, vocabulary: int, end: int, seed: int) -> CLIPModel:
    """A random model whose weights are large enough that every part shows in the output."""
    torch.manual_seed(seed)
    text = {"eos_token_id": end, "bos_token_id": end - 1, "pad_token_id": end, **settings["text"], "vocab_size": vocabulary}
    config = CLIPConfig(text_config=text, vision_config=settings["vision"], projection_dim=settings["projection_dim"])
    config._attn_implementation = "eager"
    result = CLIPModel(config).eval()
    with torch.no_grad():
        for name, parameter in result.named_parameters():
            if parameter.dim() >= 2 and "embedding" not in name:
                parameter.normal_(0, 1.2 / math.sqrt(parameter[0].numel()))
            elif "norm" in name or "layrnorm" in name:
                parameter.normal_(1.0 if name.endswith("weight") else 0.0, 0.3)
            elif name != "logit_scale":
                parameter.normal_(0, 0.5)
        if dtype := settings.get("dtype"):
            for parameter in result.parameters():
                parameter.copy_(parameter.to(dtype).float())
    return result


def save_checkpoint(folder: Path, result: CLIPModel, settings: dict, words: Tokenizer) -> None:
    folder.mkdir(parents=True)
    config = json.loads(result.config.to_json_string(use_diff=False))
    kept = {"text_config": list(settings["text"]) + ["vocab_size", "eos_token_id"], "vision_config": list(settings["vision"])}
    short = {"architectures": ["CLIPModel"], "model_type": "clip", "projection_dim": settings["projection_dim"]}
    short |= {part: {key: config[part][key] for key in sorted(set(keys))} for part, keys in kept.items()}
    (folder / "config.json").write_text(json.dumps(short, indent=1) + "\n")
    (folder / "preprocessor_config.json").write_text(json.dumps(settings["processor"], indent=1) + "\n")
    words.save(str(folder / "tokenizer.json"), pretty=False)
    dtype = settings.get("dtype", torch.float32)
    weights = {name: value.to(dtype).numpy() for name, value in result.state_dict().items()}
    # Old checkpoints contain position ids as well; a reader must ignore them.
    weights["text_model.embeddings.position_ids"] = np.arange(settings["text"]["max_position_embeddings"], dtype=np.int64)[None]
    save_file(weights, str(folder / "model.safetensors"), metadata={"format": "pt"})


def answers(result: CLIPModel, see: Callable, settings: dict, words: Tokenizer, pictures: list[Image.Image]) -> dict:
    """Results of the reference: ids, and embeddings before scaling to length 1; `see` embeds pixels [n, 3, h, w]."""
    words.enable_truncation(settings["text"]["max_position_embeddings"])
    words.enable_padding(pad_id=words.token_to_id(END), pad_token=END)
    batch = words.encode_batch(TEXTS)
    ids = torch.tensor([encoding.ids for encoding in batch])
    mask = torch.tensor([encoding.attention_mask for encoding in batch])
    processor = image_processor(settings["processor"])
    pixels = processor(pictures, return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        texts = result.get_text_features(input_ids=ids, attention_mask=mask)
        images = see(pixels)
    texts, images = (getattr(features, "pooler_output", features) for features in (texts, images))
    return {
        "tokens": [[i for i, m in zip(encoding.ids, encoding.attention_mask) if m] for encoding in batch],
        "texts": rows(texts), "images": rows(images), "pixels": rows(pixels[1:2].flatten(1)),
    }


def save_convolutional(name: str, settings: dict, words: Tokenizer, pictures: list[Image.Image], seed: int) -> None:
    """A checkpoint whose vision tower is convolutional, with the text tower and projection width of "gelu"."""
    donor, vision = CHECKPOINTS["gelu"], settings["vision"]
    result = model(donor, words.get_vocab_size(), words.token_to_id(END), seed)
    save_checkpoint(OUT / name, result, donor | {"processor": settings["processor"]}, words)
    tensors = {key: value.clone() for key, value in result.state_dict().items() if not key.startswith(("vision_model", "visual_projection"))}
    generator = torch.Generator().manual_seed(seed)
    shapes = tensor_shapes(vision) | {"visual_projection.weight": (donor["projection_dim"], vision["hidden_size"])}
    for key, shape in shapes.items():
        spread = 1.6 / math.sqrt(math.prod(shape[1:])) if len(shape) > 1 else 0.3
        tensors[key] = spread * torch.randn(shape, generator=generator)
    tensors = {key: value.to(settings["dtype"]).float() for key, value in tensors.items()}
    result.load_state_dict({key: value for key, value in tensors.items() if key.startswith("text")}, strict=False)
    save_file({key: value.to(settings["dtype"]).numpy() for key, value in tensors.items()}, str(OUT / name / "model.safetensors"),
              metadata={"format": "pt"})
    config = json.loads((OUT / name / "config.json").read_text()) | {"vision_config": vision}
    (OUT / name / "config.json").write_text(json.dumps(config, indent=1) + "\n")

    def see(pixels: torch.Tensor) -> torch.Tensor:
        return convolutional_tower(vision, tensors, pixels) @ tensors["visual_projection.weight"].T

    expected = answers(result, see, donor | {"processor": settings["processor"]}, words, pictures)
    (OUT / name / "expected.json").write_text(json.dumps(expected) + "\n")


def image_processor(settings: dict) -> CLIPImageProcessorPil:
    """The processor on Pillow; the one on torchvision differs from it by up to two grey levels."""
    return CLIPImageProcessorPil.from_dict(dict(settings))


def rows(values: torch.Tensor) -> list[list[float]]:
    return [[float(f"{v:.8g}") for v in row] for row in values.tolist()]


def levels(settings: dict, image: Image.Image) -> Image.Image:
    """The reference's image before normalisation, in 8 bits."""
    raw = {**settings, "do_normalize": False, "do_rescale": False}
    pixels = image_processor(raw)(image, return_tensors="np")["pixel_values"][0]
    return Image.fromarray(pixels.transpose(1, 2, 0).astype(np.uint8))


def make() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    (OUT / "pictures").mkdir(parents=True)
    pictures = [picture(*shape, seed=i) for i, shape in enumerate(PICTURES)]
    for i, image in enumerate(pictures):
        image.save(OUT / "pictures" / f"{i:02}.png", optimize=True)
    (OUT / "texts.json").write_text(json.dumps(TEXTS, indent=1) + "\n")
    for seed, (name, settings) in enumerate(CHECKPOINTS.items()):
        words = tokenizer()
        end = words.token_to_id(END)
        result = model(settings, words.get_vocab_size(), end, seed)
        save_checkpoint(OUT / name, result, settings, words)
        (OUT / name / "expected.json").write_text(json.dumps(answers(result, lambda pixels: result.get_image_features(pixel_values=pixels), settings, words, pictures)) + "\n")
    for seed, (name, settings) in enumerate(CONVOLUTIONAL.items(), len(CHECKPOINTS)):
        save_convolutional(name, settings, tokenizer(), pictures, seed)
    save_processors(pictures)


def save_processors(pictures: list[Image.Image]) -> None:
    processors_ = PROCESSORS | {name: settings["processor"] for name, settings in CHECKPOINTS.items()}
    for name, settings in processors_.items():
        folder = OUT / "processors" / name
        folder.mkdir(parents=True)
        (folder / "preprocessor_config.json").write_text(json.dumps(settings, indent=1) + "\n")
        # Images of 224 pixels are large: the processor of the original CLIP is tested on three of them.
        chosen = [1, 6, 9] if name == "clip" else range(len(pictures))
        for i in chosen:
            levels(settings, pictures[i]).save(folder / f"{i:02}.png", optimize=True)


def photos(folder: Path, out: Path, count: int) -> None:
    """For each photo: the decoded image as PNG (no orientation applied) and the reference's 224 × 224 levels."""
    out.mkdir(parents=True, exist_ok=True)
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    for i, path in enumerate(found[:: max(1, len(found) // count)][:count]):
        image = Image.open(path).convert("RGB")
        image.save(out / f"{i:03}.in.png", compress_level=1)
        levels({}, image).save(out / f"{i:03}.out.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", nargs="+", metavar=("FOLDER", "OUT"))
    arguments = parser.parse_args()
    if arguments.photos:
        folder, out, *count = arguments.photos
        photos(Path(folder), Path(out), int(count[0]) if count else 30)
    else:
        make()
