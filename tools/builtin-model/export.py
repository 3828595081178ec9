"""Writes a training run's moving average as a Hugging Face CLIP folder, with weights in f16."""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

import model as clip
import tokens


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder with last.pt and tokenizer.json")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer.from_file(str(options.run / "tokenizer.json"))
    tokenizer.save(str(options.out / "tokenizer.json"))
    start, end = tokenizer.token_to_id(tokens.START), tokenizer.token_to_id(tokens.END)
    model = clip.build(tokenizer.get_vocab_size(), start, end, seed=0)
    state = torch.load(options.run / "last.pt", weights_only=False)
    model.load_state_dict(state["average"])
    weights = {name: value.half().contiguous() for name, value in model.state_dict().items() if not name.endswith("position_ids")}
    save_file(weights, options.out / "model.safetensors", metadata={"format": "pt"})
    config = model.config.to_dict()
    config.update(architectures=["CLIPModel"], dtype="float16")
    for part in ("text_config", "vision_config"):
        config[part].update(projection_dim=clip.PROJECTION, dtype="float16")
    _write(options.out / "config.json", {k: v for k, v in config.items() if not k.startswith("_")})
    _write(options.out / "preprocessor_config.json", PREPROCESSOR)
    _write(options.out / "tokenizer_config.json", TOKENIZER)
    print(f"{options.out}: step {state['step']}, {sum(p.numel() for p in model.parameters())} parameters")


PREPROCESSOR = {
    "image_processor_type": "CLIPImageProcessor",
    "do_convert_rgb": True,
    "do_resize": True,
    "size": {"shortest_edge": clip.IMAGE_SIDE},
    "resample": 3,
    "do_center_crop": True,
    "crop_size": {"height": clip.IMAGE_SIDE, "width": clip.IMAGE_SIDE},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": list(clip.MEAN),
    "image_std": list(clip.STD),
}

TOKENIZER = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "model_max_length": tokens.LENGTH,
    "bos_token": tokens.START,
    "eos_token": tokens.END,
    "pad_token": tokens.END,
    "unk_token": tokens.END,
    "clean_up_tokenization_spaces": False,
}


def _write(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()
