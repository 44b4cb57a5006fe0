"""A reading process: takes documents on stdin, gives their sentences on stdout, within limits.

`python -m services.ingestor.child MEMORY_BYTES CPU_S`. It limits itself before it looks at a
document, and it ends with its input.
"""

import ctypes
import math
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import BinaryIO

from services.ingestor import chunking, jobs
from services.ingestor.text import Source
from shared.errors import DamagedDocument, UnreadableDocument

Read = Callable[[str, bytes], Source]

_PR_SET_PDEATHSIG = 1  # of linux/prctl.h


def serve(read: Read, memory_bytes: int, cpu_s: int) -> None:
    """Read documents until stdin ends.

    Args:
        read: see `reading.read`.
        memory_bytes: address space, this program included.
        cpu_s: seconds of CPU time for each document.
    """
    source, sink = _private_pipes()
    _live_with_parent()
    _limit(memory_bytes)
    _send(sink, jobs.READY)
    _silence()
    try:
        while length := int.from_bytes(source.read(jobs.LENGTH_BYTES), "big"):
            _allow_cpu(cpu_s)
            _send(sink, jobs.frame(_answer(read, jobs.decode_job(source.read(length)))))
    except MemoryError:
        os._exit(jobs.OUT_OF_MEMORY)  # at once: tidying up would want memory, too


def _answer(read: Read, job: jobs.Job) -> jobs.Reply:
    """Read a document and cut it into sentences."""
    try:
        document = read(job.name, job.data)
        units = chunking.units(document)
    except UnreadableDocument as exc:
        return _refusal(exc.code, str(exc))
    except MemoryError:
        raise
    except Exception as exc:  # noqa: BLE001 - as in `read`: no second try can mend the bytes
        return _refusal(DamagedDocument.code, f"{job.name}: {type(exc).__name__}: {exc}")
    return jobs.Reading(
        title=document.title,
        pages=document.pages,
        units=units,
        authors=document.authors,
        doi=document.doi,
        missing=document.missing,
    )


def _refusal(code: str, message: str) -> jobs.Refusal:
    """Refuse a document, in words that every message can carry: half a surrogate pair cannot."""
    return jobs.Refusal(code=code, message=message.encode("utf-8", "replace").decode())


def _private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Take stdin and stdout for ourselves: what a library prints must not get between frames."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return source, sink


def _silence() -> None:
    """Lead stderr nowhere: until now it told the worker why a start failed, now nobody reads it."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)


def _send(sink: BinaryIO, data: bytes) -> None:
    sink.write(data)
    sink.flush()


def _live_with_parent() -> None:
    """Leave ending to the worker: signals to the group are its own, and its death is ours."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _limit(memory_bytes: int) -> None:
    """Bound memory; write no core dumps, which hold documents, and no files at all."""
    for kind, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        resource.setrlimit(kind, (most, most))


def _allow_cpu(cpu_s: int) -> None:
    """Give the next document `cpu_s` seconds of CPU: should the worker be frozen, too, it ends."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = math.ceil(used.ru_utime + used.ru_stime) + cpu_s
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))


if __name__ == "__main__":
    from services.ingestor.reading import read as read_any

    serve(read_any, int(sys.argv[1]), int(sys.argv[2]))
