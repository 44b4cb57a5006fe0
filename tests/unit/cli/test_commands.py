"""The commands as a user types them, with a small client in place of a stack."""

import json
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Self

import pytest
from click.testing import CliRunner, Result

from services.cli.connect import Address
from services.cli.main import cli
from services.cli.session import Session
from shared.documents import DocumentState
from shared.errors import EmptyDocument, Overloaded, RedisUnavailable
from shared.messages import (
    Answer,
    Citation,
    ErrorInfo,
    Finished,
    Query,
    Started,
    Status,
    Token,
    TokenEvent,
)

ENVIRON = {"RAGSTREAM_REDIS_URL": "redis://nowhere:1/0"}


class FakeClient:
    """Answers every question with one answer, ingests every document but the empty ones.

    Attributes:
        queries: what was asked.
        names: name of each document that was handed in, by its id.
    """

    def __init__(self, answer: Answer | Exception, events: Iterable[TokenEvent] = ()) -> None:
        self.queries: list[Query] = []
        self.names: dict[str, str] = {}
        self.busy = 0
        self.slow = False
        self.on_its_way = {"waits"}
        self._answer = answer
        self._events = list(events)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        pass

    async def ask(self, query: Query, *, timeout_s: float) -> Answer:
        assert timeout_s > 0
        self.queries.append(query)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    async def stream(self, query: Query, *, timeout_s: float) -> AsyncIterator[TokenEvent]:
        for event in self._events:
            yield event
        yield Finished(answer=await self.ask(query, timeout_s=timeout_s))

    async def ingest(self, data: bytes, *, document_id: str, name: str, collection: str) -> str:
        assert collection
        if self.busy:
            self.busy -= 1
            raise Overloaded("too much", 0.001)
        if name == "away.txt":
            raise RedisUnavailable("Redis is away")
        if not data:
            raise EmptyDocument("0 bytes")
        self.names[document_id] = name
        return document_id

    async def wait_ingested(
        self, document_ids: Iterable[str], *, timeout_s: float
    ) -> AsyncIterator[DocumentState]:
        for document_id in document_ids:
            if self.slow:
                raise TimeoutError(timeout_s)
            bad = self.names[document_id].endswith(".exe")
            code = "unsupported_type" if bad else ""
            state = "failed" if bad else "ingested"
            yield DocumentState(
                document_id,
                state,
                3,
                2,
                "T",
                code,
                "nobody reads it" if bad else "",
                missing="page 2" if self.names[document_id].startswith("torn") else "",
            )

    async def cancel(self, query_id: str) -> bool:
        return query_id in self.on_its_way


def answer(status: Status = "answered", text: str = "Forty [1].") -> Answer:
    citation = Citation(marker=1, document_id="d", title="T\x1b", page=3, chunk_id="c", quote="40")
    failed = ErrorInfo(code="transient", message="m") if status == "failed" else None
    citations = () if failed else (citation,)
    return Answer(query_id="q", status=status, text=text, citations=citations, error=failed)


def run(client: FakeClient, *words: str) -> Result:
    def open_client(_address: Address) -> FakeClient:
        return client

    return CliRunner().invoke(cli, words, obj=Session(environ=ENVIRON, open_client=open_client))


@pytest.mark.parametrize(
    ("status", "code"),
    [("answered", 0), ("abstained", 0), ("failed", 20), ("expired", 21), ("cancelled", 21)],
)
def test_ask_exits_by_the_answers_status(status: Status, code: int) -> None:
    """A script could not tell an answer from a failure."""
    assert run(FakeClient(answer(status)), "ask", "How many?").exit_code == code


def test_ask_prints_question_answer_citations_and_facts() -> None:
    """A person could not check the answer."""
    result = run(FakeClient(answer()), "ask", "How many?")
    expected = ["Q: How many?", "", "Forty [1].", "", '[1] T�, page 3: "40"', ""]
    assert result.stdout.splitlines()[:-1] == expected
    assert "support 0.00" in result.stdout.splitlines()[-1]


