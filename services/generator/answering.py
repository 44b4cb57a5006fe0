"""From a question and its passages to what leaves as the answer, through the models in Triton."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from services.generator import evidence, grading, prompt, verdict
from services.generator.evidence import Sentence
from services.generator.grading import Relevance, Scores
from services.generator.quoting import claimed
from services.generator.settings import GeneratorSettings
from services.generator.verdict import Verdict
from shared.messages import Evidence, Hit, Query, Usage
from shared.triton import Triton

Say = Callable[[str], Awaitable[None]]
"""Takes a piece of text while the model writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What became of a question.

    Attributes:
        found: the answer.
        evidence: the passages' sentences that speak for it, best first.
        answerable: see `Answer`.
        usage: tokens of the language model; none if it was not asked.
    """

    found: Verdict
    evidence: tuple[Evidence, ...] = ()
    answerable: float | None = None
    usage: Usage = field(default_factory=Usage)


async def answer(
    query: Query,
    hits: Sequence[Hit],
    *,
    triton: Triton,
    settings: GeneratorSettings,
    writing: Callable[[], Awaitable[Say]],
) -> Answered:
    """Answer a question from its passages.

    Where they do not hold the answer the language model is not asked: it would make one up.

    Args:
        query: what is asked, and how.
        hits: the passages, within the prompt's budget.
        triton: serves embedder, grader and generator.
        settings: thresholds and limits.
        writing: called once the language model begins to write; gives who is told of its text.
    """
    passages, bulk = evidence.sentences(hits), query.priority == "bulk"
    if not passages:
        return Answered(found=verdict.ABSTAINED)
    seen = await grading.relevance(query.question, passages, triton, bulk=bulk)
    found, usage, scores = verdict.ABSTAINED, Usage(), seen.scores
    if seen.answerable >= settings.least_answerable():
        if query.profile == "extractive":
            found = verdict.quotes(passages, hits, seen.scores, settings.rules())
        else:
            text, usage = await _write(query, hits, triton, settings, writing)
            found, scores = await _checked(query, text, passages, hits, seen, triton, settings)
    return Answered(
        found=found,
        evidence=evidence.as_evidence(passages, hits, scores),
        answerable=round(seen.answerable, 4),
        usage=usage,
    )


async def _checked(
    query: Query,
    text: str,
    passages: Sequence[Sentence],
    hits: Sequence[Hit],
    seen: Relevance,
    triton: Triton,
    settings: GeneratorSettings,
) -> tuple[Verdict, Scores]:
    """Hold a model's text against the passages: what leaves, and what each sentence says for it."""
    word, said = verdict.read(query.profile, text)
    scores, rules, bulk = seen.scores, settings.rules(), query.priority == "bulk"
    near, held = np.zeros((len(said or ()), len(passages)), np.float32), evidence.known(hits)
    if said and verdict.could_leave(said, passages, held, rules):
        claims = [claimed(one) for one in said]
        near = await grading.support(claims, passages, seen.vectors, triton, bulk=bulk)
    found = verdict.decide(said, passages, hits, held, scores, near, rules)
    found = verdict.with_verdict(found, word) if word else found
    own = found.status == "answered" and not found.extracted
    # what was not said is no reason to show a sentence
    return found, np.maximum(scores, near.max(axis=0)) if own else scores


async def _write(
    query: Query,
    hits: Sequence[Hit],
    triton: Triton,
    settings: GeneratorSettings,
    writing: Callable[[], Awaitable[Say]],
) -> tuple[str, Usage]:
    context = prompt.context(query.profile, hits)
    text = prompt.render(query.profile, query.question, context)
    pieces, say = [], await writing()
    async for piece in triton.generate(
        prompt.wrap(text, settings.chat_template),
        max_tokens=query.max_tokens or settings.answer_tokens,
        chat=settings.chat_template == "model",
        bulk=query.priority == "bulk",
        whole=not query.stream,
    ):
        pieces.append(piece)
        await say(piece.text)
    usage = Usage(
        prompt_tokens=max((piece.prompt_tokens for piece in pieces), default=0),
        completion_tokens=sum(piece.completion_tokens for piece in pieces),
    )
    return "".join(piece.text for piece in pieces).strip(), usage
