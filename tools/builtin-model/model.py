"""The built-in model: a convolutional vision tower and CLIP's text transformer.

In training, every convolution is followed by a batch norm; `folded` is the same function without them, under the
names and shapes that README.md describes and that Eidetic reads.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel

IMAGE_SIDE = 128
PROJECTION = 256
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
TEXT = {
    "hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 2, "num_attention_heads": 4,
    "max_position_embeddings": 32, "hidden_act": "gelu",
}


@dataclass(frozen=True)
class VisionSizes:
    """Channels of the stem, channels and blocks of each stage, channels that are averaged over the image."""

    stem_width: int = 32
    widths: tuple[int, ...] = (64, 128, 256)
    depths: tuple[int, ...] = (1, 2, 3)
    hidden_size: int = 768


class Unit(nn.Module):
    """A convolution without bias and a batch norm."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.norm(self.conv(values))

    def folded(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight and bias of the one convolution that does the same at inference."""
        factor = self.norm.weight / (self.norm.running_var + self.norm.eps).sqrt()
        return self.conv.weight * factor.view(-1, 1, 1, 1), self.norm.bias - self.norm.running_mean * factor


class Block(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut; the first block of a stage halves rows and columns."""

    def __init__(self, inputs: int, outputs: int, halves: bool) -> None:
        super().__init__()
        self.conv1 = Unit(inputs, outputs, 3, 2 if halves else 1)
        self.conv2 = Unit(outputs, outputs, 3)
        self.shortcut = Unit(inputs, outputs, 1) if halves else None
        nn.init.zeros_(self.conv2.norm.weight)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        inner = self.conv2(functional.relu(self.conv1(values), inplace=True))
        if self.shortcut is not None:
            values = self.shortcut(functional.avg_pool2d(values, 2))
        return functional.relu_(inner + values)


class VisionTower(nn.Module):
    """Normalised pixels [n, 3, s, s], s a multiple of 16, to [n, hidden_size]."""

    def __init__(self, sizes: VisionSizes) -> None:
        super().__init__()
        self.stem = Unit(3, sizes.stem_width, 3, 2)
        inputs, stages = sizes.stem_width, []
        for width, depth in zip(sizes.widths, sizes.depths):
            stages.append(nn.Sequential(*(Block(inputs if i == 0 else width, width, i == 0) for i in range(depth))))
            inputs = width
        self.stages = nn.Sequential(*stages)
        self.head = Unit(inputs, sizes.hidden_size, 1)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        values = self.stages(functional.relu(self.stem(pixels)))
        return functional.relu(self.head(values)).mean((2, 3))

    def folded(self) -> dict[str, torch.Tensor]:
        """Tensors of the tower without batch norms, by their names in model.safetensors."""
        named = {"stem": self.stem, "head": self.head}
        for s, stage in enumerate(self.stages):
            for b, block in enumerate(stage):
                units = {"conv1": block.conv1, "conv2": block.conv2, "shortcut": block.shortcut}
                named |= {f"stages.{s}.blocks.{b}.{name}": unit for name, unit in units.items() if unit is not None}
        tensors = {}
        for name, unit in named.items():
            tensors[f"vision_model.{name}.weight"], tensors[f"vision_model.{name}.bias"] = unit.folded()
        return tensors


class BuiltIn(nn.Module):
    """Both towers, their projections to PROJECTION dimensions, and the logit scale."""

    def __init__(self, text: CLIPTextConfig, sizes: VisionSizes) -> None:
        super().__init__()
        self.text = CLIPTextModel(text)
        self.vision = VisionTower(sizes)
        self.text_projection = nn.Linear(text.hidden_size, PROJECTION, bias=False)
        self.visual_projection = nn.Linear(sizes.hidden_size, PROJECTION, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(2.6592))

    def pictures(self, pixels: torch.Tensor) -> torch.Tensor:
        """Unit vectors f32 [n, PROJECTION] of normalised pixels [n, 3, s, s]."""
        return functional.normalize(self.visual_projection(self.vision(pixels)).float(), dim=-1)

    def texts(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Unit vectors f32 [n, PROJECTION] of token ids [n, length] with their attention mask."""
        pooled = self.text(input_ids=ids, attention_mask=mask).pooler_output
        return functional.normalize(self.text_projection(pooled).float(), dim=-1)


def build(vocabulary: int, start_id: int, end_id: int, seed: int, sizes: VisionSizes = VisionSizes()) -> BuiltIn:
    """An untrained model for a vocabulary with those start and end tokens."""
    torch.manual_seed(seed)
    config = CLIPTextConfig(**TEXT, vocab_size=vocabulary, bos_token_id=start_id, eos_token_id=end_id, pad_token_id=end_id)
    config._attn_implementation = "eager"  # on a CPU, the fused attention's backward pass is many times slower
    model = BuiltIn(config, sizes)
    for unit in model.vision.modules():
        if isinstance(unit, nn.Conv2d):
            nn.init.kaiming_normal_(unit.weight, mode="fan_out", nonlinearity="relu")
    return model
