"""Writes a training run's moving average as a Hugging Face CLIP folder, with norms folded into convolutions, in f16."""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import nn

import model as built_in
import photos
import scenes
import tokens
from augment import plain_views

SEEN_PHOTOS, SEEN_SCENES, AT_ONCE = 3072, 1024, 128
"""Training images, preprocessed as for inference, over which the statistics of the norms are computed again."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder with the tokenizer.json of the run")
    parser.add_argument("--checkpoints", type=Path, nargs="+", help="checkpoints whose mean is exported; else the run's last.pt")
    parser.add_argument("--photos", type=Path, required=True, help="folder with labels.tsv")
    parser.add_argument("--cache", type=Path, required=True, help="folder for decoded images")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument("--side", type=int, default=built_in.IMAGE_SIDE, help="side of the square input of the model")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer.from_file(str(options.run / "tokenizer.json"))
    tokenizer.save(str(options.out / "tokenizer.json"))
    end = tokenizer.token_to_id(tokens.END)
    model = built_in.build(tokenizer.get_vocab_size(), tokenizer.token_to_id(tokens.START), end, seed=0)
    states = [torch.load(file, weights_only=False) for file in options.checkpoints or [options.run / "last.pt"]]
    _take(model, torch.stack([state["shared"]["average"] for state in states]).mean(0), states[0]["names"])
    _measure_norms(model, _training_pictures(options.photos, options.cache), options.side)
    weights = {name: value.half().contiguous() for name, value in _tensors(model).items()}
    save_file(weights, options.out / "model.safetensors", metadata={"format": "pt"})
    _write(options.out / "config.json", _config(model, options.side))
    _write(options.out / "preprocessor_config.json", PREPROCESSOR | {"size": {"height": options.side, "width": options.side}})
    _write(options.out / "tokenizer_config.json", TOKENIZER)
    print(f"{options.out}: steps {[state['step'] for state in states]}, {sum(value.numel() for value in weights.values())} parameters")


PREPROCESSOR = {
    "image_processor_type": "CLIPImageProcessor",
    "do_convert_rgb": True,
    "do_resize": True,
    "resample": 3,
    "do_center_crop": False,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": list(built_in.MEAN),
    "image_std": list(built_in.STD),
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


def _take(model: nn.Module, flat: torch.Tensor, names: list[str]) -> None:
    """Copies the parameters of a flat row into the model."""
    parameters, place = dict(model.named_parameters()), 0
    with torch.no_grad():
        for name in names:
            parameter = parameters[name]
            parameter.copy_(flat[place : place + parameter.numel()].view(parameter.shape))
            place += parameter.numel()


def _training_pictures(folder: Path, cache: Path) -> torch.Tensor:
    """Training photos and scenes, evenly taken from all, uint8 [n, s, s, 3]."""
    learnt = [photo for photo in photos.read_photos(folder, cache) if not photo.held_out]
    pixels = torch.from_numpy(photos.squashed(folder, learnt, cache))
    drawn = torch.from_numpy(scenes.training_scenes(8000, 5000, cache).pixels)
    parts = [pixels[:: len(pixels) // SEEN_PHOTOS][:SEEN_PHOTOS], drawn[:: len(drawn) // SEEN_SCENES][:SEEN_SCENES]]
    mixed = torch.cat(parts)
    return mixed[torch.randperm(len(mixed), generator=torch.Generator().manual_seed(0))]


@torch.no_grad()
def _measure_norms(model: built_in.BuiltIn, pictures: torch.Tensor, side: int) -> None:
    """Sets every norm's mean and variance to those over `pictures`, preprocessed as for inference."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    model.train()
    for part in pictures.split(AT_ONCE):
        model.vision(plain_views(part, side).to(memory_format=torch.channels_last))
    model.eval()


def _tensors(model: built_in.BuiltIn) -> dict[str, torch.Tensor]:
    """All tensors by the names of transformers.CLIPModel, those of the vision tower by our own."""
    text = {f"text_model.{name.removeprefix('text_model.')}": value for name, value in model.text.state_dict().items()}
    ends = {name: getattr(model, name).weight for name in ("text_projection", "visual_projection")}
    return (
        {name: value for name, value in text.items() if not name.endswith("position_ids")}
        | {f"{name}.weight": weight.detach() for name, weight in ends.items()}
        | {"logit_scale": model.logit_scale.detach()}
        | {name: value.detach() for name, value in model.vision.folded().items()}
    )


def _config(model: built_in.BuiltIn, side: int) -> dict:
    sizes, text = built_in.VisionSizes(), model.text.config
    return {
        "architectures": ["CLIPModel"], "model_type": "clip", "dtype": "float16", "projection_dim": built_in.PROJECTION,
        "text_config": built_in.TEXT | {
            "model_type": "clip_text_model", "vocab_size": text.vocab_size, "bos_token_id": text.bos_token_id,
            "eos_token_id": text.eos_token_id, "pad_token_id": text.pad_token_id, "layer_norm_eps": text.layer_norm_eps,
            "projection_dim": built_in.PROJECTION,
        },
        "vision_config": {
            "model_type": "clip_vision_model", "tower": "convolutional", "image_size": side, "num_channels": 3,
            "stem_width": sizes.stem_width, "stage_widths": list(sizes.widths), "stage_depths": list(sizes.depths),
            "hidden_size": sizes.hidden_size, "hidden_act": "relu", "projection_dim": built_in.PROJECTION,
        },
    }


def _write(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()