def test_a_question_that_is_no_text_is_a_wrong_use() -> None:
    """Bytes of another encoding would end in a traceback."""
    result = run(FakeClient(answer()), "ask", "caf\udce9?")
    assert result.exit_code == 2
    assert "the question is no valid text" in result.stderr


def test_a_collection_that_is_no_text_is_a_wrong_use(tmp_path: Path) -> None:
    """Bytes of another encoding would end in a traceback."""
    (tmp_path / "a.txt").write_text("words")
    words = ("ingest", str(tmp_path / "a.txt"), "--collection", "caf\udce9")
    result = run(FakeClient(answer()), *words)
    assert result.exit_code == 2
    assert "'caf\\udce9': a name has letters" in result.stderr


def test_models_build_says_where_downloads_are_kept() -> None:
    """With a cache folder of one's own set, the help would name another one."""
    said = " ".join(run(FakeClient(answer()), "models", "build", "--help").stdout.split())
    assert "`models` in RAGSTREAM_STACK_CACHE_DIR" in said


def test_ask_takes_scope_profile_and_deadline_along() -> None:
    """A question about one document would be put to all of them."""
    client = FakeClient(answer())
    words = ("--document", "a-1", "--document", "b-2", "--collection", "c", "--profile", "stuff")
    assert run(client, "ask", "Q?", *words, "--timeout", "5").exit_code == 0
    (query,) = client.queries
    assert (query.document_ids, query.collection, query.profile) == (("a-1", "b-2"), "c", "stuff")
    assert query.deadline_ms == 5000
    assert query.id


def test_ask_json_is_one_object_and_nothing_else() -> None:
    """`| jq` would fail on a stray line."""
    result = run(FakeClient(answer()), "ask", "--json", "How many?")
    assert json.loads(result.stdout)["status"] == "answered"
    assert result.stderr == ""


def test_an_error_with_json_is_one_object_too() -> None:
    """A script would have to read words meant for people."""
    result = run(FakeClient(RedisUnavailable("Redis is away")), "ask", "--json", "How many?")
    assert json.loads(result.stdout) == {
        "error": {"code": "redis_unavailable", "message": "Redis is away"}
    }
    assert result.exit_code == 24
    assert result.stderr.startswith("error: Redis is away\nhint: ")


def test_no_answer_in_time_has_its_own_exit_code() -> None:
    """Silence would look like a failure of the question."""
    result = run(FakeClient(TimeoutError()), "ask", "Q?", "--timeout", "3")
    assert result.exit_code == 22
    assert result.stderr.startswith("error: no answer within 3 s; `ragstream status ")


def test_a_streamed_answer_is_printed_once() -> None:
    """The text would stand there twice: as it came, and at the end."""
    events: list[TokenEvent] = [Started(), Token(text="For"), Token(text="ty [1].")]
    result = run(FakeClient(answer(), events), "ask", "--stream", "Q?")
    assert result.stdout.count("Forty [1].") == 1


def test_a_streamed_draft_that_the_check_refused_is_followed_by_the_answer() -> None:
    """A reader would keep the unsupported draft."""
    events: list[TokenEvent] = [
        Started(),
        Token(text="Fifty."),
        Started(attempt=2),
        Token(text="Sixty\x1b."),
    ]
    result = run(FakeClient(answer(), events), "ask", "--stream", "Q?")
    shown = result.stdout
    assert shown.index("Fifty.") < shown.index("anew") < shown.index("Sixty�.")
    assert shown.index("Held against") < shown.index("Forty [1].")


