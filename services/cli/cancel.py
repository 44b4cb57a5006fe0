"""`ragstream cancel`: take a question back."""

import asyncio

import click

from services.cli import exits, render
from services.cli.session import Session, data_dir_option, json_option, pass_session


@click.command(short_help="Take a question back.")
@click.argument("query_id")
@json_option
@data_dir_option
@pass_session
def cancel(session: Session, *, query_id: str) -> None:
    """Take a question back. Its answer then says that it was cancelled.

    Work on it stops at its next step, and within a moment where the answer is being written.
    A question that was published without an id has its entry's, as XADD printed it. The id is
    marked, whether or not anybody has published it: see `ragstream status QUERY_ID`.

    \b
    Examples:
      ragstream cancel 5d1f0c6e0b7e4f0a9a7f6f1f8f6f0c11
      ragstream cancel 1795255768324-0
      ragstream cancel --json q-17 | jq .cancelled

    \b
    Exit status: 0 it is marked, and ends at its next step; 28 it was finished already;
    6 no stack runs, 24 Redis is away.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    was_on_its_way = asyncio.run(_cancel(session, query_id))
    if session.json:
        session.show({"query_id": query_id, "cancelled": was_on_its_way})
    elif was_on_its_way:
        render.say(f"{query_id} is marked as cancelled")
    else:
        render.tell(f"nothing to cancel: {query_id} is finished; see `ragstream status {query_id}`")
    raise click.exceptions.Exit(exits.OK if was_on_its_way else exits.NOT_CANCELLED)


async def _cancel(session: Session, query_id: str) -> bool:
    async with session.client() as client:
        return await client.cancel(query_id)
