"""The parts of the training loss."""

import torch
from torch.nn import functional

SMOOTHING = 0.1
TEMPERATURE = 0.1


def concept(scores: torch.Tensor, ignored: torch.Tensor, first: torch.Tensor, second: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Cross entropy of photos [n, captions] against their concepts, the captions' first columns.

    A joined photo is of `first` by `share` and of `second` by the rest, int64 [n] and f32 [n]. Captions that are also
    right, or may be, are `ignored` [n, captions].
    """
    rows = torch.arange(len(scores))
    out = ignored.clone()
    out[rows, first] = False
    out[rows, second] = False
    logs = scores.masked_fill(out, float("-inf")).log_softmax(1)
    hit = share * logs[rows, first] + (1 - share) * logs[rows, second]
    even = logs.masked_fill(out, 0).sum(1) / (~out).sum(1)
    return -((1 - SMOOTHING) * hit + SMOOTHING * even).mean()


def contrast(scores: torch.Tensor, right: torch.Tensor, unknown: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Mean contrastive loss of the rows of `scores` [n, m] over their right columns, each against all wrong ones.

    Right columns do not compete with one another, unknown ones are ignored; `weights` [m] are those of the columns.
    """
    wrong = scores.masked_fill(right | unknown, float("-inf")).logsumexp(1, keepdim=True)
    each = functional.softplus(wrong - scores) * weights * right
    total = (weights * right).sum(1)
    return (each.sum(1) / total.clamp(min=1e-6))[total > 0].mean()


def alike(pictures: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Supervised contrast (Khosla et al. 2020) among unit vectors [n, d]: those of one label attract each other."""
    scores = (pictures @ pictures.T / TEMPERATURE).fill_diagonal_(float("-inf"))
    friends = (labels[:, None] == labels).fill_diagonal_(False)
    logs = scores.log_softmax(1).masked_fill(~friends, 0)
    return -(logs.sum(1) / friends.sum(1).clamp(min=1)).mean()


def same(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Two views [n, d] of one photo find each other among the views of all others, of the same label too."""
    scores = first @ second.T / TEMPERATURE
    target = torch.arange(len(first))
    return (functional.cross_entropy(scores, target) + functional.cross_entropy(scores.T, target)) / 2
