"""Makes the golden vectors under data/golden/families: tiny random checkpoints of each family of two towers, and the results
of its reference.

    python tools/golden/families.py                              # rewrites data/golden/families
    python tools/golden/families.py --photos FOLDER OUT [N]      # reference preprocessing of N photos, for a local check
    python tools/golden/families.py --mobile OUT                 # MobileCLIP S1 and S2 in full size, for a local check

References: transformers for SigLIP, SigLIP 2 and Chinese-CLIP; open_clip_torch with timm for OpenCLIP's layout. Everything
is made here from fixed seeds; images and most texts are those of make.py.
"""

import argparse
import contextlib
import json
import math
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import open_clip
import sentencepiece
import timm
import torch
from functools import partial
from PIL import Image
from safetensors.torch import save_file
from timm.models.fastvit import FastVit, RepConditionalPosEnc
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (BertTokenizer, ChineseCLIPConfig, ChineseCLIPModel, CLIPConfig, CLIPModel, Siglip2Config, Siglip2Model,
                          Siglip2Tokenizer, SiglipConfig, SiglipModel, SiglipTokenizer)
from transformers.models.chinese_clip.image_processing_pil_chinese_clip import ChineseCLIPImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil

import make

OUT = Path(__file__).resolve().parents[2] / "data" / "golden" / "families"
TEXTS = make.TEXTS + [
    "A “quoted” ﬁne text, with snake_case &amp; more…",
    "海边的日落，两个人！ＡＢＣ　１２３",
    "Two dogs; one (small) cat?",
    "naïve café ΑΣ ÅNGSTRÖM",
    "<eos> [SEP] [MASK] <end_of_text>",
]
CORPUS = make.CORPUS + ["海边的日落", "一只猫的照片", "两个人在公园里", "a fine quoted text with more", "two small dogs", "fotos von straßen"]
PICTURES = [make.picture(*shape, seed=i) for i, shape in enumerate(make.PICTURES)]
CLIP_MOMENTS = {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}


def randomise(model: torch.nn.Module, seed: int, residual: float = 0.5) -> None:
    """Weights so large that every part shows in the output; `residual` is what blocks of FastViT are scaled by."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("logit_scale"):
                parameter.fill_(math.log(20.0))
            elif name.endswith("logit_bias"):
                parameter.fill_(-7.5)
            elif name.endswith("gamma"):
                parameter.normal_(residual, 0.4 * residual)
            elif "embedding" in name or "pos_embed" in name or "probe" in name or "latent" in name or "class_emb" in name:
                parameter.normal_(0, 0.5)
            elif name.endswith("token_mixer.qkv.weight"):
                # Larger ones make attention choose a single position, and rounding then decides between two that are near.
                parameter.normal_(0, 0.2 / math.sqrt(parameter[0].numel()))
            elif parameter.dim() >= 2:
                parameter.normal_(0, 1.2 / math.sqrt(parameter[0].numel()))
            elif is_norm(name):
                parameter.normal_(1.0 if name.endswith("weight") else 0.0, 0.3)
            else:
                parameter.normal_(0, 0.5)
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(0, 0.3)
            elif name.endswith("running_var"):
                buffer.uniform_(0.5, 2.0)


def is_norm(name: str) -> bool:
    return any(part in name.lower() for part in ("norm", "ln_", ".bn.", "identity"))


def save(folder: Path, name: str, config: dict, model: torch.nn.Module, file: str, dtype: torch.dtype) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(config, indent=1) + "\n")
    tensors = {key: value.to(dtype) if value.is_floating_point() else value for key, value in model.state_dict().items()}
    save_file({key: value.contiguous() for key, value in tensors.items()}, str(folder / file), metadata={"format": "pt"})
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.is_floating_point():
                value.copy_(value.to(dtype).float())


def expect(folder: Path, tokens: list[list[int]], texts: torch.Tensor, images: torch.Tensor, levels: Callable, shown: list[int]) -> None:
    rows = {"tokens": tokens, "texts": make.rows(texts), "images": make.rows(images)}
    (folder / "expected.json").write_text(json.dumps(rows) + "\n")
    (folder / "levels").mkdir(exist_ok=True)
    for i in shown:
        levels(PICTURES[i]).save(folder / "levels" / f"{i:02}.png", optimize=True)


def eager(config):
    config._attn_implementation = "eager"
    return config


# ---- tokenizers -----------------------------------------------------------------------------------------------------


def sentence_pieces(folder: Path) -> None:
    """A unigram model as SigLIP's: end 1, unknown 2, no start, no prefix."""
    # The model stores the file names that it was trained on, so these must not depend on the machine.
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        Path("corpus.txt").write_text("\n".join(CORPUS * 3) + "\n")
        sentencepiece.SentencePieceTrainer.train(
            input="corpus.txt", model_prefix="spiece", vocab_size=150, model_type="unigram", pad_id=0, eos_id=1, unk_id=2,
            bos_id=-1, character_coverage=1.0, hard_vocab_limit=False, minloglevel=2)
        shutil.copy("spiece.model", folder / "spiece.model")


