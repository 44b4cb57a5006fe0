"""What the grader is trained to get right."""

from collections.abc import Sequence

import torch
from torch import Tensor

from training.grader.example import Example
from training.grader.model import FAR

SUPPORT_WEIGHT, LIST_WEIGHT, SOME_WEIGHT = 0.5, 0.5, 0.2
NEAR_WEIGHT, SHARPNESS = 0.3, 15.0


def labels(batch: Sequence[tuple[Example, list[int]]], width: int) -> dict[str, Tensor]:
    """Targets: `answer` and `weight` [batch], `support` and `near` [batch, width], -1 unknown."""
    support = torch.full((len(batch), width), -1.0)
    near = torch.full((len(batch), width), -1.0)
    for row, (example, keep) in enumerate(batch):
        if example.alike:
            near[row, : len(keep)] = torch.tensor([example.near[one] for one in keep])
        if example.support is not None:
            support[row, : len(keep)] = torch.tensor([float(example.support[one]) for one in keep])
    return {
        "answer": torch.tensor([example.answer for example, _ in batch]),
        "weight": torch.tensor([example.weight for example, _ in batch]),
        "support": support,
        "near": near,
    }


def loss_of(answer: Tensor, support: Tensor, wanted: dict[str, Tensor], there: Tensor) -> Tensor:
    """Cross-entropy of the answer, of each sentence's support, and of the best sentences in a list.

    Where no sentence is marked, the strongest one must say what the text as a whole says.
    """
    entropy = torch.nn.functional.binary_cross_entropy_with_logits
    total = (entropy(answer, wanted["answer"], reduction="none") * wanted["weight"]).mean()
    known = (wanted["support"] >= 0) & there
    if known.any():
        total = total + SUPPORT_WEIGHT * entropy(support[known], wanted["support"][known])
    gold = (wanted["support"] == 1) & there
    listed = gold.any(-1)
    if listed.any():
        among = support - FAR * (~known)
        picked = (support - FAR * (~gold)).logsumexp(-1) - among.logsumexp(-1)
        total = total - LIST_WEIGHT * picked[listed].mean() * listed.float().mean()
    alike = (wanted["near"] >= 0) & there
    taught = alike.sum(-1) > 1
    if taught.any():
        total = total + NEAR_WEIGHT * _distance(
            support[taught], wanted["near"][taught], alike[taught]
        )
    unknown = ~known.any(-1)
    if unknown.any():
        total = total + SOME_WEIGHT * entropy(support.amax(-1)[unknown], wanted["answer"][unknown])
    return total


def _distance(support: Tensor, near: Tensor, there: Tensor) -> Tensor:
    """How far the order of the sentences by support is from that by similarity, mean over rows.

    The encoder knew what lies near to a question before it was trained; this keeps it so.
    """
    wanted = torch.log_softmax(SHARPNESS * near - FAR * (~there), -1)
    found = torch.log_softmax(support - FAR * (~there), -1)
    return (wanted.exp() * (wanted - found) * there).sum(-1).mean()
