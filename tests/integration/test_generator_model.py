"""The generator that a real Triton serves."""

import json
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from decoder import Decoder
from numpy.typing import NDArray
from rows import SharedRows
from tokenizers import Tokenizer
from tritonclient import grpc

from services.generator.prompt import render
from tests import seeds
from tests.built_models import built_repository
from tests.model_code import DATA
from tests.triton_server import TritonPorts

PROMPTS: list[str] = json.loads((DATA / "model_texts.json").read_text())["prompts"]
HARD_TEXTS: list[str] = json.loads((DATA / "model_texts.json").read_text())["tokenizer"]
REFERENCE = json.loads((DATA / "generations.json").read_text())
SKY = render("cited", "Which colour is the sky?", "[1] The sky is blue.")
ANSWER_WITHIN_S = 60
RETURNS = ("return_finish_reason", "return_num_input_tokens", "return_num_output_tokens")


@dataclass
class Answer:
    """All responses to one request."""

    pieces: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    input_tokens: int = 0
    output_tokens: int = 0
    error: str = ""

    @property
    def text(self) -> str:
        return "".join(self.pieces)


def tensor(name: str, value: bytes | bool) -> grpc.InferInput:  # noqa: FBT001 - a tensor's element
    made = grpc.InferInput(name, [1], "BOOL" if isinstance(value, bool) else "BYTES")
    made.set_data_from_numpy(np.array([value], bool if isinstance(value, bool) else np.object_))
    return made


class Asker:
    """One gRPC stream; answers come in the order of the responses."""

    def __init__(self, address: str) -> None:
        self.client = grpc.InferenceServerClient(address)
        self.responses: queue.Queue[tuple[Any, Any]] = queue.Queue()
        self.client.start_stream(lambda result, error: self.responses.put((result, error)))

    def send(self, prompt: bytes, *, stream: bool = True, **parameters: Any) -> None:
        inputs = [tensor("text_input", prompt), tensor("stream", stream)]
        inputs += [tensor(name, value=True) for name in RETURNS]
        inputs.append(tensor("sampling_parameters", json.dumps(parameters).encode()))
        self.client.async_stream_infer("generator", inputs, enable_empty_final_response=True)

    def receive(self) -> Answer:
        answer = Answer()
        while True:
            result, error = self.responses.get(timeout=ANSWER_WITHIN_S)
            if error is not None:
                answer.error = str(error)
                return answer
            self._add(answer, result)
            if result.get_response().parameters["triton_final_response"].bool_param:
                return answer

    @staticmethod
    def _add(answer: Answer, result: grpc.InferResult) -> None:
        answer.pieces.append(result.as_numpy("text_output")[0].decode())
        answer.reasons.append(result.as_numpy("finish_reason")[0].decode())
        answer.input_tokens = int(result.as_numpy("num_input_tokens")[0])
        answer.output_tokens += int(result.as_numpy("num_output_tokens")[0])

    def ask(self, prompt: str | bytes, *, stream: bool = True, **parameters: Any) -> Answer:
        self.send(
            prompt.encode() if isinstance(prompt, str) else prompt, stream=stream, **parameters
        )
        return self.receive()

    def close(self, *, cancel: bool = False) -> None:
        self.client.stop_stream(cancel_requests=cancel)
        self.client.close()


@pytest.fixture
def asker(triton: TritonPorts) -> Iterator[Asker]:
    asker = Asker(triton.grpc_address)
    yield asker
    asker.close()


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(built_repository() / "generator" / "1" / "tokenizer.json"))


def test_token_ids_are_those_of_llama_cpp(tokenizer: Tokenizer) -> None:
    """Otherwise the model would read other tokens than those it was trained on."""
    encoded = [tokenizer.encode(text, add_special_tokens=False).ids for text in HARD_TEXTS]
    assert encoded == REFERENCE["hard_ids"]


