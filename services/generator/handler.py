"""What the generator does: an answer for each question and its passages, and the query's end."""

from collections.abc import Callable

from services.generator import answering, prompt
from services.generator.settings import GeneratorSettings
from services.generator.tokens import TokenStream
from shared.answers import Endings
from shared.messages import Answer, Generate, Query
from shared.streams import Effect, Entry
from shared.timing import Stopwatch
from shared.triton import GENERATOR, GRADER, Triton
from shared.wanted import Wanted


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

    async def writing() -> answering.Say:
        stream = tokens(query)
        await stream.start(entry.deliveries)
        return stream.add

    async with wanted.during(query, message.accepted_ms):
        answered = await answering.answer(
            query,
            prompt.fit(message.hits, settings.prompt_tokens),
            triton=triton,
            settings=settings,
            writing=writing,
        )
    found = answered.found
    return endings.finish(
        Answer(
            query_id=query.id,
            status=found.status,
            text=found.text,
            yes_no=found.yes_no,
            citations=found.citations,
            evidence=answered.evidence,
            support=found.support,
            sentences=found.sentences,
            answerable=answered.answerable,
            extracted=found.extracted,
            usage=answered.usage,
            timings_ms={**message.timings_ms, "generator": watch.read()},
            models={**message.models, "generator": GENERATOR, "grader": GRADER},
            attempt=entry.deliveries,
            metadata=query.metadata,
            traceparent=query.traceparent,
        )
    )
