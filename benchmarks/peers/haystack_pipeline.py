"""Haystack: text embedder, in-memory retriever, prompt builder and chat generator as a pipeline.

    PYTHON haystack_pipeline.py SETUP.json

Runs in an environment of its own (locks/bench-pipeline.txt) and imports nothing of this project
but the loop beside it. The model is llama.cpp's server, asked through OpenAI's API; it puts its
chat template around the prompt by itself.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

import asked
from haystack import Document, Pipeline, component
from haystack.components.builders import ChatPromptBuilder
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.components.retrievers import InMemoryEmbeddingRetriever
from haystack.dataclasses import ChatMessage
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.utils import Secret
from haystack_integrations.components.embedders.sentence_transformers import (
    SentenceTransformersDocumentEmbedder,
    SentenceTransformersTextEmbedder,
)


@component
class Toy:
    """A model that only takes its time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    @component.output_types(replies=list[ChatMessage])  # type: ignore[untyped-decorator]  # Haystack is not where mypy looks
    def run(
        self, messages: list[ChatMessage], streaming_callback: Callable[[Any], None] | None = None
    ) -> dict[str, list[ChatMessage]]:
        """Say a word."""
        del messages, streaming_callback
        time.sleep(self._seconds)
        return {"replies": [ChatMessage.from_assistant("word")]}


def model(setup: dict[str, Any]) -> Any:
    """The language model."""
    if "toy_s" in setup:
        return Toy(setup["toy_s"])
    return OpenAIChatGenerator(
        api_key=Secret.from_token("none"),
        model="llama.cpp",
        api_base_url=f"{setup['server']}/v1",
        generation_kwargs={
            "max_tokens": setup["new_tokens"],
            "temperature": 0.0,
            "extra_body": {"ignore_eos": True},
        },
        timeout=3600.0,
        max_retries=0,
    )


def built(setup: dict[str, Any]) -> Pipeline:
    """The pipeline over the texts, indexed."""
    store = InMemoryDocumentStore(embedding_similarity_function="dot_product")
    how = {"model": setup["embedder"], "normalize_embeddings": True, "progress_bar": False}
    documents = SentenceTransformersDocumentEmbedder(**how)
    documents.warm_up()
    texts = [Document(content=text) for text in setup["texts"]]
    store.write_documents(documents.run(texts)["documents"])
    pipeline = Pipeline()
    pipeline.add_component("embedder", SentenceTransformersTextEmbedder(**how))
    retriever = InMemoryEmbeddingRetriever(store, top_k=setup["top_k"])
    pipeline.add_component("retriever", retriever)
    prompt = ChatPromptBuilder([ChatMessage.from_user(setup["jinja_prompt"])])
    pipeline.add_component("prompt", prompt)
    pipeline.add_component("generator", model(setup))
    pipeline.connect("embedder.embedding", "retriever.query_embedding")
    pipeline.connect("retriever.documents", "prompt.documents")
    pipeline.connect("prompt.prompt", "generator.messages")
    return pipeline


def main(setup_file: str) -> None:
    """Index the texts, then answer."""
    setup = json.loads(Path(setup_file).read_bytes())
    pipeline = built(setup)

    def ask(question: str, first: asked.First) -> asked.Said:
        tokens = 0

        def on_token(chunk: Any) -> None:
            nonlocal tokens
            if chunk.content:
                first()
                tokens += 1

        found = pipeline.run(
            {
                "embedder": {"text": question},
                "prompt": {"question": question},
                "generator": {"streaming_callback": on_token if setup["stream"] else None},
            },
            include_outputs_from={"prompt"},
        )
        return {"prompt": found["prompt"]["prompt"][0].text, "new_tokens": tokens}

    asked.serve_threads(ask)


if __name__ == "__main__":
    main(*sys.argv[1:])