@pytest.mark.parametrize("name", seeds.KNOWN)
def test_token_ids_of_real_prompts_are_those_of_llama_cpp(tokenizer: Tokenizer, name: str) -> None:
    """Otherwise real papers would be read in other tokens than those the model was trained on."""
    ids = tokenizer.encode(seeds.seed(name)["prompt"], add_special_tokens=False).ids
    known = seeds.KNOWN[name]
    assert (len(ids), seeds.digest_ids(ids)) == (known["tokens"], known["ids_sha256"])


@pytest.mark.parametrize("case", range(3))
def test_greedy_tokens_are_those_of_transformers(
    asker: Asker, tokenizer: Tokenizer, case: int
) -> None:
    """Otherwise the graph would not be the model it claims to be."""
    answer = asker.ask(PROMPTS[case], max_tokens=32, min_tokens=32)
    assert answer.text == tokenizer.decode(REFERENCE["greedy"][case])
    assert answer.reasons == ["None"] * (len(answer.pieces) - 1) + ["length"]
    assert answer.output_tokens == 32
    assert answer.input_tokens == len(tokenizer.encode(PROMPTS[case], add_special_tokens=False))
    assert len(answer.pieces) > 20  # it streamed


def test_sequences_of_different_lengths_share_a_run(tokenizer: Tokenizer) -> None:
    """Otherwise batching requests in flight would change answers."""
    decoder = Decoder(built_repository() / "generator" / "1", threads=0)
    rows = SharedRows(decoder, 3, 256)
    held: dict[int, int] = {}
    tokens: list[list[int]] = []
    for row, prompt in enumerate(PROMPTS):
        ids = tokenizer.encode(prompt, add_special_tokens=False).ids
        held[row] = len(ids)
        tokens.append([likeliest(decoder, rows.start(row, ids, 0).finish()[0])])
    assert len(set(held.values())) == 3
    for _ in range(1, 16):
        logits = rows.decode({row: answer[-1] for row, answer in enumerate(tokens)}, held)
        for row, answer in enumerate(tokens):
            held[row] += 1
            answer.append(likeliest(decoder, logits[row]))
    assert tokens == [alone[:16] for alone in REFERENCE["greedy"]]


def likeliest(decoder: Decoder, logits: NDArray[np.float32]) -> int:
    """The likeliest token that does not end the answer, as the references have it."""
    going_on = logits.copy()
    going_on[list(decoder.info.end_token_ids)] = -np.inf
    return int(going_on.argmax())


def test_without_streaming_one_response_holds_all(asker: Asker) -> None:
    """Otherwise simple clients would have to assemble pieces."""
    answer = asker.ask(PROMPTS[2], stream=False, max_tokens=4)
    assert len(answer.pieces) == 1
    assert answer.text.startswith(PROMPTS[2])  # the vLLM backend's default
    assert (answer.reasons, answer.output_tokens) == (["length"], 4)


def test_an_end_token_ends_the_answer(asker: Asker) -> None:
    """Otherwise every answer would run to its longest length."""
    asked = f"<|im_start|>user\n{SKY}<|im_end|>\n<|im_start|>assistant\n"
    answer = asker.ask(asked, max_tokens=100)
    assert answer.reasons[-1] == "stop"
    assert "<|im_end|>" not in answer.text
    assert 0 < answer.output_tokens < 100


def test_a_stop_text_ends_the_answer(asker: Asker) -> None:
    """Otherwise the model's next turn would be shown as its answer."""
    whole = asker.ask(PROMPTS[0], max_tokens=32, ignore_eos=True).text
    stop = whole[40:47]  # crosses tokens
    answer = asker.ask(PROMPTS[0], max_tokens=32, stop=[stop], ignore_eos=True)
    assert answer.text == whole[: whole.index(stop)]
    assert answer.reasons[-1] == "stop"


def test_characters_are_never_split(asker: Asker) -> None:
    """Otherwise a stream would show broken characters."""
    prompt = "Emoji: 😀 😃 😄 😁 😆 Chinese: 深度学习 "
    answer = asker.ask(prompt, max_tokens=48, temperature=1.0, seed=4, ignore_eos=True)
    assert answer.output_tokens == 48
    assert "\ufffd" not in "".join(answer.pieces[:-1])


