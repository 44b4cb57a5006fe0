"""The generator as Triton's python backend sees it: wiring alone."""

import json
from pathlib import Path
from typing import Any

import triton_python_backend_utils as pb_utils
from decoder import Decoder
from engine_meters import EngineMeters
from engine_wiring import wired
from generation import Generation, PromptTooLongError
from generator_job import GeneratorJob, read_wishes, send_error
from generator_session import cores
from generator_settings import GeneratorSettings
from prompting import Prompting
from scheduler import QueueFull
from sizing import size
from tokenizers import Tokenizer


class TritonPythonModel:
    """Hands requests to the engine, which answers them from threads of its own."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the model of this folder."""
        settings = GeneratorSettings.read(json.loads(args["model_config"])["parameters"])
        folder = Path(args["model_repository"]) / args["model_version"]
        self._decoder = Decoder(folder, settings.threads or cores(), settings.runs_at_once)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._prompting = Prompting.read(folder, self._tokenizer)
        self._sizes = size(settings, self._decoder.info, on_host=self._decoder.device == "cpu")
        meters = EngineMeters(args["model_name"])
        self._engine = wired(settings, self._decoder, self._sizes, meters)
        self._engine.start()
        pb_utils.Logger.log_info(f"generator: {self._decoder.device}, {settings}, {self._sizes}")

    def execute(self, requests: list[Any]) -> None:
        """Queue requests; answers come through each one's response sender."""
        for request in requests:
            self._accept(request)

    def finalize(self) -> None:
        """Stop its threads; Triton calls this only once every request has its last response."""
        self._engine.close()

    def _accept(self, request: Any) -> None:
        error = pb_utils.TritonError
        try:
            asked = json.loads(request.parameters() or "{}")
            # a caller that says nothing has wrapped its text itself
            job = self._job(request, chat=bool(asked.get("chat")))
            self._engine.submit(job, bulk=asked.get("lane") == "bulk")
        except PromptTooLongError as exc:
            send_error(request.get_response_sender(), str(exc), error.INVALID_ARG)
        except ValueError as exc:  # a stream's errors carry no code, so the words must
            reason = f"invalid_request: {exc}"
            send_error(request.get_response_sender(), reason, error.INVALID_ARG)
        except QueueFull as exc:
            send_error(request.get_response_sender(), str(exc), error.UNAVAILABLE)

    def _job(self, request: Any, *, chat: bool) -> GeneratorJob:
        wishes = read_wishes(request)
        generation = Generation(
            self._tokenizer,
            self._prompting.encode(wishes.text, chat=chat),
            wishes.parameters,
            end_ids=self._decoder.info.end_token_ids,
            room=self._sizes.capacity_tokens,
        )
        return GeneratorJob(request, wishes, generation)
