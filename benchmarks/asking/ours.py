"""A publisher of questions that waits for their answers, as an upstream system would be.

python -m benchmarks.asking.ours SETUP.json
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.peers import asked
from shared.client import RagstreamClient
from shared.errors import RagstreamError
from shared.messages import Finished, Query, Token

_PATIENCE_S = 1_800.0


async def _main(setup: dict[str, Any]) -> None:
    async with RagstreamClient(setup["redis_url"], password=setup["password"]) as client:

        async def ask(question: str, first: asked.First) -> asked.Said:
            query = Query(
                question=question,
                top_k=setup["top_k"],
                max_tokens=setup["new_tokens"],
                profile="stuff",
                stream=setup["stream"],
            )
            async for event in client.stream(query, timeout_s=_PATIENCE_S):
                if isinstance(event, Token):
                    first()
                if isinstance(event, Finished):
                    if event.answer.error:
                        raise RagstreamError(event.answer.error.message)
                    usage = event.answer.usage
                    return {
                        "prompt_tokens": usage.prompt_tokens,
                        "new_tokens": usage.completion_tokens,
                        "stages_ms": {
                            stage: (took.queue, took.work)
                            for stage, took in event.answer.timings_ms.items()
                        },
                    }
            raise AssertionError("a stream ends with Finished or raises")

        await asked.serve_tasks(ask)


if __name__ == "__main__":
    asyncio.run(_main(json.loads(Path(sys.argv[1]).read_bytes())))
