"""Makes the golden vectors under data/golden/qwen: tiny random checkpoints of the Qwen families and the results of the references.

    python tools/golden/qwen.py                          # rewrites data/golden/qwen (after make.py, whose images it reads)
    python tools/golden/qwen.py --photos FOLDER OUT [N]  # the references' resizes of N photos into OUT, for a local check

The models are transformers' own; prompts, resizes and pooling are those of gme_inference.py (GME-Qwen2-VL),
qwen3_vl_embedding.py (Qwen3-VL-Embedding, with qwen-vl-utils for its resize) and, for Qwen2.5 as a text encoder, the mean
of the last hidden states. Everything is generated from fixed seeds, without third-party weights or vocabulary.
"""

import argparse
import json
import math
import shutil
from pathlib import Path

import gguf
import numpy as np
import torch
from PIL import Image
from qwen_vl_utils.vision_process import fetch_image
from safetensors.torch import save_file
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2Model, Qwen2VLConfig, Qwen2VLModel, Qwen3VLConfig, Qwen3VLModel
from transformers.image_utils import SizeDict
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

ROOT = Path(__file__).resolve().parents[2] / "data" / "golden"
OUT = ROOT / "qwen"
WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
CORPUS = ["a photo of a cat", "a photo of a dog in the park", "a long walk along the river", "You are a helpful assistant.",
          "Find an image that matches the given text.", "Represent the user's input.", "一只猫的照片", "system user assistant"] * 4

TEXTS = [
    "a photo of a cat",
    "A PHOTO  of\ta cat\n",
    "",
    " ",
    "red, green & blue! 1234 it's we'll",
    "一只猫的照片",
    "Ein Foto über Straßen — été",
    "🐈‍⬛ cat 🎉🎉",
    "a very long walk " * 2500,
    "<|endoftext|> in the middle <|im_end|>",
    "e\u0301 is e with an accent; \u0000 is nothing",
    "x",
]
# Images of data/golden/clip by number (None: a large one, drawn by the tests too), with texts for joint queries.
PICTURES = [0, 1, 2, 3, 4, 5, 6, 8, 9, None]
FUSED = [(0, 1), (4, 5), (5, 8), (7, 4)]

TEXT = dict(hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
            max_position_embeddings=32768, rms_norm_eps=1e-6, tie_word_embeddings=True)
GME_VISION = dict(depth=3, embed_dim=32, hidden_size=48, mlp_ratio=3, num_heads=2, patch_size=14, hidden_act="quick_gelu")
QWEN3_VISION = dict(depth=4, hidden_size=32, intermediate_size=72, num_heads=2, patch_size=16, out_hidden_size=48, num_position_embeddings=36,
                    deepstack_visual_indexes=[0, 2], hidden_act="gelu_pytorch_tanh")
CLIP_MOMENTS = dict(image_mean=[0.48145466, 0.4578275, 0.40821073], image_std=[0.26862954, 0.26130258, 0.27577711])
HALF_MOMENTS = dict(image_mean=[0.5] * 3, image_std=[0.5] * 3)


def tokenizer(ends: bool) -> Tokenizer:
    """Byte-level BPE in Qwen2's layout; `ends` as Qwen3's embedding models, whose tokenizer adds the end token itself."""
    result = Tokenizer(models.BPE())
    result.normalizer = normalizers.NFC()
    result.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(WORDS), behavior="isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    result.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=340, initial_alphabet=alphabet, show_progress=False))
    result.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    result.post_processor = processors.ByteLevel(trim_offsets=False)
    if ends:
        template = processors.TemplateProcessing(single="$A <|endoftext|>", special_tokens=[("<|endoftext|>", result.token_to_id("<|endoftext|>"))])
        result.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])
    return result


