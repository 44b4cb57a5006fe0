"""The comparison of pipelines: who is asked what and when, and what is made of the answers."""

import msgspec
import pytest

from benchmarks.asking import model_time, models
from benchmarks.asking.figures import Figures, Run, medians, ratios, summarize
from benchmarks.asking.growth import grown
from benchmarks.asking.killing import account
from benchmarks.asking.plan import Plan, cells
from benchmarks.asking.program import Outcome
from benchmarks.asking.results import Results
from benchmarks.asking.setup import jinja
from benchmarks.asking.systems import CLASSIC, FLOOR, OURS
from benchmarks.machine import Machine
from tests.model_code import REPOSITORY

QUESTIONS = [f"question {number}" for number in range(90)]
SYSTEMS = ("a", "b", "c")


def test_no_question_comes_twice_and_each_system_begins_once() -> None:
    """A system would answer from what it kept, or always find the machine as another left it."""
    found = list(cells(Plan(loads=(1, 8), rounds=2), QUESTIONS, SYSTEMS))
    asked = [question for cell in found for question in cell.questions]
    assert len(set(asked)) == len(asked) == 2 * (4 + 24)
    assert [cell.order[0] for cell in found] == ["a", "b", "c", "a"]
    assert all(sorted(cell.order) == sorted(SYSTEMS) for cell in found)


def test_a_run_that_is_added_to_another_goes_on_with_its_questions() -> None:
    """The second run's answers would come out of what was kept of the first."""
    whole = list(cells(Plan(loads=(1, 8), rounds=3), QUESTIONS, SYSTEMS))
    rest = list(cells(Plan(loads=(1, 8), rounds=1, done=2), QUESTIONS, SYSTEMS))
    assert rest == whole[4:]


def outcome(asked_s: float, first_s: float, done_s: float, **said: int | str) -> Outcome:
    return msgspec.convert(
        {"asked_s": asked_s, "first_s": first_s, "done_s": done_s, "new_tokens": 64, **said},
        Outcome,
    )


def test_figures_of_answers() -> None:
    """The table would show other figures than those that were measured."""
    answers = [
        outcome(0, 1, 4, prompt_tokens=700),
        outcome(0, 2, 6, prompt="a b c"),
        outcome(4, 5, 10, prompt_tokens=97),
    ]
    found = summarize(answers, cpu_s=12, memory_bytes=5, count=lambda text: len(text.split()))
    assert found.questions_per_s == 3 / 10
    assert (found.p50_s, found.p95_s, found.ttft_p50_s) == (6, 6, 1)
    assert (found.cpu_s, found.prompt_tokens, found.questions) == (4, 800 / 3, 3)


def run(system: str, speed: float, *, clients: int = 8, number: int = 1) -> Run:
    names = dict.fromkeys(Figures.__struct_fields__, 1.0)
    figures = Figures(**{**names, "questions_per_s": speed, "p50_s": 1 / speed})
    return Run(round=number, clients=clients, system=system, figures=figures, busy_others=0.1)


def test_ratios_are_medians_of_what_rounds_gave() -> None:
    """A machine that slows down between rounds would decide who is faster."""
    pairs = [(4, 2), (20, 5), (3, 3)]
    runs = [
        run(name, speed, number=number)
        for number, pair in enumerate(pairs, 1)
        for name, speed in zip((OURS, CLASSIC), pair, strict=True)
    ]
    assert ratios(runs, OURS, CLASSIC) == {"questions_per_s_at_8": 2}
    assert ratios([run(OURS, 4, clients=1), run(CLASSIC, 2, clients=1)], OURS, CLASSIC) == {
        "questions_per_s_at_1": 2,
        "p50_at_1": 0.5,
    }
    assert [row.figures.questions_per_s for row in medians(runs)] == [4, 3]


def results() -> Results:
    runs = [run(name, speed) for name, speed in ((OURS, 0.95), (FLOOR, 1.0), (CLASSIC, 0.38))]
    return Results.of(
        runs,
        idle=None,
        sleeping=None,
        quick=True,
        pair="int8",
        streamed=False,
        killed=[account(OURS, "redis", ["a"], [("a", 1.0)])],
        growth=[grown("generator", {1: 2.0, 2: 3.8, 4: 7.6})],
        chunks=[],
        machine=Machine(cpu="", cores=2, memory_bytes=1, system="", versions={}),
        seconds=1.0,
    )


def test_the_file_has_what_its_readers_look_for() -> None:
    """Whoever checks the goals would find no figure, or another one's."""
    found = results()
    read = msgspec.json.decode(msgspec.json.encode(found))
    assert read["ratios"]["questions_per_s_at_8"] == 2.5
    assert read["plumbing_share_at_8"] == pytest.approx(0.05)
    assert read["plumbing_ms_p50"] is None
    assert msgspec.json.decode(msgspec.json.encode(found), type=Results) == found
    for words in (
        "ragstream over LangChain: questions per s at 8 2.50x",
        "5.0%",
        "1.90x",
        "0 lost",
    ):
        assert words in found.text()


PAGE = """\
# HELP nv_inference_compute_infer_duration_us Cumulative compute inference duration
# TYPE nv_inference_compute_infer_duration_us counter
nv_inference_compute_infer_duration_us{model="embedder",version="1"} 100000
nv_inference_compute_infer_duration_us{model="grader",version="1"} 20000
nv_inference_compute_infer_duration_us{model="generator",version="1"} 999999
# HELP ragstream_generator_prefill_seconds_total Seconds spent on tokens of prompts
# TYPE ragstream_generator_prefill_seconds_total counter
ragstream_generator_prefill_seconds_total{model="generator"} 1.5
# HELP ragstream_generator_decode_seconds_total Seconds spent on tokens of answers
# TYPE ragstream_generator_decode_seconds_total counter
ragstream_generator_decode_seconds_total{model="generator"} 0.25
"""


def test_all_models_times_are_found_on_tritons_page() -> None:
    """What a model computes would be counted as plumbing."""
    assert model_time.total(PAGE) == pytest.approx(0.1 + 0.02 + 1.5 + 0.25)


def test_an_account_of_answers_finds_the_lost_and_the_repeated() -> None:
    """A table without losses could stand for a count that sees none."""
    found = account("x", "y", ["a", "b", "c"], [("a", 1.0), ("b", 1.5), ("a", 4.0)])
    assert (found.asked, found.answered, found.lost, found.twice) == (3, 2, 1, 1)
    assert found.longest_gap_s == 2.5


def test_haystacks_template_is_the_same_prompt() -> None:
    """One system would read another prompt than the others."""
    template = jinja("Read:\n{context}\n\nQuestion: {question}\n")
    assert template.startswith("Read:\n{% for one in documents %}")
    assert template.endswith("\n\nQuestion: {{ question }}\n")


def test_the_floor_has_the_settings_that_triton_has() -> None:
    """What a setting gains or costs would be counted as plumbing."""
    config = (REPOSITORY / "generator" / "config.pbtxt").read_text()
    for name in models.SETTINGS.__dataclass_fields__:
        value = getattr(models.SETTINGS, name)
        assert f'key: "{name}" value {{ string_value: "{value}" }}' in config
    embedder = (REPOSITORY / "embedder" / "config.pbtxt").read_text()
    value = str(models.EMBEDDER_BATCH_TOKENS)
    assert f'key: "batch_tokens" value {{ string_value: "{value}" }}' in embedder
