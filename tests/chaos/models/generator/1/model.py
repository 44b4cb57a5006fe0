"""A generator without weights: `max_tokens` words, one a step, for all requests side by side."""  # noqa: INP001 - Triton's folders are no packages

import json
import os
import queue
import threading
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

LOOK_EVERY_S = 0.5  # as the generator does
FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL


@dataclass
class Writing:
    """A request that is being answered."""

    sender: Any
    prompt_tokens: int
    left: int
    words: int = 0  # written and not sent yet
    whole: bool = False  # all at the end
    look_s: float = 0.0  # when to ask next whether anybody wants it


class TritonPythonModel:
    """One thread writes a word of every request, then sleeps for a step."""

    def initialize(self, args: dict[str, str]) -> None:
        """Start the thread."""
        settings = json.loads(args["model_config"])["parameters"]
        step_ms = os.environ.get("TOY_STEP_MS") or settings["step_ms"]["string_value"]
        self._step_s = int(step_ms) / 1000
        self._new: queue.SimpleQueue[Writing | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def execute(self, requests: list[Any]) -> None:
        """Queue requests; words come through each one's response sender."""
        for request in requests:
            prompt = _first(request, "text_input")
            limits = json.loads(_first(request, "sampling_parameters"))
            sender = request.get_response_sender()
            words, stream = int(limits["max_tokens"]), bool(_first(request, "stream"))
            self._new.put(Writing(sender, len(prompt.split()), words, whole=not stream))

    def finalize(self) -> None:
        """Stop the thread."""
        self._new.put(None)
        self._thread.join()

    def _write(self) -> None:
        running: list[Writing] = []
        while True:
            if not running or not self._new.empty():
                if (one := self._new.get()) is None:
                    return
                running.append(one)
                continue
            running = [one for one in running if _step(one)]
            time.sleep(self._step_s)


def _step(one: Writing) -> bool:
    """Write a word; False once the request is done or nobody wants it any more."""
    if (now_s := time.monotonic()) >= one.look_s:
        one.look_s = now_s + LOOK_EVERY_S
        if one.sender.is_cancelled():
            one.sender.send(flags=FINAL)
            return False
    one.left, one.words = one.left - 1, one.words + 1
    if one.left <= 0 or not one.whole:
        one.sender.send(_words(one), flags=0 if one.left > 0 else FINAL)
        one.words = 0
    return one.left > 0


def _words(one: Writing) -> Any:
    reason = b"None" if one.left > 0 else b"length"
    tensors = [
        pb_utils.Tensor("text_output", np.array([b"word " * one.words], np.object_)),
        pb_utils.Tensor("finish_reason", np.array([reason], np.object_)),
        pb_utils.Tensor("num_input_tokens", np.array([one.prompt_tokens], np.uint32)),
        pb_utils.Tensor("num_output_tokens", np.array([one.words], np.uint32)),
    ]
    return pb_utils.InferenceResponse(output_tensors=tensors)


def _first(request: Any, name: str) -> Any:
    found: Any = pb_utils.get_input_tensor_by_name(request, name).as_numpy().reshape(-1)[0]
    return found
