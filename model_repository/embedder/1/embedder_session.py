"""Opens a graph in ONNX Runtime: CUDA where there is one, else every core this process may use.

The generator has the same code: a model's folder stands alone, whatever else is installed.
"""

import os
from functools import cache
from pathlib import Path
from typing import Any

import onnxruntime as ort

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"
ERRORS_ONLY = 3
QUOTA = Path("/sys/fs/cgroup/cpu.max")  # cgroup v2: "max 100000" or "200000 100000"


def cores(quota: Path = QUOTA) -> int:
    """Cores this process may use: its affinity or its container's quota, whichever is less."""
    allowed = len(os.sched_getaffinity(0))
    try:
        limit, period = quota.read_text().split()
        allowed = min(allowed, max(1, int(limit) // int(period)))
    except (OSError, ValueError):
        pass  # no quota: no such file, or it says "max"
    return allowed


def open_session(path: Path, threads: int) -> Any:
    """An `InferenceSession` of a graph.

    Args:
        path: the graph's file.
        threads: of one run, on the CPU.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = ERRORS_ONLY
    # Two models and their workers share the cores; spinning threads gained nothing when measured.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    _share_arena()
    options.add_session_config_entry("session.use_env_allocators", "1")
    available = ort.get_available_providers()
    providers = [CUDA, CPU] if CUDA in available else [CPU]
    return ort.InferenceSession(str(path), options, providers=providers)


@cache
def _share_arena() -> None:
    """Let all sessions of this process use one arena.

    With one each, every graph of a model would keep the memory of its own largest run.
    """
    kind = ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR
    ort.create_and_register_allocator(
        ort.OrtMemoryInfo("Cpu", kind, 0, ort.OrtMemType.DEFAULT), None
    )
