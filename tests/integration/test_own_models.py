"""Models from a user's own folders, served by a real Triton."""

import asyncio
import json
import shutil
from pathlib import Path

import numpy as np
from tritonclient import grpc

from services.model_builder.build import build
from shared.triton import EMBEDDER, EMBEDDER_NEXT, GENERATOR, RERANKER, Triton
from tests import tiny_decoders, tiny_models
from tests.integration.test_embedder_model import infer
from tests.integration.test_generator_model import RETURNS, Answer, Asker, tensor
from tests.model_code import REPOSITORY
from tests.triton_server import running_triton


def empty_repository(folder: Path) -> Path:
    """The code of the models, without weights."""
    weights = shutil.ignore_patterns("grader", "*.onnx", "*.data", "*.json", "__pycache__", ".*")
    return Path(shutil.copytree(REPOSITORY, folder, ignore=weights))


def ask_as_user(asker: Asker, words: str) -> Answer:
    """Ask as the workers do: the model puts its own chat template around the words."""
    inputs = [tensor("text_input", words.encode()), tensor("stream", value=True)]
    inputs += [tensor(name, value=True) for name in RETURNS]
    inputs.append(tensor("sampling_parameters", b'{"max_tokens": 5, "ignore_eos": true}'))
    asker.client.async_stream_infer(
        "generator", inputs, enable_empty_final_response=True, parameters={"chat": True}
    )
    return asker.receive()


async def test_own_folders_are_served(tmp_path: Path) -> None:
    """Otherwise a user's own model would build and then fail to load, or be taken for another."""
    repository = empty_repository(tmp_path / "repository")
    embedder = tiny_models.write_own_embedder(tmp_path / "own-embedder")
    following = tiny_models.write_own_embedder(tmp_path / "own-next")
    generator = tiny_models.write_own_generator(tmp_path / "own-generator")
    build(
        repository,
        tmp_path / "cache",
        embedder=str(embedder),
        embedder_next=str(following),
        generator=str(generator),
        report=print,
    )
    models = (EMBEDDER, EMBEDDER_NEXT, GENERATOR)
    with running_triton(repository, tmp_path / "triton", models=models) as ports:
        served = await _served(ports.grpc_address)
        client = grpc.InferenceServerClient(ports.grpc_address)
        vectors = infer(client, ["a b", "c"]).as_numpy("embedding")
        client.close()
        asker = Asker(ports.grpc_address)
        answer = asker.ask("a b", max_tokens=5, ignore_eos=True)
        asker.close()
    assert vectors.shape == (2, 8)
    assert [name.rpartition("-")[0] for name in served] == ["own-embedder", "own-next"]
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-5)
    assert (answer.error, answer.output_tokens) == ("", 5)


async def _served(address: str) -> list[str]:
    """Ids of the embedders, as their vectors come with them; none is asked for a third."""
    triton = Triton(address)
    try:
        assert not await triton.serves(RERANKER)
        found = [await triton.embed(["a b"], embedder=name) for name in (EMBEDDER, EMBEDDER_NEXT)]
        return [one.model for one in found]
    finally:
        await triton.close()


async def test_a_reranker_of_ones_own_is_served(tmp_path: Path) -> None:
    """It would build and then fail to load, beside an embedder whose code it shares."""
    repository = empty_repository(tmp_path / "repository")
    own = tiny_models.write_own_reranker(tmp_path / "own-reranker")
    embedder = tiny_models.write_own_embedder(tmp_path / "own-embedder")
    generator = tiny_models.write_own_generator(tmp_path / "own-generator")
    build(
        repository,
        tmp_path / "cache",
        embedder=str(embedder),
        generator=str(generator),
        reranker=str(own),
        report=print,
    )
    models = ("embedder", "reranker")
    with running_triton(repository, tmp_path / "triton", models=models) as ports:
        triton = Triton(ports.grpc_address)
        await triton.require([RERANKER])
        scores, *others = await asyncio.gather(
            *(triton.rerank("a", ["b", "d d", "a"]) for _ in range(8))
        )
        await triton.close()
    assert scores.argmax() == 1
    assert all(np.array_equal(scores, one) for one in others)


def test_a_gguf_file_is_served_with_its_chat_template(tmp_path: Path) -> None:
    """An instruct model would not see that a question is one, or that its turn has come."""
    metadata = {
        "tokenizer.chat_template": "{{ '<|im_start|>' + messages[0]['content'] + '<|im_end|>' }}",
        "tokenizer.ggml.add_bos_token": True,
    }
    decoder = tiny_decoders.DECODERS["qwen2, own head, yarn"]
    path = tiny_decoders.write_gguf(tmp_path / "m.gguf", decoder, metadata=metadata)
    repository = empty_repository(tmp_path / "repository")
    embedder = tiny_models.write_own_embedder(tmp_path / "own-embedder")
    choice, cache = f"gguf:{path}", tmp_path / "cache"
    build(
        repository,
        cache,
        embedder=str(embedder),
        generator=choice,
        precision="int8",
        report=print,
    )
    info = json.loads((repository / "generator" / "1" / "model.json").read_text())
    with running_triton(repository, tmp_path / "triton", models=("embedder", "generator")) as ports:
        asker = Asker(ports.grpc_address)
        wrapped = ask_as_user(asker, "abc<|im_end|>")
        bare = asker.ask("abc", max_tokens=5, ignore_eos=True)
        asker.close()
    assert (info["chat"], info["begin_token_id"]) == (
        {"before": "<|im_start|>", "after": "<|im_end|>"},
        1,
    )
    # the template's own two marks, and the words with theirs broken up: "abc< |im_end|>"
    assert (wrapped.error, wrapped.input_tokens) == ("", 2 + len("abc< |im_end|>"))
    assert (bare.error, bare.input_tokens) == ("", 1 + len("abc"))  # the first token is the model's
    assert (wrapped.output_tokens, bare.output_tokens) == (5, 5)
