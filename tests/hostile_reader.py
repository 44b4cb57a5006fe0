"""A reading process whose "parser" does what a document tells it, as one that was taken over would.

Everything but the parser is the real process: its limits, its frames, its ending.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from services.ingestor.child import serve
from services.ingestor.text import Block, Source

_hoard: list[bytearray] = []


def read(_name: str, data: bytes) -> Source:
    word, _, rest = data.decode().partition(" ")
    found = _ORDERS[word](rest) if word in _ORDERS else None
    return Source(title="t", blocks=[Block(text=found if isinstance(found, str) else "done")])


def _spin(_rest: str) -> None:
    while True:
        pass


def _print(_rest: str) -> None:
    os.write(1, b"noise between the frames")
    os.write(2, b"noise for the log")


def _write_to_worker(data: bytes) -> None:
    """Find the private pipe, as code that runs in this process could."""
    for descriptor in range(3, 16):
        try:
            os.write(descriptor, data)
        except OSError:
            continue
        return


_ORDERS: dict[str, Callable[[str], object]] = {
    "crash": lambda _: os.kill(os.getpid(), signal.SIGSEGV),
    "exit": lambda _: os._exit(3),
    "sleep": lambda _: time.sleep(600),
    "spin": _spin,
    "eat": lambda size: bytearray(int(size)) and None,
    "keep": lambda size: _hoard.append(bytearray(int(size))),
    "long": lambda words: "word. " * int(words),
    "print": _print,
    "write": lambda path: Path(path).write_text("x", "utf-8"),
    "garbage": lambda _: _write_to_worker(b"\0\0\0\0\0\0\0\5hello"),
    "endless": lambda _: _write_to_worker(b"\x7f" + b"\xff" * 7),
    "environ": lambda _: json.dumps(dict(os.environ)),
    "pid": lambda _: str(os.getpid()),
}

if __name__ == "__main__":
    serve(read, int(sys.argv[1]), int(sys.argv[2]))
