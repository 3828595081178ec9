"""Writes GME-Qwen2-VL-2B in its published shapes with random bf16 weights (4.4 GB), for measuring memory and time.

    python tools/golden/full_size.py OUT
    eidetic embed --model OUT --text "a red bicycle" --image PICTURE     # with /usr/bin/time -v

Tokenizer and processor are those of data/golden/qwen/gme-half. One tensor at a time is in memory.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from transformers import Qwen2VLConfig, Qwen2VLModel

TINY = Path(__file__).resolve().parents[2] / "data" / "golden" / "qwen" / "gme-half"
TEXT = dict(hidden_size=1536, intermediate_size=8960, num_hidden_layers=28, num_attention_heads=12, num_key_value_heads=2, vocab_size=151936)
VISION = dict(depth=32, embed_dim=1280, hidden_size=1536, mlp_ratio=4, num_heads=16)
ROPE = {"rope_type": "default", "mrope_section": [16, 24, 24], "rope_theta": 1e6}


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    config = json.loads((TINY / "config.json").read_text())
    config["text_config"].update(TEXT, rope_parameters=ROPE)
    config["vision_config"].update(VISION)
    config["dtype"] = "bfloat16"
    (out / "config.json").write_text(json.dumps(config, indent=1))
    for file in ("tokenizer.json", "preprocessor_config.json"):
        shutil.copy(TINY / file, out / file)
    with torch.device("meta"):
        model = Qwen2VLModel(Qwen2VLConfig(**config))
    write(out / "model.safetensors", {"model." + name: value.shape for name, value in model.state_dict().items()})


def write(file: Path, shapes: dict[str, torch.Size]) -> None:
    """Scales of norms near one, biases of nothing, all else small and random, so that values stay finite through all layers."""
    generator = torch.Generator().manual_seed(2)
    header, end = {}, 0
    for name, shape in shapes.items():
        start, end = end, end + 2 * shape.numel()
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [start, end]}
    described = json.dumps(header).encode()
    described += b" " * (-len(described) % 8)
    with file.open("wb") as opened:
        opened.write(len(described).to_bytes(8, "little") + described)
        for name, shape in shapes.items():
            values = torch.empty(shape).normal_(0, 0.02, generator=generator)
            if len(shape) == 1:
                values += 1 if name.endswith("weight") else -values
            opened.write(values.to(torch.bfloat16).view(torch.int16).numpy().tobytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
