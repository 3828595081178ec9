"""A convolutional vision tower in plain torch: the reference for Eidetic's own.

tools/builtin-model/README.md describes configuration and tensors.
"""

import torch
from torch.nn import functional

ACTIVATIONS = {"relu": functional.relu, "gelu": functional.gelu}


def convolutional_tower(vision: dict, tensors: dict[str, torch.Tensor], pixels: torch.Tensor) -> torch.Tensor:
    """Normalised pixels [n, channels, side, side] to [n, hidden_size], by a `vision_config` and tensors f32."""
    act = ACTIVATIONS[vision["hidden_act"]]

    def convolve(values: torch.Tensor, name: str, stride: int = 1) -> torch.Tensor:
        weight, bias = (tensors[f"vision_model.{name}.{part}"] for part in ("weight", "bias"))
        return functional.conv2d(values, weight, bias, stride, padding=weight.shape[2] // 2)

    values = act(convolve(pixels, "stem", stride=2))
    for s, depth in enumerate(vision["stage_depths"]):
        for b in range(depth):
            block, first = f"stages.{s}.blocks.{b}", b == 0
            inner = act(convolve(values, f"{block}.conv1", stride=2 if first else 1))
            inner = convolve(inner, f"{block}.conv2")
            if first:
                values = convolve(functional.avg_pool2d(values, 2), f"{block}.shortcut")
            values = act(inner + values)
    return act(convolve(values, "head")).mean((2, 3))


def tensor_shapes(vision: dict) -> dict[str, tuple[int, ...]]:
    """Every tensor of the tower with its shape."""
    shapes = {}

    def convolution(name: str, outputs: int, inputs: int, kernel: int) -> None:
        shapes[f"vision_model.{name}.weight"] = (outputs, inputs, kernel, kernel)
        shapes[f"vision_model.{name}.bias"] = (outputs,)

    inputs = vision["stem_width"]
    convolution("stem", inputs, vision["num_channels"], 3)
    for s, (width, depth) in enumerate(zip(vision["stage_widths"], vision["stage_depths"])):
        for b in range(depth):
            block = f"stages.{s}.blocks.{b}"
            convolution(f"{block}.conv1", width, inputs, 3)
            convolution(f"{block}.conv2", width, width, 3)
            if b == 0:
                convolution(f"{block}.shortcut", width, inputs, 1)
            inputs = width
    convolution("head", vision["hidden_size"], inputs, 1)
    return shapes
