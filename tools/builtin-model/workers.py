"""Training by two or more processes on one machine, each with one thread.

Weights, gradients and the optimiser's state are in memory shared by all workers. In a step each worker adds its
gradient, all synchronize, each updates its share of the parameters with the mean gradient, and all synchronize again.
When other programs use a core for a while, this loses far less time than two threads inside every operation, and the
sums do not depend on the order.
"""

import math
import multiprocessing
import os
from dataclasses import dataclass

import torch
from torch import nn

MOMENTUM = 0.95
BETAS = (0.9, 0.98)
MATCHED_SIZE = 0.2
"""Root mean square of an orthogonalised update before the rate, which makes its rate like AdamW's (Moonlight, 2025)."""


@dataclass
class Slot:
    """One parameter with its places in the shared memory."""

    parameter: nn.Parameter
    gradients: list[torch.Tensor]
    first: torch.Tensor
    second: torch.Tensor
    average: torch.Tensor
    matrix: bool


class Shared:
    """The trained state of a model in shared memory; make it before the workers are forked."""

    def __init__(self, model: nn.Module, workers: int) -> None:
        self.barrier = multiprocessing.get_context("fork").Barrier(workers)
        self.workers, self.slots, self.names = workers, [], []
        total = sum(parameter.numel() for parameter in model.parameters())
        self.flat = {name: torch.zeros(total).share_memory_() for name in ("weights", "first", "second", "average")}
        self.gradients = torch.zeros(workers, total).share_memory_()
        place = 0
        for name, parameter in model.named_parameters():
            def view(flat: torch.Tensor) -> torch.Tensor:
                return flat[place : place + parameter.numel()].view(parameter.shape)

            view(self.flat["weights"]).copy_(parameter.data)
            parameter.data = view(self.flat["weights"])
            matrix = parameter.ndim > 1 and "embedding" not in name
            self.slots.append(Slot(parameter, [view(row) for row in self.gradients], view(self.flat["first"]),
                                   view(self.flat["second"]), view(self.flat["average"]), matrix))
            self.names.append(name)
            place += parameter.numel()
        self.flat["average"].copy_(self.flat["weights"])
        self.shares = _shares(self.slots, workers)

    def update(self, worker: int, step: int, rate: float, decay: float, keep: float) -> None:
        """Adds this worker's gradients to those of the others and moves its share of the parameters."""
        for slot in self.slots:
            gradient = slot.gradients[worker]
            gradient.zero_() if slot.parameter.grad is None else gradient.copy_(slot.parameter.grad)
            slot.parameter.grad = None
        self.barrier.wait()
        with torch.no_grad():
            for slot in self.shares[worker]:
                mean = sum(slot.gradients[1:], slot.gradients[0]) / self.workers
                (_orthogonal_step if slot.matrix else _adam_step)(slot, mean, step, rate, decay)
                slot.average.lerp_(slot.parameter.data, 1 - keep)
        self.barrier.wait()

    def state(self) -> dict[str, torch.Tensor]:
        """The training state to store besides the statistics of the norms."""
        return {name: flat.clone() for name, flat in self.flat.items()}

    def load(self, state: dict[str, torch.Tensor]) -> None:
        """Restores a stored state."""
        for name, flat in self.flat.items():
            flat.copy_(state[name])


def fork(workers: int) -> int:
    """Forks all workers but the first, which is this process; returns the number of each."""
    for number in range(1, workers):
        if os.fork() == 0:
            return number
    return 0


def _shares(slots: list[Slot], workers: int) -> list[list[Slot]]:
    """The parameters divided so that each worker has about as much to do."""
    loads, shares = [0.0] * workers, [[] for _ in range(workers)]

    def cost(slot: Slot) -> float:
        return slot.parameter.numel() * (min(slot.parameter.flatten(1).shape) / 8 if slot.matrix else 1)

    for slot in sorted(slots, key=cost, reverse=True):
        least = loads.index(min(loads))
        loads[least] += cost(slot)
        shares[least].append(slot)
    return shares


def _orthogonal_step(slot: Slot, gradient: torch.Tensor, step: int, rate: float, decay: float) -> None:
    """Muon (Jordan 2024): momentum whose singular values are made equal, for matrices and convolutions."""
    slot.first.lerp_(gradient, 1 - MOMENTUM)
    direction = gradient.lerp(slot.first, MOMENTUM).flatten(1)
    update = _orthogonal(direction).view_as(slot.parameter)
    slot.parameter.data.mul_(1 - rate * decay).add_(update, alpha=-rate * MATCHED_SIZE * math.sqrt(max(direction.shape)))


def _orthogonal(matrix: torch.Tensor, rounds: int = 5) -> torch.Tensor:
    """The nearest matrix with all singular values near 1, by Newton and Schulz's iteration."""
    tall = matrix.shape[0] > matrix.shape[1]
    values = matrix.T if tall else matrix
    values = (values / (values.norm() + 1e-7)).bfloat16()
    for _ in range(rounds):
        square = values @ values.T
        values = 3.4445 * values + (-4.7750 * square + 2.0315 * square @ square) @ values
    return (values.T if tall else values).float()


def _adam_step(slot: Slot, gradient: torch.Tensor, step: int, rate: float, _decay: float) -> None:
    """Adam, for vectors and embeddings, which do not decay."""
    slot.first.lerp_(gradient, 1 - BETAS[0])
    slot.second.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
    first = slot.first / (1 - BETAS[0] ** (step + 1))
    second = slot.second / (1 - BETAS[1] ** (step + 1))
    slot.parameter.data.addcdiv_(first, second.sqrt().add_(1e-8), value=-rate)