def gemma_pieces(folder: Path) -> Tokenizer:
    """Byte pairs as Gemma's: spaces as ▁, bytes for what no piece covers."""
    alphabet = sorted({letter for line in CORPUS for letter in line.lower().replace(" ", "▁")})
    words = [list("▁" + word) for line in CORPUS for word in line.split()]
    merges = []
    for _ in range(80):
        pairs = {}
        for word in words:
            for pair in zip(word, word[1:]):
                pairs[pair] = pairs.get(pair, 0) + 1
        best = max(sorted(pairs), key=pairs.get)
        merges.append(best)
        words = [make._joined(word, best) for word in words]
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    pieces = special + [f"<0x{byte:02X}>" for byte in range(256)] + alphabet + ["".join(pair) for pair in merges]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    result = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, fuse_unk=True, unk_token="<unk>", byte_fallback=True))
    result.normalizer = normalizers.Replace(" ", "▁")
    result.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    result.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    result.add_special_tokens(special)
    # As published: the file itself adds the start token, the settings beside it do not.
    result.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 2)])
    result.save(str(folder / "tokenizer.json"), pretty=False)
    settings = {"tokenizer_class": "GemmaTokenizer", "add_bos_token": False, "add_eos_token": True, "bos_token": "<bos>",
                "eos_token": {"content": "<eos>", "__type": "AddedToken"}, "pad_token": "<pad>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1) + "\n")
    return result


def word_pieces(folder: Path) -> BertTokenizer:
    letters = sorted({letter for line in CORPUS for letter in line if not letter.isspace()})
    words = sorted({word for line in make.CORPUS for word in line.split() if "'" not in word})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + letters + [f"##{letter}" for letter in letters if letter.isascii()] + words
    pieces = list(dict.fromkeys(pieces + list(",.!?;&()1234")))
    (folder / "vocab.txt").write_text("".join(piece + "\n" for piece in pieces))
    return BertTokenizer(vocab=str(folder / "vocab.txt"))


# ---- transformers' layout -------------------------------------------------------------------------------------------


def siglip(name: str, seed: int, second: bool, size: int, dtype: torch.dtype) -> None:
    folder = OUT / name
    folder.mkdir(parents=True)
    text = dict(hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=3, max_position_embeddings=16)
    vision = dict(hidden_size=36, intermediate_size=52, num_hidden_layers=2, num_attention_heads=4, image_size=32, patch_size=8)
    if second:
        gemma_pieces(folder)
        file = json.loads((folder / "tokenizer.json").read_text())["model"]
        words = Siglip2Tokenizer(vocab=file["vocab"], merges=[tuple(m) for m in file["merges"]], padding_side="right")
        words.backend_tokenizer.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
        vocabulary = len(file["vocab"])
    else:
        sentence_pieces(folder)
        words = SiglipTokenizer(str(folder / "spiece.model"))
        vocabulary = words.vocab_size
    text |= dict(vocab_size=vocabulary, projection_size=36)
    model = SiglipModel(eager(SiglipConfig(text_config=text, vision_config=vision))).eval()
    randomise(model, seed)
    config = {"architectures": ["SiglipModel"], "model_type": "siglip", "text_config": text, "vision_config": vision}
    save(folder, "config.json", config, model, "model.safetensors", dtype)
    settings = {"image_processor_type": "SiglipImageProcessor", "size": {"height": size, "width": size}, "resample": 2 if second else 3,
                "do_resize": True, "do_rescale": True, "do_normalize": True, "rescale_factor": 1 / 255, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings, indent=1) + "\n")
    see = SiglipImageProcessorPil.from_dict(dict(settings))
    ids = [padded(words, t, 16) for t in TEXTS]
    with torch.no_grad():
        texts = model.get_text_features(torch.tensor(ids)).pooler_output
        pixels = see(PICTURES, return_tensors="pt")["pixel_values"]
        images = model.get_image_features(pixels, interpolate_pos_encoding=size != 32).pooler_output
    expect(folder, ids, texts, images, levels_of(SiglipImageProcessorPil, settings), range(len(PICTURES)))


