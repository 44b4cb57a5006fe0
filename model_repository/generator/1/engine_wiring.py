"""The engine of a model as its settings have it."""

from decoder import Decoder
from engine import Engine
from engine_request import Meters, Run
from generator_settings import GeneratorSettings
from pace import Pace
from prefix_cache import PrefixCache
from rows import new_rows
from scheduler import Scheduler
from sizing import Sizes


def wired(settings: GeneratorSettings, decoder: Decoder, sizes: Sizes, meters: Meters) -> Engine:
    """An engine that was not started yet.

    Args:
        settings: of the model.
        decoder: the model.
        sizes: what the settings' memory holds of it.
        meters: told what happens.
    """
    scheduler: Scheduler[Run] = Scheduler(
        rows=sizes.rows,
        cache_tokens=sizes.cache_tokens,
        max_waiting=settings.max_waiting,
        pace=Pace(settings.chunk_tokens, settings.decode_stall, decoder.parts),
        steps=decoder.runs_at_once,
    )
    rows = new_rows(decoder, sizes.rows, sizes.capacity_tokens)
    return Engine(rows, scheduler, PrefixCache(sizes.prefix_tokens), meters)
