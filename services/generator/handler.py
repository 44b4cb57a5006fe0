"""What the generator does: prompt, tokens, and an answer held against its evidence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from services.generator import evidence, prompt, verdict
from services.generator.citations import without_markers
from services.generator.settings import GeneratorSettings
from services.generator.tokens import TokenStream
from shared.answers import Endings
from shared.messages import Answer, Evidence, Generate, Hit, Query, Usage
from shared.streams import Effect, Entry
from shared.timing import Stopwatch
from shared.triton import GENERATOR, Triton
from shared.wanted import Wanted


@dataclass(frozen=True, slots=True)
class Written:
    """What the model wrote and what it cost."""

    text: str = ""
    usage: Usage = field(default_factory=Usage)


async def generate(
    entry: Entry,
    message: Generate,
    *,
    triton: Triton,
    tokens: Callable[[Query], TokenStream],
    endings: Endings,
    wanted: Wanted,
    settings: GeneratorSettings,
) -> list[Effect]:
    """Answer a question from its passages, and end the query with that."""
    watch, query = Stopwatch(entry), message.query
    await wanted.check(query, message.accepted_ms)
    hits = prompt.fit(message.hits, settings.prompt_tokens)
    passages = evidence.sentences(hits)
    written = Written()
    if passages:
        stream = tokens(query)
        await stream.start(entry.deliveries)
        async with wanted.during(query, message.accepted_ms):
            written = await _write(query, hits, triton, stream, settings)
    found, proof = await _judge(query, written.text, passages, hits, triton, settings)
    return endings.finish(
        Answer(
            query_id=query.id,
            status=found.status,
            text=found.text,
            citations=found.citations,
            evidence=proof,
            support=found.support,
            extracted=found.extracted,
            usage=written.usage,
            timings_ms={**message.timings_ms, "generator": watch.read()},
            models={**message.models, "generator": GENERATOR},
            attempt=entry.deliveries,
            metadata=query.metadata,
            traceparent=query.traceparent,
        )
    )


async def _write(
    query: Query,
    hits: Sequence[Hit],
    triton: Triton,
    stream: TokenStream,
    settings: GeneratorSettings,
) -> Written:
    context = prompt.context(query.profile, hits)
    text = prompt.render(query.profile, query.question, context)
    pieces = []
    asked = triton.generate(
        prompt.wrap(text, settings.chat_template),
        max_tokens=query.max_tokens or settings.answer_tokens,
        chat=settings.chat_template == "model",
        bulk=query.priority == "bulk",
    )
    async for piece in asked:
        pieces.append(piece)
        await stream.add(piece.text)
    usage = Usage(
        prompt_tokens=max((piece.prompt_tokens for piece in pieces), default=0),
        completion_tokens=sum(piece.completion_tokens for piece in pieces),
    )
    return Written("".join(piece.text for piece in pieces).strip(), usage)


async def _judge(
    query: Query,
    text: str,
    passages: Sequence[evidence.Sentence],
    hits: Sequence[Hit],
    triton: Triton,
    settings: GeneratorSettings,
) -> tuple[verdict.Verdict, tuple[Evidence, ...]]:
    """Hold the text against the passages; without passages there is nothing to know."""
    if not passages:
        return verdict.ABSTAINED, ()
    answer = verdict.answer_sentences(text)
    embedded = await triton.embed(
        [query.question, *map(without_markers, answer or ()), *(one.text for one in passages)],
        bulk=query.priority == "bulk",
    )
    ours, theirs = np.split(embedded.vectors, [1 + len(answer or ())])
    near = evidence.similarity(ours, theirs)
    rules = verdict.Rules(
        settings.on_unsupported, settings.support_threshold, settings.evidence_threshold
    )
    found = verdict.decide(answer, passages, hits, near, rules)
    # what was not said is no reason to show a sentence: an unsupported text does not count
    rows = near if found.status == "answered" and not found.extracted else near[:1]
    return found, evidence.as_evidence(passages, hits, rows.max(axis=0))
