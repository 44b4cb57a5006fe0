"""Contexts cut to what a CPU can train on, and into numbered passages. Pure."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.sentences import split
from training.grader.texts import is_prose, unwrapped

PIECE_WORDS = 50  # about two sentences: contexts are cut by such pieces
FURNITURE = 0.3  # how often a piece that is no prose is taken, beside one that is
BUDGETS = ((0.7, 90, 160), (0.2, 160, 260), (0.1, 260, 420))  # share, fewest, most words
COUNTS = (1, 1, 1, 2, 3, 4, 4, 4, 5)  # passages of a prompt; one, as callers of the API send it


@dataclass(frozen=True, slots=True)
class Piece:
    """Some sentences that follow each other.

    Attributes:
        text: as it stands in its paragraph.
        opens: whether a paragraph begins with it.
    """

    text: str
    opens: bool


def pieces(context: str) -> list[Piece]:
    """A PDF's text in pieces of whole sentences."""
    found = []
    for line in unwrapped(context).split("\n"):
        texts: list[str] = []
        for sentence in split(line):
            if texts and len(texts[-1].split()) + len(sentence.split()) <= PIECE_WORDS:
                texts[-1] += f" {sentence}"
            else:
                texts.append(sentence)
        found += [Piece(text, not place) for place, text in enumerate(texts)]
    return list(dict.fromkeys(found))


def budget(random_source: random.Random) -> int:
    """Words of a context."""
    draw = random_source.random()
    for share, fewest, most in BUDGETS:
        if draw < share:
            return random_source.randint(fewest, most)
        draw -= share
    return BUDGETS[0][2]


def trimmed(
    of: Sequence[Piece],
    needed: Callable[[Piece], bool],
    words: int,
    random_source: random.Random,
) -> list[Piece]:
    """The needed pieces and as many others as there is room for, in their order.

    Args:
        of: a context.
        needed: whether a piece must stay.
        words: of all together; what is needed may exceed it.
        random_source: draws the others.
    """
    kept = {place for place, piece in enumerate(of) if needed(piece)}
    words -= sum(len(of[place].text.split()) for place in kept)
    others = [place for place in range(len(of)) if place not in kept]
    chance = {
        one: random_source.random() ** (1 if is_prose(of[one].text) else 1 / FURNITURE)
        for one in others
    }
    for place in sorted(others, key=lambda one: -chance[one]):
        cost = len(of[place].text.split())
        if cost <= words:
            kept.add(place)
            words -= cost
    return [of[place] for place in sorted(kept)]


def parted(of: Sequence[Piece], count: int) -> list[str]:
    """Pieces as that many passages of about the same length; fewer if there are fewer pieces."""
    count = min(count, len(of))
    total = sum(len(piece.text) for piece in of)
    found: list[list[Piece]] = [[] for _ in range(count)]
    before = 0
    for piece in of:
        found[min(count - 1, before * count // max(1, total))].append(piece)
        before += len(piece.text)
    return [_joined(part) for part in found if part]


def _joined(of: Sequence[Piece]) -> str:
    text = ""
    for piece in of:
        text += ("\n" if piece.opens else " ") + piece.text if text else piece.text
    return text
