"""What a run of the generation benchmark measures, and in which order."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from benchmarks.prompts import NEW_TOKENS, PROMPT_TOKENS, Request, requests
from benchmarks.results import OURS, PEER
from services.model_builder.info import Precision

SEED = "ragstream"
CONTEXT_TOKENS = PROMPT_TOKENS[1] + NEW_TOKENS[1]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much to measure.

    Attributes:
        pairs: precisions to compare, by our names.
        clients: loads to compare under.
        rounds: how often everything is repeated.
        least_requests: of a cell.
        requests_per_client: of a cell with many clients.
    """

    pairs: tuple[Precision, ...]
    clients: tuple[int, ...]
    rounds: int
    least_requests: int
    requests_per_client: float

    def requests(self, clients: int) -> int:
        """How many requests a cell has."""
        return max(self.least_requests, round(clients * self.requests_per_client))


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One load of one round.

    Attributes:
        round: from 1.
        pair: of the plan.
        clients: of the plan.
        warm_up: what each system is asked first, unmeasured.
        requests: what both systems are asked, in this order.
        order: the systems, the first one first.
    """

    round: int
    pair: Precision
    clients: int
    warm_up: Request
    requests: Sequence[Request]
    order: tuple[str, str]


def cells(plan: Plan, count_tokens: Callable[[str], int]) -> Iterator[Cell]:
    """Everything to measure, in order; who comes first changes from cell to cell.

    Args:
        plan: how much.
        count_tokens: the model's tokenizer.
    """
    for number in range(1, plan.rounds + 1):
        for place, clients in enumerate(plan.clients):
            fresh = requests(count_tokens, f"{SEED}/{number}/{clients}")
            warm_up, *wanted = islice(fresh, 1 + plan.requests(clients))
            for pair_place, pair in enumerate(plan.pairs):
                ours_first = (number + place + pair_place) % 2 == 1
                yield Cell(
                    round=number,
                    pair=pair,
                    clients=clients,
                    warm_up=warm_up,
                    requests=wanted,
                    order=(OURS, PEER) if ours_first else (PEER, OURS),
                )
