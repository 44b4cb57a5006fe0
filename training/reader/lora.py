"""Low-rank adapters on every linear layer, by hand: W + scale * B @ A."""

import math
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from training.reader.weights import LAYER

RANK, SCALE = 16, 2.0
A, B = ".lora_a", ".lora_b"


class Adapted(nn.Module):  # type: ignore[misc]  # torch is no part of the environment that mypy sees
    """A frozen linear layer with an adapter, which changes nothing until it is trained."""

    def __init__(self, base: nn.Linear, rank: int = RANK, scale: float = SCALE) -> None:
        super().__init__()
        self.base, self.scale = base, scale
        self.a = nn.Parameter(torch.empty(rank, base.in_features))
        self.b = nn.Parameter(torch.zeros(base.out_features, rank))
        nn.init.kaiming_uniform_(self.a, a=math.sqrt(5))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """See `nn.Linear`."""
        low = nn.functional.linear(hidden, self.a) * self.scale
        return self.base(hidden) + nn.functional.linear(low, self.b)


def adapt(model: Any) -> dict[str, Adapted]:
    """Put an adapter on every linear layer but the vocabulary's; the rest is frozen.

    Returns:
        The adapters by GGUF's names of their layers, such as `blk.0.attn_q`.
    """
    model.requires_grad_(requires_grad=False)
    found = {}
    for number, layer in enumerate(model.model.layers):
        for ours, theirs in LAYER.items():
            parent, _, name = theirs.partition(".")
            module = getattr(layer, parent)
            adapted = Adapted(getattr(module, name))
            setattr(module, name, adapted)
            found[f"blk.{number}.{ours}"] = adapted
    return found


def save(path: Path, adapters: dict[str, Adapted]) -> None:
    """Write the adapters alone, float16, as `services.model_builder.adapter` reads them."""
    tensors = {}
    for name, one in adapters.items():
        tensors[name + A] = one.a.detach().half().cpu().contiguous()
        tensors[name + B] = one.b.detach().half().cpu().contiguous()
    save_file(tensors, path, {"scale": str(SCALE)})


def load(path: Path, adapters: dict[str, Adapted]) -> None:
    """Read what `save` wrote."""
    tensors = load_file(path)
    with torch.no_grad():
        for name, one in adapters.items():
            one.a.copy_(tensors[name + A])
            one.b.copy_(tensors[name + B])