def padded(words, text: str, length: int) -> list[int]:
    return words(text, padding="max_length", truncation=True, max_length=length)["input_ids"]


def naflex(name: str, seed: int) -> None:
    folder = OUT / name
    folder.mkdir(parents=True)
    gemma_pieces(folder)
    file = json.loads((folder / "tokenizer.json").read_text())["model"]
    words = Siglip2Tokenizer(vocab=file["vocab"], merges=[tuple(m) for m in file["merges"]], padding_side="right")
    words.backend_tokenizer.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
    text = dict(hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=3, max_position_embeddings=16,
                vocab_size=len(file["vocab"]), projection_size=24)
    vision = dict(hidden_size=24, intermediate_size=52, num_hidden_layers=2, num_attention_heads=4, num_patches=16, patch_size=8)
    model = Siglip2Model(eager(Siglip2Config(text_config=text, vision_config=vision))).eval()
    randomise(model, seed)
    config = {"architectures": ["Siglip2Model"], "model_type": "siglip2", "text_config": text, "vision_config": vision}
    save(folder, "config.json", config, model, "model.safetensors", torch.float32)
    settings = {"image_processor_type": "Siglip2ImageProcessor", "resample": 2, "patch_size": 8, "max_num_patches": 20,
                "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings, indent=1) + "\n")
    see = Siglip2ImageProcessorPil.from_dict(dict(settings))
    ids = [padded(words, t, 16) for t in TEXTS]
    with torch.no_grad(), whole_columns():
        texts = model.get_text_features(torch.tensor(ids)).pooler_output
        seen = see(PICTURES, return_tensors="pt")
        images = model.get_image_features(seen["pixel_values"], seen["pixel_attention_mask"], seen["spatial_shapes"]).pooler_output

    def levels(image: Image.Image) -> Image.Image:
        raw = Siglip2ImageProcessorPil.from_dict({**settings, "do_normalize": False, "do_rescale": False})(image, return_tensors="np")
        rows, columns = raw["spatial_shapes"][0]
        patches = np.asarray(raw["pixel_values"][0][: rows * columns]).reshape(rows, columns, 8, 8, 3)
        return Image.fromarray(patches.transpose(0, 2, 1, 3, 4).reshape(rows * 8, columns * 8, 3).astype(np.uint8))

    expect(folder, ids, texts, images, levels, range(len(PICTURES)))


@contextlib.contextmanager
def whole_columns():
    """torch 2.15 interpolates a single column wrongly where it antialiases (every row becomes the first); turned on its
    side, the same table comes out right."""
    interpolate = torch.nn.functional.interpolate

    def turned(values, size=None, **arguments):
        if size is None or size[1] != 1:
            return interpolate(values, size=size, **arguments)
        return interpolate(values.transpose(2, 3).contiguous(), size=(size[1], size[0]), **arguments).transpose(2, 3)

    torch.nn.functional.interpolate = turned
    try:
        yield
    finally:
        torch.nn.functional.interpolate = interpolate


def chinese_clip(name: str, seed: int) -> None:
    folder = OUT / name
    folder.mkdir(parents=True)
    words = word_pieces(folder)
    text = dict(vocab_size=len(words), hidden_size=30, intermediate_size=44, num_hidden_layers=2, num_attention_heads=5, max_position_embeddings=40)
    vision = dict(hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=3, image_size=32, patch_size=8)
    model = ChineseCLIPModel(eager(ChineseCLIPConfig(text_config=text, vision_config=vision, projection_dim=20))).eval()
    randomise(model, seed)
    config = {"architectures": ["ChineseCLIPModel"], "model_type": "chinese_clip", "projection_dim": 20, "text_config": text, "vision_config": vision}
    save(folder, "config.json", config, model, "model.safetensors", torch.float32)
    settings = {"image_processor_type": "ChineseCLIPFeatureExtractor", "size": {"height": 32, "width": 32}, "resample": 3,
                "do_center_crop": False, "image_mean": CLIP_MOMENTS["mean"], "image_std": CLIP_MOMENTS["std"]}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings, indent=1) + "\n")
    batch = words(TEXTS, padding=True, truncation=True, max_length=40, return_tensors="pt")
    ids = [[i for i, m in zip(*row) if m] for row in zip(batch["input_ids"].tolist(), batch["attention_mask"].tolist())]
    see = ChineseCLIPImageProcessorPil.from_dict(dict(settings))
    with torch.no_grad():
        texts = model.get_text_features(**batch).pooler_output
        images = model.get_image_features(see(PICTURES, return_tensors="pt")["pixel_values"]).pooler_output
    expect(folder, ids, texts, images, levels_of(ChineseCLIPImageProcessorPil, settings), range(len(PICTURES)))


