"""A pack as one sequence: the context once, behind it each question as a branch of its own.

A branch sees the context and itself, and its positions go on where the context ends, so it reads
as if it stood alone: several questions cost little more than one.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch

from services.model_builder.info import ChatTurn
from training.reader.packs import Asked, Pack, rendered, shared_part
from training.reader.targets import dont_know

END = "<|im_end|>"
FIRST = 0.4  # part of a branch's loss that the first word has, which decides whether to answer
LAST, LAST_TOKENS = 0.2, 5  # part of the answer's end, which names the passage


@dataclass(frozen=True, slots=True)
class Packed:
    """A pack in tokens.

    Attributes:
        ids: all tokens, [n].
        positions: of each, [n].
        mask: whether a token sees another, [n, n].
        places: of the tokens that foretell an answer's, [m].
        targets: the answers' tokens, [m].
        weights: of each in the loss, [m]; those of a branch sum to 1.
        firsts: of each branch, the place in `targets` of its first.
        known: of each branch, whether there is an answer.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    mask: torch.Tensor
    places: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor
    firsts: list[int]
    known: list[bool]

    def to(self, device: str) -> "Packed":
        """The same on a device."""
        tensors = ("ids", "positions", "mask", "places", "targets", "weights")
        return replace(self, **{name: getattr(self, name).to(device) for name in tensors})


def packed(pack: Pack, tokenizer: Any, chat: ChatTurn) -> Packed:
    """Lay a pack out."""
    shared = chat.before + shared_part(pack.passages)
    trunk = _ids(tokenizer, shared)
    branches = [_branch(one, pack, shared, tokenizer, chat) for one in pack.asked]
    ids, positions = list(trunk), list(range(len(trunk)))
    places: list[int] = []
    targets: list[int] = []
    weights: list[float] = []
    firsts = []
    total = len(trunk) + sum(len(before) + len(answer) - 1 for before, answer in branches)
    mask = torch.zeros(total, total, dtype=torch.bool)
    mask[:, : len(trunk)] = True
    mask[: len(trunk), : len(trunk)] = torch.ones(len(trunk), len(trunk)).tril().bool()
    for before, answer in branches:
        start, branch = len(ids), before + answer[:-1]
        stop = start + len(branch)
        mask[start:stop, start:stop] = torch.ones(len(branch), len(branch)).tril().bool()
        ids += branch
        positions += range(len(trunk), len(trunk) + len(branch))
        firsts.append(len(targets))
        places += range(start + len(before) - 1, stop)
        targets += answer
        weights += weighed(len(answer))
    return Packed(
        ids=torch.tensor(ids),
        positions=torch.tensor(positions),
        mask=mask,
        places=torch.tensor(places),
        targets=torch.tensor(targets),
        weights=torch.tensor(weights),
        firsts=firsts,
        known=[one.answer != dont_know() for one in pack.asked],
    )


def weighed(tokens: int) -> list[float]:
    """The part of a branch's loss that each of its answer's tokens has; they sum to 1."""
    end = min(tokens, LAST_TOKENS)
    weights = [(1 - FIRST - LAST) / tokens] * tokens
    weights[0] += FIRST
    for place in range(tokens - end, tokens):
        weights[place] += LAST / end
    return weights


def _branch(
    asked: Asked, pack: Pack, shared: str, tokenizer: Any, chat: ChatTurn
) -> tuple[list[int], list[int]]:
    """What follows the shared part up to the model's turn, and that turn."""
    prompt = chat.before + rendered(pack.passages, asked.question) + chat.after
    return _ids(tokenizer, prompt[len(shared) :]), _ids(tokenizer, asked.answer + END)


def _ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer.encode(text, add_special_tokens=False).ids)


def loss_of(model: Any, one: Packed, lean: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean loss of a pack's branches, and the tokens that were foretold, [m].

    Args:
        model: with its adapters.
        one: the pack.
        lean: weight of an answer's first word beside that of "I don't know", of which there are
            more.
    """
    weights = one.weights.clone()
    answers = [first for first, known in zip(one.firsts, one.known, strict=True) if known]
    weights[answers] += FIRST * (lean - 1)
    hidden = model.model(
        input_ids=one.ids[None],
        position_ids=one.positions[None],
        attention_mask=one.mask[None, None],
        use_cache=False,
    ).last_hidden_state[0, one.places]
    logits = model.lm_head(hidden)
    losses = torch.nn.functional.cross_entropy(logits, one.targets, reduction="none")
    return (losses * weights).sum() / weights.sum(), logits.detach().argmax(-1)
