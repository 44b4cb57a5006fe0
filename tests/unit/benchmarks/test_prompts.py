"""Made prompts: their length, their shape, and that they can be made again."""

from itertools import islice, pairwise

from benchmarks.plan import Plan, cells
from benchmarks.prompts import NEW_TOKENS, PROMPT_TOKENS, Request, requests
from benchmarks.results import OURS, PEER

INSTRUCTION_WORDS = 50  # the prompt's fixed head is about so long


def count(text: str) -> int:
    return len(text.split())


def made(seed: str, wanted: int = 2) -> list[Request]:
    return list(islice(requests(count, seed), wanted))


def test_lengths_are_within_their_bounds() -> None:
    """The load would be another one than the benchmark says."""
    for request in made("lengths", 8):
        assert PROMPT_TOKENS[0] - 40 <= request.prompt_tokens <= PROMPT_TOKENS[1]
        assert request.prompt_tokens == count(request.prompt)
        assert NEW_TOKENS[0] <= request.new_tokens <= NEW_TOKENS[1]


def test_the_same_seed_makes_the_same_requests() -> None:
    """Two systems, or two days, would be measured with different prompts."""
    assert made("one") == made("one")
    assert made("one") != made("another")


def test_prompts_share_their_instruction_and_no_more() -> None:
    """A prefix cache would have more, or less, to reuse than with real questions."""
    prompts = [request.prompt.split() for request in made("a") + made("b")]
    for one, other in pairwise(prompts):
        pairs = zip(one, other, strict=False)
        shared = next(n for n, (left, right) in enumerate(pairs) if left != right)
        assert INSTRUCTION_WORDS - 10 < shared < INSTRUCTION_WORDS + 20


def test_prompts_have_the_real_shape() -> None:
    """The benchmark would measure prompts that the product never sends."""
    text = made("shape", 1)[0].prompt
    assert text.startswith("<|im_start|>user\nAnswer the question from the numbered passages")
    assert "\n\n[2] (page 2) " in text
    assert text.endswith("?\n<|im_end|>\n<|im_start|>assistant\n")


def test_both_systems_take_turns_in_being_first() -> None:
    """Whatever slows the machine down over time would hit the same side in each cell."""
    plan = Plan(
        pairs=("fp32", "int8"),
        clients=(1, 8),
        rounds=3,
        least_requests=2,
        requests_per_client=0.5,
    )
    found = list(cells(plan, count))
    assert len(found) == 12
    assert [cell.order[0] for cell in found].count(OURS) == 6
    assert {cell.order for cell in found} == {(OURS, PEER), (PEER, OURS)}
    by_load = [cell.order for cell in found if (cell.clients, cell.pair) == (8, "int8")]
    assert by_load[0] != by_load[1]


def test_cells_share_no_prompt_but_between_pairs() -> None:
    """A cell would find its passages in the caches of the one before."""
    plan = Plan(
        pairs=("fp32", "int8"), clients=(1, 4), rounds=2, least_requests=3, requests_per_client=1
    )
    seen: dict[str, tuple[int, int]] = {}
    for cell in cells(plan, count):
        for request in (cell.warm_up, *cell.requests):
            place = (cell.round, cell.clients)
            assert seen.setdefault(request.prompt, place) == place