def interpolated_clip(name: str, seed: int) -> None:
    """CLIP with larger images than its position embeddings."""
    folder = OUT / name
    words = make.tokenizer()
    end = words.token_to_id(make.END)
    settings = make.CHECKPOINTS["gelu"] | {"processor": {"size": {"shortest_edge": 61}, "crop_size": {"height": 61, "width": 61}}}
    model = make.model(settings, words.get_vocab_size(), end, seed)
    make.save_checkpoint(folder, model, settings, words)
    see = lambda pixels: model.get_image_features(pixel_values=pixels, interpolate_pos_encoding=True)
    expected = make.answers(model, see, settings, words, PICTURES)
    expected.pop("pixels")
    batch = words.encode_batch(TEXTS)
    with torch.no_grad():
        ids = torch.tensor([e.ids for e in batch])
        texts = model.get_text_features(ids, torch.tensor([e.attention_mask for e in batch])).pooler_output
    tokens = [[i for i, m in zip(e.ids, e.attention_mask) if m] for e in batch]
    images = torch.tensor(expected["images"])
    expect(folder, tokens, texts, images, levels_of(CLIPImageProcessorPil, settings["processor"]), range(len(PICTURES)))


def levels_of(processor: type, settings: dict) -> Callable:
    raw = processor.from_dict({**settings, "do_normalize": False, "do_rescale": False})
    return lambda image: Image.fromarray(raw(image, return_tensors="np")["pixel_values"][0].transpose(1, 2, 0).astype(np.uint8))


