"""An exported model folder, run by torch with its own preprocessing and tokenizer: the reference for every figure."""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel

import tokens

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "golden"))

from convolutional import convolutional_tower  # noqa: E402

AT_ONCE = 128


class Exported:
    """A model folder with a convolutional vision tower, in f32."""

    def __init__(self, folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        if config["vision_config"].get("tower") != "convolutional":
            raise SystemExit(f"{folder}: this script reads models with a convolutional vision tower")
        self.vision, self.processor = config["vision_config"], json.loads((folder / "preprocessor_config.json").read_text("utf-8"))
        self.tensors = {name: value.float() for name, value in load_file(folder / "model.safetensors").items()}
        self.text = CLIPTextModel(CLIPTextConfig(**config["text_config"])).eval()
        wanted = self.text.state_dict()
        prefix = "" if any(name.startswith("text_model.") for name in wanted) else "text_model."
        self.text.load_state_dict({name: self.tensors.get(prefix + name, value) for name, value in wanted.items()})
        self.tokenizer = tokens.load_tokenizer(folder / "tokenizer.json")

    @torch.no_grad()
    def pictures(self, pictures: list[Image.Image]) -> torch.Tensor:
        """Unit vectors f32 [n, projection]."""
        found = []
        for first in range(0, len(pictures), AT_ONCE):
            pixels = torch.stack([self._pixels(picture) for picture in pictures[first : first + AT_ONCE]])
            found.append(convolutional_tower(self.vision, self.tensors, pixels.to(memory_format=torch.channels_last)))
        return functional.normalize(torch.cat(found) @ self.tensors["visual_projection.weight"].T, dim=-1)

    @torch.no_grad()
    def texts(self, texts: list[str]) -> torch.Tensor:
        """Unit vectors f32 [n, projection]."""
        encoded = self.tokenizer.encode_batch(texts)
        ids, mask = torch.tensor([e.ids for e in encoded]), torch.tensor([e.attention_mask for e in encoded])
        pooled = self.text(input_ids=ids, attention_mask=mask).pooler_output
        return functional.normalize(pooled @ self.tensors["text_projection.weight"].T, dim=-1)

    def _pixels(self, picture: Image.Image) -> torch.Tensor:
        size = self.processor["size"]["width"], self.processor["size"]["height"]
        small = np.asarray(picture.convert("RGB").resize(size, Image.Resampling(self.processor["resample"])), np.float32)
        values = torch.from_numpy(small * self.processor["rescale_factor"]).permute(2, 0, 1)
        mean, deviation = (torch.tensor(self.processor[name]).view(3, 1, 1) for name in ("image_mean", "image_std"))
        return (values - mean) / deviation
