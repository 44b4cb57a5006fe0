"""Whom our search is compared with: bm25s, FAISS, and LangChain's ensemble with its defaults.

All get the same passages, and those that need vectors the same vectors.
"""

from collections.abc import Callable, Sequence

import bm25s
import faiss
import Stemmer
from langchain_classic.retrievers import EnsembleRetriever
from langchain_community.docstore.in_memory import InMemoryDocstore
from langchain_community.retrievers import BM25Retriever
from langchain_community.vectorstores import FAISS
from langchain_core.documents import Document

from benchmarks.finding.ours import Vectors
from benchmarks.finding.scores import DEPTH

Rankings = list[list[int]]
LookUp = Callable[[str], list[float]]


def bm25s_rankings(passages: Sequence[str], questions: Sequence[str]) -> Rankings:
    """bm25s as its README shows it: English stop words, Snowball stemmer."""
    stemmer = Stemmer.Stemmer("english")
    passage_words, question_words = (
        bm25s.tokenize(list(texts), stopwords="en", stemmer=stemmer, show_progress=False)
        for texts in (passages, questions)
    )
    index = bm25s.BM25()
    index.index(passage_words, show_progress=False)
    found, _ = index.retrieve(question_words, k=DEPTH, show_progress=False)
    return [[int(place) for place in row] for row in found]


def faiss_rankings(vectors: Vectors, questions: Vectors) -> Rankings:
    """The true nearest neighbours, by FAISS."""
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    _, found = index.search(questions, DEPTH)
    return [[int(place) for place in row] for row in found]


def langchain_rankings(
    passages: Sequence[str], vectors: Vectors, questions: Sequence[str], asked: Vectors
) -> Rankings:
    """LangChain's EnsembleRetriever over its BM25 and FAISS, half and half, ten of each."""
    known = dict(zip(questions, asked, strict=True))
    documents = [
        Document(page_content=text, metadata={"place": place})
        for place, text in enumerate(passages)
    ]
    words = BM25Retriever.from_documents(documents, k=DEPTH)
    store = _store(documents, vectors, lambda text: known[text].tolist())
    dense = store.as_retriever(search_kwargs={"k": DEPTH})
    ensemble = EnsembleRetriever(retrievers=[words, dense], weights=[0.5, 0.5])
    return [[found.metadata["place"] for found in ensemble.invoke(q)][:DEPTH] for q in questions]


def _store(documents: Sequence[Document], vectors: Vectors, look_up: LookUp) -> FAISS:
    index = faiss.IndexFlatL2(vectors.shape[1])
    index.add(vectors)
    names = {place: str(place) for place in range(len(documents))}
    docstore = InMemoryDocstore({names[place]: one for place, one in enumerate(documents)})
    return FAISS(look_up, index, docstore, names)