# ---- OpenCLIP's layout ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def small_towers():
    """timm's towers in a size that fits here, under names that Eidetic supports for this purpose."""
    from timm.models import register_model

    def vit_tiny_patch8_siglip_32(pretrained=False, **kwargs):
        return timm.models.VisionTransformer(img_size=32, patch_size=8, embed_dim=24, depth=2, num_heads=3, mlp_ratio=40 / 24, class_token=False,
                                             **{"global_pool": "map", **{k: v for k, v in kwargs.items() if k not in NOT_OURS}})

    def fastvit_tiny(pretrained=False, **kwargs):
        return FastVit(layers=(1, 2, 1, 2), embed_dims=(8, 16, 32, 64), mlp_ratios=(3, 3, 3, 3), se_downsamples=(False, False, True, True),
                       pos_embs=(None, None, None, partial(RepConditionalPosEnc, spatial_shape=(7, 7))),
                       token_mixers=("repmixer", "repmixer", "repmixer", "attention"), lkc_use_act=True,
                       **{k: v for k, v in kwargs.items() if k not in NOT_OURS})

    for tower in (vit_tiny_patch8_siglip_32, fastvit_tiny):
        tower.__module__ = "timm.models.vision_transformer"
        register_model(tower)
    yield


NOT_OURS = {"pretrained_cfg", "pretrained_cfg_overlay", "cache_dir", "scriptable"}


def never_empty(resize: type) -> None:
    """OpenCLIP fails on images so long that their shorter side becomes zero; here it becomes one pixel."""
    params = resize.get_params
    resize.get_params = staticmethod(lambda *arguments: [max(1, side) for side in params(*arguments)])


never_empty(open_clip.transform.ResizeKeepRatio)


def own_words(folder: Path) -> open_clip.SimpleTokenizer:
    """OpenCLIP's tokenizer over a vocabulary of our own, and the file that comes with such models."""
    words = make.tokenizer()
    words.save(str(folder / "tokenizer.json"), pretty=False)
    file = json.loads((folder / "tokenizer.json").read_text())["model"]
    result = open_clip.SimpleTokenizer(context_length=16)
    result.encoder = dict(file["vocab"])
    for theirs, ours in (("<start_of_text>", make.START), ("<end_of_text>", make.END)):
        result.encoder[theirs] = result.encoder.pop(ours)
    result.bpe_ranks = {tuple(pair): i for i, pair in enumerate(file["merges"])}
    result.sot_token_id, result.eot_token_id = result.encoder["<start_of_text>"], result.encoder["<end_of_text>"]
    return result


def open_clip_model(name: str, seed: int, config: dict, preprocess: dict, words: Callable, dtype: torch.dtype = torch.float32,
                    reparameterised: bool = False, positions: int | None = None, trimmed: bool = True, wide: bool = False) -> None:
    folder = OUT / name
    folder.mkdir(parents=True)
    tokenise = words(folder)
    config["text_cfg"].setdefault("vocab_size", max(tokenise.encoder.values()) + 1 if hasattr(tokenise, "encoder") else 0)
    build = open_clip.model.CustomTextCLIP if config.get("custom_text") else open_clip.model.CLIP
    arguments = {key: value for key, value in config.items() if key != "custom_text"}
    arguments |= {"vision_cfg": dict(config["vision_cfg"]), "text_cfg": {k: v for k, v in config["text_cfg"].items()}}
    # A file may have positions for images of another size, which OpenCLIP then interpolates to the size of the model.
    if positions:
        arguments["vision_cfg"]["image_size"] = positions
    model = build(**arguments).eval()
    # Forty blocks of the usual scale would reach 1e13, where attention selects a single position.
    randomise(model, seed, 0.1 if wide else 0.5)
    if reparameterised:
        for module in model.modules():
            if hasattr(module, "reparameterize"):
                module.reparameterize()
    save(folder, "open_clip_config.json", {"model_cfg": config, "preprocess_cfg": preprocess}, model, "open_clip_model.safetensors", dtype)
    if positions:
        state = model.state_dict()
        model = build(**arguments | {"vision_cfg": config["vision_cfg"]}).eval()
        open_clip.model.resize_pos_embed(state, model)
        model.load_state_dict(state)
    see = open_clip.transform.image_transform_v2(open_clip.transform.PreprocessCfg(**{"size": config["vision_cfg"]["image_size"], **preprocess}), False)
    ids = tokenise(TEXTS)
    pixels = torch.stack([see(image) for image in PICTURES])
    if wide:
        model, pixels = model.double(), pixels.double()
    with torch.no_grad():
        texts = model.encode_text(ids)
        images = model.encode_image(pixels)
    end = getattr(tokenise, "eot_token_id", None)
    kept = [row[: len(row) - row[::-1].index(end)] if trimmed else row for row in ids.tolist()]
    raw = open_clip.transform.Compose(see.transforms[:-2])
    expect(folder, kept, texts, images, raw, range(len(PICTURES)))


