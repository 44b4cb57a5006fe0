"""`ragstream cancel`: take a question back."""

import asyncio

import click

from services.cli import exits, reach, render
from services.cli.session import Session, data_dir_option, json_option, pass_session
from shared import whereabouts
from shared.errors import RedisRefused


@click.command
@click.argument("query_id")
@json_option
@data_dir_option
@pass_session
def cancel(session: Session, *, query_id: str) -> None:
    """Take a question back. Its answer then says that it was cancelled.

    Work on it stops at its next step, and within a moment where the answer is being written.
    A question that was published without an id has its entry's, as XADD printed it. An id that
    nobody has published is marked all the same, and this says so: it may be on its way.

    \b
    Examples:
      ragstream cancel 5d1f0c6e0b7e4f0a9a7f6f1f8f6f0c11
      ragstream cancel 1795255768324-0
      ragstream cancel --json q-17 | jq .cancelled

    \b
    Exit status: 0 it is marked, and ends at its next step; 28 it was finished already;
    27 there is no trace of it; 6 no stack runs, 24 Redis is away.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    is_marked, is_known = asyncio.run(_cancel(session, query_id))
    if session.json:
        session.show({"query_id": query_id, "cancelled": is_marked, "known": is_known})
    elif not is_marked:
        render.tell(f"nothing to cancel: {query_id} is finished; see `ragstream status {query_id}`")
    elif is_known:
        render.say(f"{query_id} is marked as cancelled")
    else:
        render.tell(f"no trace of {query_id}: it is marked, should it come within a day")
    raise click.exceptions.Exit(_exit(is_marked=is_marked, is_known=is_known))


def _exit(*, is_marked: bool, is_known: bool) -> int:
    if not is_marked:
        return exits.NOT_CANCELLED
    return exits.OK if is_known else exits.UNKNOWN


async def _cancel(session: Session, query_id: str) -> tuple[bool, bool]:
    """Whether it was marked, and whether there is such a query, as far as we may look."""
    async with session.client() as client:
        if not await client.cancel(query_id):
            return False, True
    try:
        async with reach.opened(session) as (redis, names):
            found = await whereabouts.find(redis, names, query_id)
    except RedisRefused:  # a client's user sees no stage
        return True, True
    return True, found.state != "unknown" or bool(found.not_searched)
