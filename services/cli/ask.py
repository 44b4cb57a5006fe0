"""`ragstream ask`: one question, its answer, its citations."""

import asyncio
import uuid
from collections.abc import Awaitable
from contextlib import aclosing
from typing import Any, cast, get_args

import click

from services.cli import exits, render
from services.cli.session import (
    Client,
    Session,
    check_name,
    collection_option,
    data_dir_option,
    json_option,
    pass_session,
)
from shared.messages import Answer, Finished, Profile, Query, Started, Token

# An answer that says `expired` comes a moment after the deadline; it says more than silence.
EXPIRY_GRACE_S = 1.0
PATIENCE_S = 5.0  # silence that nobody wonders about


def _check_question(_ctx: click.Context, _argument: click.Parameter, words: tuple[str, ...]) -> str:
    """Refuse what no worker could answer: it would be told so only after a wait.

    That is an empty question, several words without quotes, and bytes that the terminal's
    encoding does not know, which no message could carry.
    """
    question = " ".join(words)
    try:
        question.encode()
    except UnicodeEncodeError:
        raise click.UsageError("the question is no valid text") from None
    if not question.strip():
        raise click.UsageError('the question is empty: ragstream ask "Which data sets were used?"')
    if len(words) > 1:
        raise click.UsageError(f'put the question in quotes: ragstream ask "{question}"')
    return question


@click.command
@click.argument("question", nargs=-1, callback=_check_question, metavar="QUESTION")
@click.option(
    "--document",
    "documents",
    multiple=True,
    callback=check_name,
    metavar="ID",
    help="Look only in this document; may be given again. `ingest` prints the ids.",
)
@collection_option
@click.option("--stream", is_flag=True, help="Print the answer while it is written.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0.1),
    default=120.0,
    show_default=True,
    metavar="S",
    help="Seconds to wait for the answer.",
)
@click.option(
    "--profile",
    type=click.Choice(get_args(Profile)),
    default="cited",
    show_default=True,
    help="How to answer: `cited`, in the model's words with their sources; `stuff`, by the classic "
    "prompt; `extractive`, in quotes and without a language model; `yes_no`.",
)
@json_option
@data_dir_option
@pass_session
def ask(
    session: Session,
    *,
    question: str,
    documents: tuple[str, ...],
    collection: str,
    stream: bool,
    timeout_s: float,
    profile: Profile,
) -> None:
    """Ask a question and print the answer with its citations.

    It needs a stack that runs, and documents that were ingested. Prints the text, whose [1] lead
    to the quotes below it, each with document, page and section; last how it ended, how far the
    passages support it, and what took how long. Where the documents don't tell, the text is
    "I don't know".

    \b
    Examples:
      ragstream ask "Which data sets were used?"
      ragstream ask --stream "How was rarefaction done?" --document diversity-1a2b3c4d
      ragstream ask --json "Which data sets were used?" | jq -r .text

    \b
    Exit status: 0 answered or abstained, 20 failed, 21 expired or cancelled,
    22 no answer in time, 6 no stack runs, 24 Redis is away.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    if stream and session.json:
        raise click.UsageError("--json prints one object at the end: leave out --stream")
    query = Query(
        id=uuid.uuid4().hex,
        question=question,
        collection=collection,
        document_ids=documents,
        deadline_ms=max(1, round(timeout_s * 1000)),
        stream=stream,
        profile=profile,
    )
    try:
        answer = asyncio.run(_answer(session, query, timeout_s + EXPIRY_GRACE_S))
    except TimeoutError:
        said = f"no answer within {timeout_s:g} s; `ragstream status {query.id}` shows where it is"
        session.fail("no_answer", said, exits.NO_ANSWER)
    if session.json:
        session.show(answer)
    if answer.error:
        session.advise(answer.error.code)
    raise click.exceptions.Exit(exits.of_status(answer.status))


async def _answer(session: Session, query: Query, timeout_s: float) -> Answer:
    async with session.client() as client:
        if session.json:
            return await client.ask(query, timeout_s=timeout_s)
        render.say(f"Q: {query.question}\n")
        if query.stream:
            answer, shown = await _read_along(client, query, timeout_s)
        else:
            answer, shown = await patiently(client.ask(query, timeout_s=timeout_s)), ""
    with_text = not shown or answer.text.strip() != shown.strip()
    if shown and with_text:
        render.say("\nHeld against the passages, the answer is:\n")
    for line in render.answer_lines(answer, with_text=with_text):
        render.say(line)
    return answer


async def patiently(asking: Awaitable[Answer], patience_s: float = PATIENCE_S) -> Answer:
    """Wait for an answer; where it takes long, say so, and how it can be watched."""
    answering = asyncio.ensure_future(asking)
    done, _ = await asyncio.wait({answering}, timeout=patience_s)
    if not done:
        render.tell("still at it; --stream shows the draft while it is written")
    return await answering


async def _read_along(client: Client, query: Query, timeout_s: float) -> tuple[Answer, str]:
    """Print tokens while they come; returns the answer and the text that was printed."""
    shown = ""
    events = client.stream(query, timeout_s=timeout_s)
    async with aclosing(cast("Any", events)):  # a generator, as the protocol cannot say
        async for event in events:
            match event:
                case Started() if shown:
                    render.say("\n\n(a worker died: the answer begins anew)\n")
                    shown = ""
                case Token(text=text):
                    click.echo(render.safe(text), nl=False)
                    shown += text
                case Finished(answer=answer):
                    if shown:
                        click.echo()
                    return answer, shown
    raise TimeoutError