def beside_words(folder: Path) -> Callable:
    """A tokenizer of transformers with OpenCLIP's model, as for SigLIP 2: special tokens are added by the file itself."""
    words = gemma_pieces(folder)
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "GemmaTokenizerFast", "pad_token": "<pad>"}) + "\n")
    words.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
    words.save(str(folder / "tokenizer.json"), pretty=False)
    words.enable_truncation(16)
    words.enable_padding(length=16, pad_id=0, pad_token="<pad>")
    clean = open_clip.tokenizer.get_clean_fn("canonicalize")
    tokenise = lambda texts: torch.tensor([words.encode(clean(text)).ids for text in texts])
    class Beside:
        encoder = words.get_vocab()
        __call__ = staticmethod(tokenise)
    return Beside()


TEXT = dict(context_length=16, width=24, heads=3, layers=2)


def make_all() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    (OUT / "texts.json").write_text(json.dumps(TEXTS, indent=1) + "\n")
    siglip("siglip", 1, second=False, size=32, dtype=torch.float32)
    siglip("siglip2", 2, second=True, size=50, dtype=torch.bfloat16)
    naflex("naflex", 3)
    chinese_clip("chinese-clip", 4)
    interpolated_clip("clip-larger", 5)
    vit = dict(image_size=32, layers=2, width=32, head_width=16, patch_size=8, mlp_ratio=1.5)
    open_clip_model("open-clip", 6, dict(embed_dim=20, vision_cfg=vit, text_cfg=dict(TEXT)), {"mode": "RGB", **CLIP_MOMENTS}, own_words)
    open_clip_model("open-clip-quick", 7, dict(embed_dim=20, quick_gelu=True, custom_text=True, vision_cfg=vit | {"image_size": 40}, text_cfg=dict(TEXT)),
                    {"interpolation": "bilinear", "resize_mode": "longest", "fill_color": 90, **CLIP_MOMENTS}, own_words, torch.float16, positions=24)
    open_clip_model("open-clip-mean", 8, dict(
        embed_dim=20, vision_cfg=vit | dict(no_ln_pre=True, pool_type="avg", final_ln_after_pool=True),
        text_cfg=TEXT | dict(no_causal_mask=True, pool_type="last", proj_type="linear")), {"resize_mode": "squash", **CLIP_MOMENTS}, own_words, trimmed=False)
    with small_towers():
        open_clip_model("open-clip-siglip", 9, dict(
            embed_dim=24, init_logit_bias=-10, custom_text=True,
            vision_cfg=dict(image_size=32, timm_model_name="vit_tiny_patch8_siglip_32", timm_model_pretrained=False, timm_pool="map", timm_proj="none"),
            text_cfg=TEXT | dict(hf_tokenizer_name="beside/this", tokenizer_kwargs={"clean": "canonicalize"}, no_causal_mask=True, proj_bias=True,
                                 pool_type="last", norm_kwargs={"eps": 1e-6}, act_kwargs={"approximate": "tanh"})),
            {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}, beside_words, trimmed=False)
        mobile = dict(embed_dim=20, custom_text=True,
                      vision_cfg=dict(image_size=64, timm_model_name="fastvit_tiny", timm_model_pretrained=False, timm_pool="avg", timm_proj=None,
                                      timm_drop=0.0, timm_drop_path=0.0))
        settings = {"mean": [0.0] * 3, "std": [1.0] * 3, "interpolation": "bilinear", "resize_mode": "shortest"}
        open_clip_model("mobile-clip", 10, mobile | dict(text_cfg=TEXT | dict(no_causal_mask=True)), settings, own_words, torch.float16, trimmed=False)
        open_clip_model("mobile-clip-folded", 11, mobile | dict(text_cfg=TEXT | dict(no_causal_mask=False)), settings, own_words, torch.float16,
                        reparameterised=True)


