"""Entries in hand: a bounded number is worked on, and none is forgotten when the worker stops."""

import asyncio
from typing import Any

import structlog

from shared.delivery import Delivery, Stage
from shared.streams import Entry
from shared.tasks import ended

log = structlog.get_logger()


class Slots:
    """What one worker has in hand of one stage.

    A claim is kept from the moment its entry was read, not from when work on it begins: an
    entry that waits for its turn must not look abandoned.

    Args:
        delivery: runs the entries.
        stage: where they come from, and how many are worked on at once.
    """

    def __init__(self, delivery: Delivery, stage: Stage[Any]) -> None:
        self._delivery = delivery
        self._stage = stage
        self._free = asyncio.Semaphore(stage.concurrency)
        self._in_hand: dict[str, asyncio.Task[None]] = {}

    async def take(self, entry: Entry) -> None:
        """Take an entry in hand; returns once there is a slot for another one.

        So what is read does not wait here while another worker has a slot for it, unless what a
        dead worker held is claimed meanwhile. Who is cancelled here leaves the entry in hand.
        """
        if entry.id in self._in_hand:  # claimed from ourselves, after a pause of the whole process
            return
        begun = asyncio.Event()
        task = asyncio.create_task(self._work(entry, begun))
        self._in_hand[entry.id] = task
        task.add_done_callback(lambda _: self._in_hand.pop(entry.id))
        await begun.wait()
        async with self._free:
            pass

    async def _work(self, entry: Entry, begun: asyncio.Event) -> None:
        try:
            async with self._delivery.claims.kept(self._stage.group, entry), self._free:
                await self._stage.room()
                begun.set()
                await self._delivery.process(self._stage, entry)
        except asyncio.CancelledError:
            await self._delivery.claims.hand_back(self._stage.group, entry)
            raise
        except Exception:
            # nothing was committed: the entry stays pending and is claimed after its time-out
            log.exception("entry left pending", stream=entry.stream, entry=entry.id)
        finally:
            begun.set()

    async def drain(self, grace_s: float) -> None:
        """Finish what is in hand within `grace_s` seconds, and hand back the rest."""
        tasks = list(self._in_hand.values())
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=grace_s)
        await ended(late)
        log.info("drained", finished=len(tasks) - len(late), handed_back=len(late))
