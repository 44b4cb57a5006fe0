"""The whole way of a question and of a document as one trace, in a collector of the test's own."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

from shared.messages import Answer, decode_answer
from shared.spans import trace_id_of
from tests.collector import Collector, Seen, tree
from tests.running_stack import Stack

LEEWAY_MS = 50  # a busy machine may halt a worker between the two clocks
ASKED = """\
ask
  publish queries
    embedder queries
      queue
      work
        triton embedder
      retriever retrieve
        queue
        work
        generator generate
          queue
          work
            triton embedder
            triton grader
            triton generator"""
CHECKS = {"triton embedder", "triton grader"}  # of what was written, as many as that needs
QUESTION = "Why must samples of different size be made comparable before species are counted?"
INGESTED = """\
publish documents
  ingestor documents
    queue
    work
      triton embedder
    embedder embed
      queue
      work
        triton embedder
      retriever index
        queue
        work"""


def ask(stack: Stack) -> Answer:
    asked = stack.run("ask", "--json", QUESTION)
    assert asked.returncode == 0, asked.stderr
    return decode_answer(asked.stdout.encode())


def under(spans: Sequence[Seen], parent: Seen, name: str) -> float:
    """Milliseconds of the spans of this name below one."""
    return sum(one.took_ms for one in spans if (one.parent_id, one.name) == (parent.span_id, name))


def test_a_question_is_one_trace_through_all_parts(stack: Stack, collector: Collector) -> None:
    """Nobody could tell in which part a slow question lost its time."""
    answer = ask(stack)
    spans = collector.wait(trace_id_of(answer.traceparent) or "", "ask", "generator generate")
    seen, asked = tree(spans), ASKED.splitlines()
    assert seen[: len(asked)] == asked
    assert {line.strip() for line in seen[len(asked) :]} <= CHECKS
    parts = {span.name: span.part for span in spans if " " in span.name or span.name == "ask"}
    assert parts["ask"] == parts["publish queries"] == "client"
    assert parts["triton generator"] == parts["generator generate"] == "generator"
    assert {"embedder", "retriever"} < set(parts.values())
    [written] = [span for span in spans if span.name == "triton generator"]
    assert written.events == ("first piece",)


def test_a_trace_adds_up_to_the_timings_of_its_answer(stack: Stack, collector: Collector) -> None:
    """A trace and an Answer that name different times for the same thing: which one lies?"""
    answer = ask(stack)
    spans = collector.wait(trace_id_of(answer.traceparent) or "", "generator generate")
    stages = {span.part: span for span in spans if span.name.startswith(f"{span.part} ")}
    assert set(answer.timings_ms) == set(stages)
    told = seen = 0.0
    for part, timing in answer.timings_ms.items():
        queue_ms, work_ms = (under(spans, stages[part], name) for name in ("queue", "work"))
        assert abs(queue_ms - timing.queue) < max(LEEWAY_MS, 0.05 * timing.queue), part
        assert abs(work_ms - timing.work) < max(LEEWAY_MS, 0.05 * timing.work), part
        told += timing.queue + timing.work
        seen += queue_ms + work_ms
    assert abs(seen - told) < 0.05 * told


def test_a_document_is_one_trace_through_all_parts(
    stack: Stack, collector: Collector, tmp_path: Path
) -> None:
    """Nobody could tell why a document takes so long to be found."""
    (tmp_path / "moss.txt").write_text("Mosses grow on the north side.", "utf-8")
    assert stack.run("ingest", str(tmp_path / "moss.txt"), "--wait").returncode == 0
    last = [span for span in collector.spans if span.name == "publish documents"][-1]
    spans = collector.wait(last.trace_id, "retriever index", "embedder embed")
    assert "\n".join(tree(spans)) == INGESTED


def test_log_lines_of_a_traced_question_name_its_trace(stack: Stack) -> None:
    """From a line in the log nobody would find the way to the trace, or back."""
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    query = {"question": " ", "traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}
    with stack.redis() as redis:
        redis.xadd("rag:queries", {"__data__": json.dumps(query)})
    deadline = time.monotonic() + 20
    while trace_id not in stack.run("logs", "embedder").stdout:
        assert time.monotonic() < deadline
