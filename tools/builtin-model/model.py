"""The built-in CLIP: its sizes, its starting weights, and a forward pass that may look at a part of the patch grid.

The architecture is exactly transformers.CLIPModel; only the starting point is unusual. A plain vision transformer needs
far more than 11,000 photos to find out that neighbouring patches belong together, so all heads but one of each layer
start by looking at the patch one step away in some direction, as the taps of a 3 x 3 convolution would
("Structured Initialization for Vision Transformers", Zheng et al. 2024, is the idea; this construction is our own).
"""

import math

import torch
from torch import nn
from transformers import CLIPConfig, CLIPModel

IMAGE_SIDE = 80
PATCH = 10
GRID = IMAGE_SIDE // PATCH
VISION = {
    "hidden_size": 192, "intermediate_size": 768, "num_hidden_layers": 6, "num_attention_heads": 6,
    "image_size": IMAGE_SIDE, "patch_size": PATCH, "hidden_act": "gelu",
}
TEXT = {
    "hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 2, "num_attention_heads": 4,
    "max_position_embeddings": 32, "hidden_act": "gelu",
}
PROJECTION = 192
POSITION_WIDTH = 32
"""Leading vision channels in which the starting position code stands: 8 frequencies, sine and cosine, two axes."""

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


def build(vocabulary: int, start_id: int, end_id: int, seed: int) -> CLIPModel:
    """An untrained model for a vocabulary whose last two ids are the start and the end token."""
    torch.manual_seed(seed)
    text = {**TEXT, "vocab_size": vocabulary, "bos_token_id": start_id, "eos_token_id": end_id, "pad_token_id": end_id}
    config = CLIPConfig(text_config=text, vision_config=dict(VISION), projection_dim=PROJECTION, logit_scale_init_value=2.6592)
    config.projection_dim = PROJECTION
    model = CLIPModel(config)
    model.set_attn_implementation("eager")  # on a CPU, the fused attention's backward pass is many times slower
    with torch.no_grad():
        _start_with_positions(model)
        _start_with_neighbours(model)
    return model


def embed_pictures(model: CLIPModel, pixels: torch.Tensor, corner: tuple[int, int] = (0, 0)) -> torch.Tensor:
    """Unit vectors f32 [n, PROJECTION] of normalised pixels [n, 3, s, s], s a multiple of PATCH up to IMAGE_SIDE.

    A smaller picture stands on the patch grid with its first patch at `corner` (row, column).
    """
    tower = model.vision_model
    patches = tower.embeddings.patch_embedding(pixels)
    rows, columns = patches.shape[2:]
    positions = tower.embeddings.position_embedding.weight
    window = positions[1:].view(GRID, GRID, -1)[corner[0] : corner[0] + rows, corner[1] : corner[1] + columns]
    patches = patches.flatten(2).transpose(1, 2) + window.flatten(0, 1)
    token = (tower.embeddings.class_embedding + positions[0]).expand(len(pixels), 1, -1)
    hidden = tower.pre_layrnorm(torch.cat([token, patches], 1))
    hidden = tower.encoder(inputs_embeds=hidden).last_hidden_state[:, 0]
    return nn.functional.normalize(model.visual_projection(tower.post_layernorm(hidden)).float(), dim=-1)


def embed_texts(model: CLIPModel, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Unit vectors f32 [n, PROJECTION] of token ids [n, length] with their attention mask."""
    pooled = model.text_model(input_ids=ids, attention_mask=mask).pooler_output
    return nn.functional.normalize(model.text_projection(pooled).float(), dim=-1)


def _position_code() -> torch.Tensor:
    """Sines and cosines of row and column, [GRID, GRID, POSITION_WIDTH]; a step is a rotation of each pair."""
    half = POSITION_WIDTH // 2
    waves = math.pi * torch.arange(1, half // 2 + 1) / GRID
    angles = torch.arange(GRID)[:, None] * waves
    line = torch.stack([angles.cos(), angles.sin()], -1).flatten(1)
    rows, columns = line[:, None].expand(-1, GRID, -1), line[None].expand(GRID, -1, -1)
    return torch.cat([rows, columns], -1)


def _start_with_positions(model: CLIPModel) -> None:
    """Patches start with their position code, the class token with none, so that its even heads take the mean."""
    embeddings = model.vision_model.embeddings
    embeddings.position_embedding.weight.zero_()
    embeddings.position_embedding.weight[1:, :POSITION_WIDTH] = 1.5 * _position_code().flatten(0, 1)
    nn.init.normal_(embeddings.patch_embedding.weight, std=0.9 * (3 * PATCH * PATCH) ** -0.5)
    embeddings.patch_embedding.weight[:POSITION_WIDTH] *= 0.1


def _start_with_neighbours(model: CLIPModel) -> None:
    """All heads but the last of each layer start by attending one step away, in directions that differ."""
    steps = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    for layer in model.vision_model.encoder.layers:
        attention = layer.self_attn
        order = torch.randperm(len(steps)).tolist()
        for head in range(attention.num_heads - 1):
            rows = slice(head * POSITION_WIDTH, (head + 1) * POSITION_WIDTH)
            sharpness = 0.8 * torch.eye(POSITION_WIDTH)
            for weight, turn in ((attention.q_proj.weight, _rotation(steps[order[head]])), (attention.k_proj.weight, torch.eye(POSITION_WIDTH))):
                weight[rows] *= 0.3
                weight[rows, :POSITION_WIDTH] = sharpness @ turn


def _rotation(step: tuple[int, int]) -> torch.Tensor:
    """The matrix that takes the position code of a patch to that of the patch `step` (rows, columns) away."""
    half = POSITION_WIDTH // 2
    turn = torch.zeros(POSITION_WIDTH, POSITION_WIDTH)
    for axis, distance in enumerate(step):
        for wave in range(half // 2):
            angle = math.pi * (wave + 1) / GRID * distance
            place = axis * half + 2 * wave
            turn[place : place + 2, place : place + 2] = torch.tensor(
                [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
            )
    return turn