@pytest.mark.parametrize(
    "words",
    [
        ("ask",),
        ("ask", "Q?", "--stream", "--json"),
        ("ask", "Q?", "--document", "not a name"),
        ("ask", "Q?", "--collection", ""),
        ("ingest",),
        ("ingest", "/no/such/file"),
        ("ingest", "/dev/null"),
        ("logs", "postgres"),
        ("worker", "cook"),
        ("status", "--watch", "--json"),
        ("status", "--watch", "q"),
        ("status", ""),
        ("dead", "redrive"),
        ("dead", "redrive", "1-0", "--all"),
        ("dead", "drop", "--all", "--code", "no_text"),
        ("dead", "drop", "--all", "--json"),
        ("dead", "show", "letter"),
        ("fly",),
    ],
)
def test_wrong_usage_exits_with_2(words: tuple[str, ...]) -> None:
    """A typing mistake would be taken for a failure of the stack."""
    assert run(FakeClient(answer()), *words).exit_code == 2


def test_ingest_prints_each_id_and_what_failed(tmp_path: Path) -> None:
    """A user could not ask about one document, nor learn which failed."""
    texts = {"a.txt": "x", "torn.txt": "x", "empty.txt": "", "x.exe": "x"}
    for name, data in texts.items():
        (tmp_path / name).write_text(data)
    client = FakeClient(answer())
    result = run(client, "ingest", str(tmp_path), str(tmp_path / "x.exe"))
    lines = {Path(line.split()[2]).name: line for line in result.stdout.splitlines()}
    assert result.exit_code == 23
    assert lines["a.txt"].startswith("ingested  a-")
    assert lines["a.txt"].endswith("(3 chunks, 2 pages)")
    assert lines["torn.txt"].endswith("(3 chunks, 2 pages)  incomplete: page 2")
    assert lines["empty.txt"].endswith("0 bytes [empty_document]")
    assert lines["x.exe"].endswith("nobody reads it [unsupported_type]")


def test_ingest_json_is_one_object_and_nothing_else(tmp_path: Path) -> None:
    """A progress bar on stdout would break `| jq`."""
    (tmp_path / "a.txt").write_text("x")
    result = run(FakeClient(answer()), "ingest", "--json", str(tmp_path))
    (document,) = json.loads(result.stdout)["documents"]
    assert (document["state"], document["chunks"], result.exit_code) == ("ingested", 3, 0)


def test_ingest_waits_as_long_as_an_overloaded_stack_asks(tmp_path: Path) -> None:
    """A large folder would fail half way because the stack is busy with its first half."""
    (tmp_path / "a.txt").write_text("x")
    client = FakeClient(answer())
    client.busy = 3
    assert run(client, "ingest", str(tmp_path)).exit_code == 0


def test_ingest_says_which_documents_are_not_done_in_time(tmp_path: Path) -> None:
    """A document that still waits would look as if it were ingested, or failed."""
    (tmp_path / "a.txt").write_text("x")
    client = FakeClient(answer())
    client.slow = True
    result = run(client, "ingest", str(tmp_path))
    assert (result.exit_code, result.stdout[:9]) == (22, "waiting  ")
    assert run(client, "ingest", "--no-wait", str(tmp_path)).stdout[:6] == "sent  "


def test_ingest_stops_where_redis_is_away(tmp_path: Path) -> None:
    """300 documents would each fail with the same words."""
    (tmp_path / "away.txt").write_text("x")
    assert run(FakeClient(answer()), "ingest", str(tmp_path)).exit_code == 24


def test_the_size_limit_is_a_setting(tmp_path: Path) -> None:
    """An operator could not allow large documents, or forbid them."""
    (tmp_path / "a.txt").write_text("12345")
    client = FakeClient(answer())
    environ = {**ENVIRON, "RAGSTREAM_INGESTOR_MAX_DOCUMENT_BYTES": "4"}
    session = Session(environ=environ, open_client=lambda _address: client)
    result = CliRunner().invoke(cli, ["ingest", str(tmp_path)], obj=session)
    assert result.exit_code == 23
    assert "document_too_large" in result.stdout
    assert not client.names