def mobile_in_full(out: Path) -> None:
    """MobileCLIP's published sizes with random weights in half precision, 116 MB together: not to be committed. The results
    are computed in double precision."""
    global OUT
    OUT = out
    out.mkdir(parents=True, exist_ok=True)
    (out / "texts.json").write_text(json.dumps(TEXTS, indent=1) + "\n")
    for seed, size in enumerate((1, 2)):
        vision = dict(image_size=256, timm_model_name=f"fastvit_mci{size}", timm_model_pretrained=False, timm_pool="avg", timm_proj=None,
                      timm_drop=0.0, timm_drop_path=0.0)
        open_clip_model(f"s{size}", seed, dict(embed_dim=512, custom_text=True, vision_cfg=vision, text_cfg=TEXT | dict(no_causal_mask=True)),
                        {"mean": [0.0] * 3, "std": [1.0] * 3, "interpolation": "bilinear"}, own_words, torch.float16, trimmed=False, wide=True)


def photos(folder: Path, out: Path, count: int) -> None:
    """Photos as PNG (no orientation applied), and each reference's levels in a folder beside its settings."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    chosen = found[:: max(1, len(found) // count)][:count]
    squash = {"size": {"height": 256, "width": 256}, "resample": 2}
    references = {
        "siglip": (levels_of(SiglipImageProcessorPil, {}), {}),
        "siglip2": (levels_of(SiglipImageProcessorPil, squash), squash),
        "chinese-clip": (levels_of(ChineseCLIPImageProcessorPil, {"size": {"height": 224, "width": 224}, "do_center_crop": False}),
                         {"size": {"height": 224, "width": 224}, "do_center_crop": False}),
    }
    for name, settings in {"open-clip": {"size": 224}, "mobile-clip": {"size": 256, "interpolation": "bilinear", "mean": [0.0] * 3, "std": [1.0] * 3},
                           "open-clip-longest": {"size": 224, "resize_mode": "longest"}}.items():
        transform = open_clip.transform.image_transform_v2(open_clip.transform.PreprocessCfg(**settings), False)
        references[name] = (open_clip.transform.Compose(transform.transforms[:-2]), settings)
    for name, (levels, settings) in references.items():
        (out / name).mkdir(parents=True, exist_ok=True)
        (out / name / "settings.json").write_text(json.dumps(settings) + "\n")
        for i, path in enumerate(chosen):
            image = Image.open(path).convert("RGB")
            image.save(out / f"{i:03}.in.png", compress_level=1)
            levels(image).save(out / name / f"{i:03}.png", compress_level=1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", nargs="+", metavar=("FOLDER", "OUT"))
    parser.add_argument("--mobile", metavar="OUT")
    arguments = parser.parse_args()
    if arguments.photos:
        folder, out, *count = arguments.photos
        photos(Path(folder), Path(out), int(count[0]) if count else 30)
    elif arguments.mobile:
        mobile_in_full(Path(arguments.mobile))
    else:
        make_all()
