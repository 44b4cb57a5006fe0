"""A rolling upgrade: the previous release's workers beside today's, under load."""

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
import redis

from services.cli.part import WORKERS
from shared.messages import Document, Query, decode_answer, encode_json
from shared.streams import DATA, Namespace
from tests import previous
from tests.chaos.servers import MODELS
from tests.redis_server import running_redis
from tests.triton_server import running_triton
from tests.worker_process import WORKER, running_worker

NAMES = Namespace("rag")
# Every stream, with the workers that read it.
READERS = {
    NAMES.documents: "ingestor",
    NAMES.embed: "embedder",
    NAMES.queries: "embedder",
    NAMES.index: "retriever",
    NAMES.retrieve: "retriever",
    NAMES.generate: "generator",
}
QUESTIONS, DOCUMENTS = 20, 1  # published at once
WITHIN_S = 90.0
POLL_S = 0.05


@dataclass
class Site:
    """One Redis and one Triton, and the workers of two releases on them.

    Attributes:
        redis: client.
        variables: settings of all workers.
        folder: for their logs.
        held: ends the workers.
        asked: ids of all questions published so far, `given` those of documents.
    """

    redis: Any
    variables: dict[str, str]
    folder: Path
    held: ExitStack
    asked: list[str] = field(default_factory=list)
    given: list[str] = field(default_factory=list)

    def start(self, release: str, packages: Path | None = None) -> list["Popen[bytes]"]:
        """One worker of each part."""
        return [self._start(part, release, packages) for part in WORKERS]

    def _start(self, part: str, release: str, packages: Path | None) -> "Popen[bytes]":
        name = f"{part}-{release}"
        running = running_worker(
            *WORKER,
            part,
            variables={**self.variables, "RAGSTREAM_CONSUMER": name},
            log=self.folder / f"{name}.log",
            folder=packages,
        )
        return self.held.enter_context(running)

    def publish(self) -> None:
        """A few questions and documents."""
        with self.redis.pipeline(transaction=False) as pipe:
            for _ in range(QUESTIONS):
                self.asked.append(f"q-{len(self.asked)}")
                query = Query(id=self.asked[-1], question="Which tide is high?", max_tokens=3)
                pipe.xadd(NAMES.queries, {DATA: encode_json(query)})
            for _ in range(DOCUMENTS):
                self.given.append(f"d-{len(self.given)}")
                text = f"Spring tides are high. This is tide {len(self.given)}."
                pipe.xadd(
                    NAMES.documents, {DATA: encode_json(Document(id=self.given[-1], text=text))}
                )
            pipe.execute()

    def answers(self) -> Counter[str]:
        """How many answers each question has; each of them a good one."""
        found = [decode_answer(fields[DATA]) for _, fields in self.redis.xrange(NAMES.answers)]
        assert [answer for answer in found if answer.status not in {"answered", "abstained"}] == []
        return Counter(answer.query_id for answer in found)

    def states(self) -> set[bytes | None]:
        """What became of the documents."""
        return {self.redis.hget(NAMES.document(one), "state") for one in self.given}

    def findable(self) -> int:
        """Chunks in the index that today's workers search; each document has one."""
        active = int(self.redis.hget(NAMES.generations, "active"))
        command = ("FT.SEARCH", NAMES.search_index(active), "*", "LIMIT", 0, 0)
        return int(self.redis.execute_command(*command)[0])

    def on_the_way(self) -> int:
        """Questions and documents that are somewhere in the pipeline."""
        return sum(self.redis.xlen(stream) for stream in READERS)

    def shared_by(self, *releases: str) -> bool:
        """Whether in every stage a worker of each release has taken entries."""
        return all(
            self._took(stream, group) == {f"{group}-{release}" for release in releases}
            for stream, group in READERS.items()
        )

    def _took(self, stream: str, group: str) -> set[str]:
        rows = self.redis.xinfo_consumers(stream, group)
        return {row["name"].decode() for row in rows if row["inactive"] >= 0}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as held:
        address = held.enter_context(running_redis(tmp_path / "redis"))
        triton = held.enter_context(running_triton(MODELS, tmp_path / "triton"))
        variables = {
            "RAGSTREAM_REDIS_URL": address.url,
            "RAGSTREAM_TRITON_URL": triton.grpc_address,
        }
        client = held.enter_context(redis.Redis(port=address.port, protocol=2))  # as the workers
        yield Site(client, variables, tmp_path, held)


def until(holds: Callable[[], bool], what: str) -> None:
    """Poll: other processes send no event for this."""
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(POLL_S)


def test_an_upgrade_under_load_loses_nothing(site: Site, tmp_path: Path) -> None:
    """While pods are replaced, questions would be lost, answered twice or buried."""
    old = site.start("old", previous.unpack(tmp_path / "previous"))
    site.redis.xadd(NAMES.documents, {DATA: encode_json(Document(id="d", text="Tides are high."))})
    until(lambda: site.redis.hget(NAMES.document("d"), "state") == b"ingested", "the old ones work")

    def shared() -> bool:
        if site.on_the_way() < QUESTIONS:
            site.publish()
        return site.shared_by("old", "new")

    site.start("new")
    until(shared, "each stage is shared")
    for worker in old:
        site.publish()
        worker.send_signal(signal.SIGTERM)
    assert [worker.wait(WITHIN_S) for worker in old] == [0] * len(WORKERS)
    site.publish()
    until(lambda: site.on_the_way() == 0, "all is done")
    assert site.answers() == dict.fromkeys(site.asked, 1)
    assert site.states() == {b"ingested"}
    assert site.findable() == len(site.given) + 1
    assert not site.redis.exists(NAMES.dead)
