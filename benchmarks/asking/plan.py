"""How much is asked, by how many at once, and in which order the systems take turns. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LOADS = (1, 4, 8, 16, 32)
QUICK_LOADS = (1, 8)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much to measure.

    Attributes:
        loads: who asks at once.
        rounds: how often everything is repeated.
        least: questions of a cell at least.
        each: questions for each client.
        done: rounds of an earlier run that this one goes on from.
    """

    loads: tuple[int, ...]
    rounds: int
    least: int = 4
    each: float = 3
    done: int = 0

    def questions(self, clients: int) -> int:
        """How many are asked in a cell."""
        return max(self.least, round(clients * self.each))


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One load of one round.

    Attributes:
        round: from 1.
        clients: who ask at once.
        questions: asked of each system.
        order: the systems' names.
    """

    round: int
    clients: int
    questions: Sequence[str]
    order: Sequence[str]


def cells(plan: Plan, questions: Sequence[str], systems: Sequence[str]) -> Iterator[Cell]:
    """Everything to measure, in order; another system begins each time.

    No question comes twice until all have been asked: what a system kept of the first time would
    answer the second.

    Args:
        plan: how much.
        questions: at least as many as the largest cell has.
        systems: names.
    """
    at = plan.done * sum(map(plan.questions, plan.loads))
    turn = plan.done * len(plan.loads)
    for number in range(plan.done + 1, plan.done + plan.rounds + 1):
        for clients in plan.loads:
            count = plan.questions(clients)
            asked = [questions[n % len(questions)] for n in range(at, at + count)]
            first = turn % len(systems)
            yield Cell(
                round=number,
                clients=clients,
                questions=asked,
                order=[*systems[first:], *systems[:first]],
            )
            at, turn = at + count, turn + 1
