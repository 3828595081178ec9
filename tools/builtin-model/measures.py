"""Measures of retrieval."""

import torch


def precision_at(scores: torch.Tensor, relevant: torch.Tensor, count: int) -> float:
    """Share of relevant columns among the `count` best of each row of `scores` [n, m], averaged over rows."""
    best = scores.topk(count, 1).indices
    return relevant.gather(1, best).float().mean().item()


def mean_average_precision(scores: torch.Tensor, relevant: torch.Tensor) -> float:
    """Average precision of each row of `scores` [n, m], averaged over rows with anything relevant."""
    order = scores.argsort(1, descending=True)
    hits = relevant.gather(1, order).float()
    precision = hits.cumsum(1) / torch.arange(1, hits.shape[1] + 1)
    each = (precision * hits).sum(1) / hits.sum(1).clamp(min=1)
    return each[hits.sum(1) > 0].mean().item()


def first_share(scores: torch.Tensor, right: torch.Tensor) -> float:
    """Share of rows of `scores` [n, m] whose best column is `right` [n]."""
    return (scores.argmax(1) == right).float().mean().item()


def chance(measure, relevant: torch.Tensor) -> float:
    """What `measure(scores, relevant)` returns for random scores."""
    return measure(torch.rand(relevant.shape, generator=torch.Generator().manual_seed(0)), relevant)


def quantiles(values: torch.Tensor) -> dict[str, float]:
    """Where the values lie: some quantiles."""
    shares = {"5%": 0.05, "25%": 0.25, "50%": 0.5, "75%": 0.75, "95%": 0.95}
    return {name: round(torch.quantile(values, share).item(), 3) for name, share in shares.items()}
