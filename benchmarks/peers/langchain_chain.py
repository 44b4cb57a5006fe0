"""The classic: LangChain's RetrievalQA over FAISS and sentence-transformers, with llama.cpp.

    PYTHON langchain_chain.py SETUP.json

Runs in an environment of its own (locks/bench-pipeline.txt) and imports nothing of this project
but the loop beside it. Without `server` in its setup the model runs inside this process, as
LangChain's own page for llama.cpp shows it; it can serve one at a time there, so a lock keeps
threads apart. With `server` it is asked for through OpenAI's API.
"""

import json
import sys
import threading
from pathlib import Path
from typing import Any

import asked
from langchain_classic.chains.retrieval_qa.base import RetrievalQA
from langchain_community.llms import LlamaCpp
from langchain_community.vectorstores import FAISS
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import FakeListLLM
from langchain_core.prompts import PromptTemplate
from langchain_huggingface import HuggingFaceEmbeddings
from langchain_openai import OpenAI

_NEVER = -1e9
_ONE_AT_A_TIME = threading.Lock()


class EndlessLlama(LlamaCpp):  # type: ignore[misc]  # LangChain is not where mypy looks
    """LlamaCpp that never ends by itself, so that all systems write the same number of tokens."""

    end_token_ids: list[int]

    @property
    def _default_params(self) -> dict[str, Any]:
        bias = dict.fromkeys(self.end_token_ids, _NEVER)
        return {**super()._default_params, "logit_bias": bias}

    def _call(self, *args: Any, **kwargs: Any) -> str:
        with _ONE_AT_A_TIME:
            return str(super()._call(*args, **kwargs))


class Watch(BaseCallbackHandler):  # type: ignore[misc]  # as above
    """Sees the prompt and the tokens of one question."""

    def __init__(self, first: asked.First) -> None:
        self._first = first
        self.said = asked.Said(new_tokens=0)

    def on_llm_start(self, serialized: Any, prompts: list[str], **_: Any) -> None:
        """The prompt is filled."""
        del serialized
        self.said["prompt"] = prompts[0]

    def on_llm_new_token(self, token: str, **_: Any) -> None:
        """A piece of the answer came; the last one is empty."""
        if token:
            self._first()
            self.said["new_tokens"] += 1


def model(setup: dict[str, Any]) -> Any:
    """The language model."""
    if "toy_s" in setup:  # a model that only takes its time
        return FakeListLLM(responses=["word"], sleep=setup["toy_s"])
    common = {"max_tokens": setup["new_tokens"], "temperature": 0.0, "streaming": setup["stream"]}
    if setup.get("server"):
        return OpenAI(
            base_url=f"{setup['server']}/v1",
            api_key="none",
            model="llama.cpp",
            extra_body={"ignore_eos": True},
            max_retries=0,
            timeout=None,
            **common,
        )
    return EndlessLlama(
        model_path=setup["gguf"],
        end_token_ids=setup["end_token_ids"],
        n_ctx=setup["context_tokens"],
        n_batch=512,  # llama.cpp's own default; LangChain's is 8
        n_threads=setup["threads"],
        top_p=1.0,
        top_k=1,
        repeat_penalty=1.0,
        verbose=False,
        **common,
    )


def main(setup_file: str) -> None:
    """Index the texts, then answer."""
    setup = json.loads(Path(setup_file).read_bytes())
    embeddings = HuggingFaceEmbeddings(
        model_name=setup["embedder"], encode_kwargs={"normalize_embeddings": True}
    )
    store = FAISS.from_texts(setup["texts"], embeddings)
    chain = RetrievalQA.from_chain_type(
        llm=model(setup),
        chain_type="stuff",
        retriever=store.as_retriever(search_kwargs={"k": setup["top_k"]}),
        chain_type_kwargs={"prompt": PromptTemplate.from_template(setup["prompt"])},
    )

    def ask(question: str, first: asked.First) -> asked.Said:
        watch = Watch(first)
        chain.invoke({"query": question}, config={"callbacks": [watch]})
        return watch.said

    asked.serve_threads(ask)


if __name__ == "__main__":
    main(*sys.argv[1:])
