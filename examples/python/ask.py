"""Ask a question from Python: `python ask.py QUESTION [COLLECTION]`; see README.md beside it."""

import asyncio
import os
import sys
import time
import uuid
from contextlib import aclosing
from typing import NoReturn

from shared.client import RagstreamClient
from shared.errors import Outage, Overloaded, RagstreamError
from shared.messages import Answer, Finished, Query, Started, Token

TIMEOUT_S = float(os.environ.get("TIMEOUT_S", "120"))
HIGH_WATER = int(os.environ.get("HIGH_WATER", "20000"))
EXITS = {"answered": 0, "abstained": 0, "failed": 20, "expired": 21, "cancelled": 21}


async def ask(client: RagstreamClient, query: Query) -> Answer:
    """Publish the question, show the draft while it is written, return the checked answer."""
    async with aclosing(client.stream(query, timeout_s=TIMEOUT_S)) as events:
        async for event in events:
            match event:
                case Started(attempt=attempt):  # from the second on, the text begins anew
                    tell(f"\n(draft {attempt}) ")
                case Token(text=text):
                    tell(text)
                case Finished(answer=answer):
                    tell("\n")
                    return answer
    raise AssertionError("a stream ends with Finished or raises")


async def ask_when_there_is_room(client: RagstreamClient, query: Query) -> Answer:
    """The same, waiting as long as an overloaded stack asks for."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        try:
            return await ask(client, query)
        except Overloaded as exc:
            if time.monotonic() + exc.retry_after_s > deadline:
                raise
            tell(f"overloaded: again in {exc.retry_after_s:.1f} s\n")
            await asyncio.sleep(exc.retry_after_s)


def show(answer: Answer) -> None:
    """Print the answer and where each statement of it stands."""
    if answer.error:
        tell(f"{answer.status}: {answer.error.message} [{answer.error.code}]\n")
    print(answer.text)
    for one in answer.citations:
        page = f", page {one.page}" if one.page else ""
        print(f'[{one.marker}] {one.title or one.document_id}{page}: "{one.quote}"')


async def main(redis_url: str, question: str, collection: str) -> int:
    """Ask one question; returns what to exit with."""
    query = Query(
        id=uuid.uuid4().hex,  # our own: published twice, it still gets one Answer
        question=question,
        collection=collection,
        deadline_ms=round(TIMEOUT_S * 1000),  # past it nobody works on the question any more
        stream=True,
    )
    client = RagstreamClient(
        redis_url,
        password=os.environ.get("RAGSTREAM_REDIS_PASSWORD", ""),
        namespace=os.environ.get("RAGSTREAM_NAMESPACE", "rag"),
        high_water=HIGH_WATER,
    )
    async with client:
        answer = await ask_when_there_is_room(client, query)
    show(answer)
    return EXITS[answer.status]


def tell(text: str) -> None:
    """Progress goes to stderr, so that stdout holds the answer alone."""
    print(text, end="", file=sys.stderr, flush=True)


def fail(message: object, exit_code: int) -> NoReturn:
    """End with a line for a person and an exit code for a script."""
    tell(f"error: {message}\n")
    sys.exit(exit_code)


if __name__ == "__main__":
    match sys.argv[1:]:
        case [asked, *rest] if asked and len(rest) <= 1:
            pass
        case _:
            fail("usage: python ask.py QUESTION [COLLECTION]", 2)
    if not (url := os.environ.get("RAGSTREAM_REDIS_URL")):
        fail('RAGSTREAM_REDIS_URL is not set; for the local stack: eval "$(ragstream env)"', 2)
    try:
        sys.exit(asyncio.run(main(url, asked, rest[0] if rest else "default")))
    except TimeoutError:
        fail(f"no answer within {TIMEOUT_S:g} s", 22)
    except Overloaded as exc:
        fail(exc, 25)
    except Outage as exc:
        fail(exc, 24)
    except RagstreamError as exc:
        fail(exc, 1)
