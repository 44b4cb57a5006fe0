"""The generator as Triton's python backend sees it: wiring alone."""

import json
import os
from pathlib import Path
from typing import Any

import triton_python_backend_utils as pb_utils
from decoder import Decoder
from generation import PromptTooLongError
from generator_job import GeneratorJob, send_error
from generator_session import thread_count
from prompting import Prompting
from scheduler import QueueFull, Scheduler
from tokenizers import Tokenizer


class TritonPythonModel:
    """Queues requests for one decoder; each is answered by the scheduler's thread."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the model of this folder."""
        settings = json.loads(args["model_config"])["parameters"]
        folder = Path(args["model_repository"]) / args["model_version"]
        threads = thread_count(
            "generator", settings["intra_op_threads"]["string_value"], os.environ
        )
        self._decoder = Decoder(folder, threads)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._prompting = Prompting.read(folder, self._tokenizer)
        self._scheduler = Scheduler(int(settings["max_waiting"]["string_value"]))
        pb_utils.Logger.log_info(f"generator: {self._decoder.device}, {threads} threads")

    def execute(self, requests: list[Any]) -> None:
        """Queue requests; answers come through each one's response sender."""
        for request in requests:
            self._accept(request)

    def finalize(self) -> None:
        """Stop the thread; Triton calls this only once every request has its last response."""
        self._scheduler.close()

    def _accept(self, request: Any) -> None:
        error = pb_utils.TritonError
        try:
            wishes = json.loads(request.parameters() or "{}")
            chat = bool(wishes.get("chat"))  # a caller that says nothing has wrapped its text
            job = GeneratorJob(request, self._decoder, self._tokenizer, self._prompting, chat=chat)
            self._scheduler.submit(job, bulk=wishes.get("lane") == "bulk")
        except PromptTooLongError as exc:
            send_error(request.get_response_sender(), str(exc), error.INVALID_ARG)
        except ValueError as exc:  # a stream's errors carry no code, so the words must
            reason = f"invalid_request: {exc}"
            send_error(request.get_response_sender(), reason, error.INVALID_ARG)
        except QueueFull as exc:
            send_error(request.get_response_sender(), str(exc), error.UNAVAILABLE)