def test_a_seed_repeats_an_answer(asker: Asker) -> None:
    """Otherwise a drawn answer could never be reproduced."""
    asked = [asker.ask("Once", max_tokens=12, temperature=1.0, seed=s).text for s in (1, 1, 2)]
    assert asked[0] == asked[1] != asked[2]


def test_a_seed_gives_the_same_in_company(triton: TritonPorts, asker: Asker) -> None:
    """Otherwise a drawn answer could be reproduced only on an idle server."""
    drawn: dict[str, Any] = {"max_tokens": 12, "temperature": 1.0, "seed": 7, "ignore_eos": True}
    alone = asker.ask(PROMPTS[1], **drawn).text
    company = [Asker(triton.grpc_address) for _ in range(3)]
    for other in company:
        other.send(PROMPTS[0].encode(), max_tokens=200, temperature=1.0, ignore_eos=True)
        other.responses.get(timeout=ANSWER_WITHIN_S)
    assert asker.ask(PROMPTS[1], **drawn).text == alone
    for other in company:
        other.close(cancel=True)


@pytest.mark.parametrize(
    ("prompt", "parameters", "message"),
    [
        ("hello", {"tempreature": 1}, "invalid_request: sampling parameter tempreature is unknown"),
        (
            "hello",
            {"max_tokens": 0},
            "invalid_request: max_tokens must be an integer of at least 1",
        ),
        ("", {}, "invalid_request: text_input is empty"),
        (b"\xff", {}, "invalid_request: text_input is not UTF-8"),
        (
            "hello " * 9000,
            {},
            "prompt_too_long: the prompt has 9001 tokens and the model's context holds 8192",
        ),
    ],
)
def test_a_bad_request_is_refused_by_name(
    asker: Asker, prompt: str | bytes, parameters: dict[str, Any], message: str
) -> None:
    """Otherwise a worker could not tell a hopeless request from an outage."""
    answer = asker.ask(prompt, **parameters)
    assert answer.error.startswith(message)
    assert asker.ask("hello", max_tokens=1).output_tokens == 1


def test_a_cancelled_request_frees_the_engine(triton: TritonPorts, asker: Asker) -> None:
    """Otherwise a caller that went away would hold everybody up."""
    other = Asker(triton.grpc_address)
    other.send(b"Once upon a time", max_tokens=4000, ignore_eos=True)
    other.responses.get(timeout=ANSWER_WITHIN_S)
    other.close(cancel=True)
    started = time.monotonic()
    assert asker.ask("hello", max_tokens=1).output_tokens == 1
    assert time.monotonic() - started < 10  # 4000 tokens take minutes


def test_more_than_may_wait_are_refused(triton: TritonPorts, asker: Asker) -> None:
    """Otherwise requests would pile up without bound and all time out."""
    crowd = Asker(triton.grpc_address)
    for _ in range(90):
        crowd.send(b"Once", max_tokens=4000, ignore_eos=True)
    errors = {crowd_error(crowd) for _ in range(5)}
    assert errors == {"queue is full: 64 requests wait already"}
    crowd.close(cancel=True)
    assert asker.ask("hello", max_tokens=1).output_tokens == 1


def crowd_error(crowd: Asker) -> str:
    """The next error of a stream, pieces of answers passed over."""
    while True:
        _, error = crowd.responses.get(timeout=ANSWER_WITHIN_S)
        if error is not None:
            return str(error)


def test_two_streams_are_both_answered(triton: TritonPorts, asker: Asker) -> None:
    """Otherwise answers could be mixed up or lost between callers."""
    other = Asker(triton.grpc_address)
    answers: dict[str, Answer] = {}

    def ask(name: str, by: Asker) -> None:
        answers[name] = by.ask(PROMPTS[2], max_tokens=8)

    pairs = (("one", asker), ("other", other))
    threads = [threading.Thread(target=ask, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(ANSWER_WITHIN_S)
    other.close()
    assert answers["one"].text == answers["other"].text != ""