def test_cancel_says_when_it_came_too_late() -> None:
    """A script would take an answered query for a cancelled one."""
    result = run(FakeClient(answer()), "cancel", "gone")
    assert result.exit_code == 28
    assert "nothing to cancel" in result.stderr


def test_cancel_json_is_one_object_and_nothing_else() -> None:
    """`| jq` would fail on a stray line."""
    result = run(FakeClient(answer()), "cancel", "gone", "--json")
    assert json.loads(result.stdout) == {"query_id": "gone", "cancelled": False, "known": True}


def test_without_a_stack_the_command_to_start_one_is_named(tmp_path: Path) -> None:
    """A new user would not know what to do first."""
    words = ["ask", "Q?", "--data-dir", str(tmp_path)]
    result = CliRunner().invoke(cli, words, obj=Session(environ={}))
    assert result.exit_code == 6
    assert "ragstream up" in result.stderr


@pytest.mark.parametrize("position", ["before", "after"])
def test_the_data_folder_can_be_named_before_or_after_the_command(
    tmp_path: Path, position: str
) -> None:
    """One of the two places would be ignored without a word."""
    option = ["--data-dir", str(tmp_path / "x")]
    words = [*option, "status"] if position == "before" else ["status", *option]
    result = CliRunner().invoke(cli, words, obj=Session(environ={}))
    assert (result.exit_code, result.stdout) == (
        6,
        f"nothing runs on {tmp_path / 'x'}; `ragstream up --detach` starts it\n",
    )


def test_down_without_a_stack_says_so_and_exits_with_0(tmp_path: Path) -> None:
    """A clean-up script would fail where there is nothing to clean up."""
    result = CliRunner().invoke(cli, ["down", "--data-dir", str(tmp_path)], obj=Session(environ={}))
    assert (result.exit_code, result.stderr) == (0, f"nothing runs on {tmp_path}\n")


COMMANDS = ["up", "down", "status", "console", "logs", "ingest", "ask", "cancel", "worker"]
DEAD = ["dead list", "dead show", "dead redrive", "dead drop"]


@pytest.mark.parametrize("command", COMMANDS + DEAD)
def test_every_help_teaches_by_example(command: str) -> None:
    """A user would have to guess."""
    result = CliRunner().invoke(cli, [*command.split(), "--help"])
    assert "Examples:" in result.stdout
    assert f"ragstream {command}" in result.stdout


def test_names_made_to_mislead_are_shown_harmless_and_ingested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file's name could forge a line of the result, paint the terminal, or pass for an option."""
    bad = ["--json.txt", "a\nfailed  x  y.txt", "\x1b[2Jb.txt", "c\u202etxt.txt"]
    for name in bad:
        (tmp_path / name).write_text("x", "utf-8")
    client = FakeClient(answer())
    result = run(client, "ingest", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert len(result.stdout.splitlines()) == 4
    assert not set("\x1b\u202e") & set(result.output)
    assert sorted(client.names.values()) == sorted(bad)
    monkeypatch.chdir(tmp_path)
    assert run(client, "ingest", "--", "--json.txt").exit_code == 0


def test_an_answers_escape_codes_do_not_reach_the_terminal() -> None:
    """A document could make the terminal show, copy or type what it likes."""
    code = "\x1b]52;c;cm0gLXJmIH4=\x07\x9b2J\u202eh\x7f\x85"
    hostile = answer(text=f"Forty{code} [1].")
    tokens: list[TokenEvent] = [
        Started(),
        Token(text=f"For{code[:3]}"),
        Token(text=f"{code[3:]}ty"),
    ]
    plain = run(FakeClient(hostile), "ask", f"How many{code}?")
    along = run(FakeClient(hostile, tokens), "ask", "--stream", "How many?")
    as_json = run(FakeClient(hostile), "ask", "--json", "How many?")
    for result in (plain, along, as_json):
        assert not set(code[:1] + "\x07\x9b\u202e\x7f\x85") & set(result.output)
    assert json.loads(as_json.stdout)["text"] == hostile.text