def randomise(model: torch.nn.Module, dtype: torch.dtype, seed: int) -> None:
    """Weights large enough that every part shows in the output, rounded to `dtype`."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "embed_tokens" in name or "pos_embed" in name:
                parameter.normal_(0, 0.7)
            elif parameter.dim() >= 2:
                parameter.normal_(0, 1.2 / math.sqrt(parameter[0].numel()))
            elif "norm" in name or "ln_q" in name:
                parameter.normal_(1.0 if name.endswith("weight") else 0.0, 0.3)
            else:
                parameter.normal_(0, 0.5)
            parameter.copy_(parameter.to(dtype).float())


def save_weights(folder: Path, model: torch.nn.Module, dtype: torch.dtype, rename, shards: int) -> None:
    """All weights in `shards` files, with the index that the hub's programs write where there are several."""
    tensors = {rename(name): value.to(dtype).contiguous() for name, value in model.state_dict().items()}
    names = sorted(tensors)
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return
    places = {}
    for shard in range(shards):
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        part = names[shard::shards]
        save_file({name: tensors[name] for name in part}, folder / file, metadata={"format": "pt"})
        places |= dict.fromkeys(part, file)
    index = {"metadata": {"total_size": sum(t.nbytes for t in tensors.values())}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")


def pictures() -> list[Image.Image]:
    return [large() if i is None else Image.open(ROOT / "clip" / "pictures" / f"{i:02}.png").convert("RGB") for i in PICTURES]


def large() -> Image.Image:
    """More pixels than any model reads; the tests draw the same."""
    y, x = np.mgrid[0:1400, 0:2000]
    return Image.fromarray(np.stack([(x // 7 * 5) % 256, (y // 3 * 11) % 256, (x + y) % 256], -1).astype(np.uint8))


def gme_outer(image: Image.Image) -> Image.Image:
    """The resize that gme_inference.py does before the processor does its own: whole multiples of 28, extreme shapes squashed."""
    width, height = image.size
    h, w = (max(28, round(side / 28) * 28) for side in (height, width))
    if h * w > 16384 * 784:
        beta = math.sqrt(height * width / (16384 * 784))
        h, w = (math.floor(side / beta / 28) * 28 for side in (height, width))
    elif h * w < 4 * 784:
        beta = math.sqrt(4 * 784 / (height * width))
        h, w = (math.ceil(side * beta / 28) * 28 for side in (height, width))
    h, w = min(h, 200 * w), min(w, 200 * h)
    return image.resize((w, h))


class Gme:
    """gme_inference.py: both resizes, its prompt, 1-D positions, the last token."""

    longest = 1800
    processor = dict(min_pixels=3136, max_pixels=12845056, patch_size=14, temporal_patch_size=2, merge_size=2, **CLIP_MOMENTS,
                     image_processor_type="Qwen2VLImageProcessor", processor_class="Qwen2VLProcessor")

    def __init__(self, model: Qwen2VLModel, words: Tokenizer):
        self.model, self.words = model, words
        limits = dict(min_pixels=256 * 784, max_pixels=1280 * 784)
        self.images = Qwen2VLImageProcessorPil(patch_size=14, **limits, **CLIP_MOMENTS)

    def prompt(self, text: str | None, has_picture: bool) -> str:
        instruction = "You are a helpful assistant." if text is None else "Find an image that matches the given text."
        content = "<|vision_start|><|image_pad|><|vision_end|>" * has_picture + (text or "")
        return f"<|im_start|>system\n{instruction}<|im_end|>\n<|im_start|>user\n{content}<|im_end|>\n<|im_start|>assistant\n<|endoftext|>"

    def pixels(self, image: Image.Image) -> dict:
        return self.images(gme_outer(image), return_tensors="pt")

    def last(self, ids: torch.Tensor, pixels: dict | None) -> torch.Tensor:
        embeds = self.model.get_input_embeddings()(ids)
        if pixels is not None:
            seen = self.model.visual(pixels["pixel_values"], grid_thw=pixels["image_grid_thw"]).pooler_output
            embeds[ids == self.model.config.image_token_id] = seen
        return self.model.language_model(inputs_embeds=embeds, position_ids=None).last_hidden_state[0, -1]


class Qwen3:
    """qwen3_vl_embedding.py: the resize of qwen-vl-utils, the chat template, M-RoPE, the last token."""

    longest = 8192
    processor = dict(size={"longest_edge": 16777216, "shortest_edge": 65536}, patch_size=16, temporal_patch_size=2, merge_size=2, **HALF_MOMENTS,
                     image_processor_type="Qwen2VLImageProcessorFast", processor_class="Qwen3VLProcessor")

    def __init__(self, model: Qwen3VLModel, words: Tokenizer):
        self.model, self.words = model, words
        self.images = Qwen2VLImageProcessorPil(patch_size=16, do_resize=False, **HALF_MOMENTS)

    def prompt(self, text: str | None, has_picture: bool) -> str:
        instruction = "Represent the user's input." if text is None else "Retrieve images or text relevant to the user's query."
        content = "<|vision_start|><|image_pad|><|vision_end|>" * has_picture + (text or "")
        content = content or "NULL"
        return f"<|im_start|>system\n{instruction}<|im_end|>\n<|im_start|>user\n{content}<|im_end|>\n<|im_start|>assistant\n"

    def pixels(self, image: Image.Image) -> dict:
        resized = fetch_image({"image": image, "min_pixels": 4 * 1024, "max_pixels": 1800 * 1024}, image_patch_size=16)
        return self.images(resized, return_tensors="pt")

    def last(self, ids: torch.Tensor, pixels: dict | None) -> torch.Tensor:
        kwargs = {}
        if pixels is not None:
            kwargs = dict(pixels, mm_token_type_ids=(ids == self.model.config.image_token_id).int())
        return self.model(input_ids=ids, attention_mask=torch.ones_like(ids), **kwargs).last_hidden_state[0, -1]


def tokens(family, prompt: str, pixels: dict | None) -> list[int]:
    """As the processor: the image token once per group of patches, then tokenised, then truncated."""
    if pixels is not None:
        count = int(pixels["image_grid_thw"].prod()) // 4
        prompt = prompt.replace("<|image_pad|>", "<|image_pad|>" * count, 1)
    fast = PreTrainedTokenizerFast(tokenizer_object=family.words, pad_token="<|endoftext|>")
    return fast(prompt, truncation=True, max_length=family.longest)["input_ids"]


def embed(family, text: str | None, image: Image.Image | None) -> tuple[list[int], list[float]]:
    pixels = None if image is None else family.pixels(image)
    ids = tokens(family, family.prompt(text, image is not None), pixels)
    with torch.no_grad():
        row = family.last(torch.tensor([ids]), pixels)
    return ids, [float(f"{x:.8g}") for x in torch.nn.functional.normalize(row, dim=0).tolist()]


def runs(ids: list[int]) -> list[list[int]]:
    """[id, how often] for equal ids in a row."""
    result = []
    for i in ids:
        if result and result[-1][0] == i:
            result[-1][1] += 1
        else:
            result.append([i, 1])
    return result


def levels(family, image: Image.Image) -> dict:
    """Height and width as prepared, and every 97th value of what the model reads, in the order of the patches."""
    pixels = family.pixels(image)
    _, height, width = (pixels["image_grid_thw"][0] * family.images.patch_size).tolist()
    values = pixels["pixel_values"].flatten()
    picked = values[:: max(1, len(values) // 150)]
    return {"height": height, "width": width, "step": max(1, len(values) // 150), "values": [float(f"{x:.6g}") for x in picked.tolist()]}


def save_embedder(name: str, family_type, model, config: dict, dtype: torch.dtype, rename, shards: int, seed: int) -> None:
    folder = OUT / name
    folder.mkdir(parents=True)
    words = tokenizer(ends=family_type is Qwen3)
    words.save(str(folder / "tokenizer.json"), pretty=False)
    randomise(model, dtype, seed)
    save_weights(folder, model, dtype, rename, shards)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    (folder / "preprocessor_config.json").write_text(json.dumps(family_type.processor, indent=1) + "\n")
    family, shown = family_type(model.eval(), words), pictures()
    texts = [embed(family, text, None) for text in TEXTS]
    fused = [embed(family, TEXTS[text], shown[picture]) for text, picture in FUSED]
    expected = {
        "tokens": [ids for ids, _ in texts], "texts": [row for _, row in texts],
        "images": [embed(family, None, image)[1] for image in shown], "pixels": [levels(family, image) for image in shown],
        "fused_tokens": [runs(ids) for ids, _ in fused], "fused": [row for _, row in fused],
    }
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")


def special_ids(words: Tokenizer) -> dict:
    return {f"{kind}_token_id": words.token_to_id(f"<|{token}|>") for kind, token in
            [("image", "image_pad"), ("video", "video_pad"), ("vision_start", "vision_start"), ("vision_end", "vision_end")]}


def make_gme(name: str, dtype: torch.dtype, shards: int, seed: int, layout: str) -> None:
    """`layout` "flat": names and config as GME's own; "nested": as transformers 5 writes them."""
    words = tokenizer(ends=False)
    ids = special_ids(words)
    rope = {"rope_type": "default", "mrope_section": [2, 2, 2], "rope_theta": 1e6}
    text = dict(TEXT, vocab_size=words.get_vocab_size(), bos_token_id=None, eos_token_id=None)
    config = Qwen2VLConfig(text_config=dict(text, rope_parameters=rope), vision_config=GME_VISION, **ids)
    config._attn_implementation = "sdpa"
    model = Qwen2VLModel(config)
    dtype_name = str(dtype).removeprefix("torch.")
    if layout == "flat":
        written = {"architectures": ["Qwen2VLForConditionalGeneration"], "model_type": "qwen2_vl", **text, **ids, "hidden_act": "silu",
                   "rope_theta": 1e6, "rope_scaling": {"type": "mrope", "mrope_section": [2, 2, 2]}, "use_sliding_window": False,
                   "sliding_window": 32768, "torch_dtype": dtype_name, "vision_config": dict(GME_VISION, in_chans=3, spatial_patch_size=14)}
    else:
        written = {"model_type": "qwen2_vl", "text_config": dict(text, model_type="qwen2_vl_text", rope_parameters=rope), **ids, "dtype": dtype_name,
                   "vision_config": dict(GME_VISION, model_type="qwen2_vl_vision", spatial_merge_size=2, temporal_patch_size=2)}
    def rename(key: str) -> str:
        old = key.replace("language_model.", "model.")
        return old if layout == "flat" else "model." + key
    save_embedder(name, Gme, model, written, dtype, rename, shards, seed)


def make_qwen3(name: str, dtype: torch.dtype, shards: int, seed: int) -> None:
    words = tokenizer(ends=True)
    ids = special_ids(words)
    rope = {"rope_type": "default", "mrope_section": [4, 2, 2], "mrope_interleaved": True, "rope_theta": 5e6}
    text = dict(TEXT, vocab_size=words.get_vocab_size(), head_dim=16)
    config = Qwen3VLConfig(text_config=dict(text, rope_parameters=rope), vision_config=QWEN3_VISION, **ids)
    config._attn_implementation = "sdpa"
    model = Qwen3VLModel(config)
    scaling = {key: value for key, value in rope.items() if key != "rope_theta"}
    written = {"architectures": ["Qwen3VLForConditionalGeneration"], "model_type": "qwen3_vl", **ids, "tie_word_embeddings": True,
               "text_config": dict(text, model_type="qwen3_vl_text", attention_bias=False, hidden_act="silu", dtype="bfloat16",
                                   rope_theta=5000000, rope_scaling=scaling),
               "vision_config": dict(QWEN3_VISION, model_type="qwen3_vl", in_channels=3, spatial_merge_size=2, temporal_patch_size=2)}
    save_embedder(name, Qwen3, model, written, dtype, lambda key: "model." + key, shards, seed)


TEXT_ONLY = dict(hidden_size=256, intermediate_size=512, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                 max_position_embeddings=64, rms_norm_eps=1e-5, rope_theta=10000.0, tie_word_embeddings=False)


def means(model: Qwen2Model, words: Tokenizer) -> dict:
    """Ids and means of the last hidden states; texts without tokens become the end-of-text token."""
    fast = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<|endoftext|>")
    ids = [fast(text, truncation=True, max_length=64)["input_ids"] or [words.token_to_id("<|endoftext|>")] for text in TEXTS]
    longest = max(map(len, ids))
    padded = torch.tensor([row + [0] * (longest - len(row)) for row in ids])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in ids])
    with torch.no_grad():
        states = model(input_ids=padded, attention_mask=mask).last_hidden_state
    rows = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    return {"tokens": ids, "texts": [[float(f"{x:.7g}") for x in row] for row in rows.tolist()]}


def make_text_only() -> None:
    words = tokenizer(ends=False)
    sizes = dict(TEXT_ONLY, hidden_size=64, intermediate_size=96, vocab_size=words.get_vocab_size())
    model = Qwen2Model(Qwen2Config(**sizes)).eval()
    randomise(model, torch.bfloat16, 31)
    folder = OUT / "qwen2.5"
    folder.mkdir(parents=True)
    words.save(str(folder / "tokenizer.json"), pretty=False)
    save_weights(folder, model, torch.bfloat16, lambda key: "model." + key, 2)
    config = {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_act": "silu", "use_sliding_window": False, **sizes}
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    (folder / "expected.json").write_text(json.dumps(means(model, words)) + "\n")


def random_blocks(kind: gguf.GGMLQuantizationType, shape: tuple[int, int], deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Blocks of the format with random codes and scales that give numbers of about this deviation."""
    count = shape[0] * shape[1] // 256
    f16 = lambda value: np.full((count, 1), value, np.float16).view(np.uint8)
    data = lambda n: rng.integers(0, 256, (count, n), dtype=np.uint8)
    if kind == gguf.GGMLQuantizationType.Q4_K:
        scale = deviation / (32 * 6)
        blocks = np.concatenate([f16(scale), f16(7.5 * scale), data(12), data(128)], 1)
    else:
        scales = rng.integers(20, 60, (count, 16)).astype(np.int8).view(np.uint8)
        blocks = np.concatenate([data(128), data(64), scales, f16(deviation / (40 * 18))], 1)
    return blocks.reshape(shape[0], -1)


def make_gguf() -> None:
    """Qwen2.5 in 4 bits: random blocks, and the reference run on the weights as dequantized by the gguf package."""
    words, rng = tokenizer(ends=False), np.random.default_rng(41)
    vocabulary = sorted(words.get_vocab(with_added_tokens=True).items(), key=lambda item: item[1])
    model = Qwen2Model(Qwen2Config(**TEXT_ONLY, vocab_size=len(vocabulary))).eval()
    randomise(model, torch.float32, 42)
    folder = OUT / "qwen2.5-gguf"
    folder.mkdir(parents=True)
    writer = gguf.GGUFWriter(folder / "tiny-q4_k_m.gguf", "qwen2")
    writer.add_name("tiny")
    writer.add_block_count(2)
    writer.add_context_length(64)
    writer.add_embedding_length(256)
    writer.add_feed_forward_length(512)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(15)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list([token for token, _ in vocabulary])
    writer.add_token_types([3 if token in SPECIAL else 1 for token, _ in vocabulary])
    merges = json.loads(words.to_str())["model"]["merges"]
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_eos_token_id(words.token_to_id("<|im_end|>"))
    writer.add_pad_token_id(words.token_to_id("<|endoftext|>"))
    for name, parameter in model.named_parameters():
        add_tensor(writer, name, parameter, rng)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    (folder / "expected.json").write_text(json.dumps(means(model, words)) + "\n")


def add_tensor(writer: gguf.GGUFWriter, name: str, parameter: torch.nn.Parameter, rng: np.random.Generator) -> None:
    """Writes one tensor, matrices as the mixture "Q4_K_M" does, and puts what was written into the model."""
    places = {"embed_tokens": "token_embd", "norm": "output_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
              "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
              "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
    stem, end = name.rsplit(".", 1)
    if stem.startswith("layers."):
        _, layer, part = stem.split(".", 2)
        short = f"blk.{layer}.{places[part]}.{end}"
    else:
        short = f"{places[stem]}.{end}"
    if parameter.dim() == 1:
        writer.add_tensor(short, parameter.detach().numpy())
        return
    types = gguf.GGMLQuantizationType
    kind = types.Q6_K if "embed" in name or "v_proj" in name else types.Q8_0 if "o_proj" in name else types.Q4_K
    deviation = 0.7 if "embed" in name else 1.2 / math.sqrt(parameter.shape[1])
    if kind == types.Q8_0:
        data = gguf.quants.quantize(parameter.detach().numpy(), kind)
    else:
        data = random_blocks(kind, tuple(parameter.shape), deviation, rng)
    with torch.no_grad():
        parameter.copy_(torch.from_numpy(gguf.quants.dequantize(data, kind).astype(np.float32)).reshape(parameter.shape))
    writer.add_tensor(short, data, raw_dtype=kind)


def photos(folder: Path, out: Path, count: int) -> None:
    """For each photo: the decoded image as PNG (no orientation applied) and the model input of either family."""
    out.mkdir(parents=True, exist_ok=True)
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    inner = Qwen2VLImageProcessorPil()
    limits = SizeDict(shortest_edge=256 * 784, longest_edge=1280 * 784)
    for i, path in enumerate(found[:: max(1, len(found) // count)][:count]):
        image = Image.open(path).convert("RGB")
        image.save(out / f"{i:03}.in.png", compress_level=1)
        outer = np.asarray(gme_outer(image)).transpose(2, 0, 1)
        gme = inner.resize(outer, size=limits, resample=3, factor=28).transpose(1, 2, 0)
        Image.fromarray(gme.astype(np.uint8)).save(out / f"{i:03}.gme.png", compress_level=1)
        qwen3 = fetch_image({"image": image, "min_pixels": 4 * 1024, "max_pixels": 1800 * 1024}, image_patch_size=16)
        qwen3.save(out / f"{i:03}.qwen3.png", compress_level=1)


def make() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    (OUT / "texts.json").write_text(json.dumps(TEXTS) + "\n")
    make_gme("gme", torch.float32, 3, 11, "flat")
    make_gme("gme-half", torch.float16, 1, 12, "nested")
    make_qwen3("qwen3", torch.bfloat16, 1, 21)
    make_text_only()
    make_gguf()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", nargs="+", metavar=("FOLDER", "OUT"))
    arguments = parser.parse_args()
    if arguments.photos:
        folder, out, *count = arguments.photos
        photos(Path(folder), Path(out), int(count[0]) if count else 30)
    else:
        make()
