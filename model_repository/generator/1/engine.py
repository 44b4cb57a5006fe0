"""Runs requests in flight: each turn is one step of the graph, and requests join and leave between.

Only the engine's threads touch the graph, its caches and the answers; others only submit. What
threads share is theirs under a lock; a step's seats, their rows and their answers belong to the
thread that takes it, from `Scheduler.next` to `Scheduler.done`.
"""

import threading
import time
import traceback
from collections.abc import Callable, Sequence

from engine_request import Meters, Run, Task
from prefix_cache import PrefixCache
from rows import Chunk, Logits, Rows
from scheduler import Decode, Prefill, QueueFull, Scheduler, Seat, Waiting

WAITED = "cancelled while it waited"
# To ask whether a caller has gone is a round trip between processes, while the processors wait.
LOOK_EVERY_S = 0.5


class Engine:
    """All requests of one model, and the threads whose turns serve them: one for each step at once.

    Args:
        rows: of the cache.
        scheduler: whose turn it is.
        prefixes: beginnings of prompts that are known.
        meters: told what happens.
        clock: seconds, monotonic.
        look_every_s: between two looks at whether callers of running requests have gone.
    """

    def __init__(
        self,
        rows: Rows,
        scheduler: Scheduler[Run],
        prefixes: PrefixCache,
        meters: Meters,
        clock: Callable[[], float] = time.monotonic,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._rows = rows
        self._scheduler = scheduler
        self._prefixes = prefixes
        self._meters = meters
        self._clock = clock
        self._look_every_s = look_every_s
        self._look_s = 0.0  # when to look next
        self._gone: set[Seat[Run]] = set()  # whose callers have
        self._changed = threading.Condition()
        self._changes = 0
        self._closed = False
        self._refused = 0  # and not yet told
        self._threads = [
            threading.Thread(target=self._loop, name=f"engine-{number}", daemon=True)
            for number in range(scheduler.steps)
        ]

    def start(self) -> None:
        """Serve requests on threads of its own."""
        for thread in self._threads:
            thread.start()

    def submit(self, task: Task, *, bulk: bool = False) -> None:
        """Queue a request, in the lane of bulk ones if it is one.

        Raises:
            QueueFull: too many wait, none of them cancelled.
        """
        run = Run(task, self._clock())
        prompt = len(task.generation.prompt_ids)
        waiting = Waiting(run, prompt, prompt + task.generation.limit)
        with self._changed:
            try:
                self._scheduler.submit(waiting, bulk=bulk)
            except QueueFull:
                if not self._drop_waiting(lambda other: other.task.is_cancelled(), WAITED):
                    self._refused += 1  # told by the next turn
                    raise
                self._scheduler.submit(waiting, bulk=bulk)
            self._tell_threads()

    def close(self) -> None:
        """Drop all requests and end the threads."""
        with self._changed:
            self._closed = True
            self._drop_waiting(lambda _: True, "the server is shutting down")
            self._tell_threads()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        for seat in self._scheduler.seats:
            self._end(seat, lambda run: run.task.drop("the server is shutting down"))

    def turn(self) -> bool:
        """Do one step.

        Returns:
            Whether there was anything to do.
        """
        with self._changed:
            self._drop_cancelled()
            self._compact()
            self._admit()
            step = self._scheduler.next()
        try:
            match step:
                case Prefill():
                    self._guarded(step.seats, lambda: self._prefill(step))
                case Decode():
                    self._guarded(step.seats, lambda: self._decode(step))
        finally:
            with self._changed:
                if step:
                    self._scheduler.done(step)
                    self._tell_threads()
                self._tell_state()
        return step is not None

    def _loop(self) -> None:
        while not self._closed:
            seen = self._changes
            if not self.turn():
                with self._changed:
                    self._changed.wait_for(lambda: self._closed or self._changes != seen)  # noqa: B023 - called within this turn of the loop

    def _tell_threads(self) -> None:
        self._changes += 1
        self._changed.notify_all()

    def _drop_waiting(self, chosen: Callable[[Run], bool], reason: str) -> int:
        dropped = self._scheduler.withdraw(chosen)
        for run in dropped:
            run.task.drop(reason)
        return len(dropped)

    def _drop_cancelled(self) -> None:
        if (now_s := self._clock()) >= self._look_s:
            self._look_s = now_s + self._look_every_s
            self._gone.update(
                seat for seat in self._scheduler.seats if seat.request.task.is_cancelled()
            )
        for seat in [seat for seat in self._gone if not seat.busy]:
            self._gone.remove(seat)
            if self._scheduler.holds(seat):
                self._end(seat, lambda run: run.task.drop("cancelled"))

    def _admit(self) -> None:
        """Seat who can be seated, with what is known of its prompt already in its row."""
        while seat := self._scheduler.admit():
            if seat.request.task.is_cancelled():
                self._end(seat, lambda run: run.task.drop(WAITED))
            elif self._rows.copies:
                self._restore(seat)

    def _restore(self, seat: Seat[Run]) -> None:
        for block in self._prefixes.match(seat.request.task.generation.prompt_ids):
            self._rows.write(seat.row, seat.cached, block)
            seat.cached += block.shape[2]
        self._meters.found_prefix(seat.cached)

    def _prefill(self, step: Prefill[Run]) -> None:
        seat, run = step.seat, step.seat.request
        ids, tokens = run.task.generation.prompt_ids, seat.chunk_stop - seat.cached
        if run.chunk is None:
            chunk_ids = ids[seat.cached : seat.chunk_stop]
            run.chunk = self._rows.start(seat.row, chunk_ids, seat.cached, alone=step.alone)
        parts = min(step.parts, run.chunk.parts_left)
        began = self._clock()
        logits = _pass(run.chunk, parts)
        took = self._clock() - began
        with self._changed:
            self._scheduler.pace.prefilled(tokens, took, parts)
            self._meters.prefilled(0 if logits is None else tokens, took)
            if logits is None:
                return
            run.chunk, seat.cached = None, seat.chunk_stop
            if seat.decodes:
                if self._rows.copies:
                    self._prefixes.keep(ids, lambda a, b: self._rows.read(seat.row, a, b))
                self._meters.first_token(self._clock() - run.began)
        if seat.decodes:
            self._take(seat, logits)

    def _decode(self, step: Decode[Run]) -> None:
        with self._changed:
            held = {seat.row: seat.held for seat in self._scheduler.seats}
        tokens = {seat.row: seat.request.task.generation.last_token for seat in step.seats}
        began = self._clock()
        logits = self._rows.decode(tokens, held, alone=step.alone)
        took = self._clock() - began
        with self._changed:
            self._scheduler.pace.decoded(took)
            self._meters.decoded(len(tokens), took)
        for seat in step.seats:
            seat.cached += 1
            self._guarded([seat], lambda seat=seat: self._take(seat, logits[seat.row]))  # type: ignore[misc] # mypy infers no type for a default

    def _compact(self) -> None:
        while self._rows.copies and (move := self._scheduler.compact()):
            seat, left = move
            self._rows.move(left, seat.row, seat.cached)

    def _take(self, seat: Seat[Run], logits: Logits) -> None:
        piece = seat.request.task.generation.take(logits)
        if piece is None:
            return
        if piece.finish_reason:
            self._end(seat, lambda run: run.task.send(piece))
        else:
            seat.request.task.send(piece)

    def _end(self, seat: Seat[Run], tell: Callable[[Run], None]) -> None:
        with self._changed:  # once it has left, its row is another's
            self._rows.release(seat.row)
            self._scheduler.leave(seat)
            self._tell_threads()
        tell(seat.request)

    def _guarded(self, seats: Sequence[Seat[Run]], work: Callable[[], None]) -> None:
        """Do some seats' work; if it fails, they end and the others go on."""
        try:
            work()
        except Exception as exc:  # noqa: BLE001 - one caller's trouble must not stop the engine
            traceback.print_exc()
            for seat in seats:
                if self._scheduler.holds(seat):
                    self._end(seat, lambda run, exc=exc: run.task.fail(exc))  # type: ignore[misc] # mypy infers no type for a default

    def _tell_state(self) -> None:
        if self._refused:
            self._meters.refused(self._refused)
            self._refused = 0
        seats = self._scheduler.seats
        cached = sum(seat.cached for seat in seats)
        self._meters.state(len(seats), self._scheduler.waiting, cached, self._prefixes.tokens)


def _pass(chunk: Chunk, parts: int) -> Logits | None:
    """Let a chunk pass parts of the model; scores of what comes next if they are the last ones."""
    if parts >= chunk.parts_left:
        scores: Logits = chunk.finish()[0]
        return scores
    for _ in range(parts):
        chunk.advance()
    return None
