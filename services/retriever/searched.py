"""The generation that is searched, kept from one question to the next."""

from redis.asyncio import Redis

from services.retriever import life
from shared.embedders import Embedders
from shared.generations import Generation
from shared.messages import Retrieve
from shared.streams import Namespace


class Searched:
    """What is known of the generation that is searched.

    While it is known nothing has to be asked before a search: the search itself finds out whether
    it still is the one (`index.find`), and whoever hears that it is not forgets it here.

    Args:
        redis: client that returns bytes.
        names: the namespace.
        embedders: make vectors of the generation's model.
    """

    def __init__(self, redis: Redis, names: Namespace, embedders: Embedders) -> None:
        self._redis = redis
        self._names = names
        self._embedders = embedders
        self._known: Generation | None = None

    async def now(self, message: Retrieve) -> Generation:
        """The generation, as it was last seen; looked up where the question's vector is no match.

        Raises:
            UnknownCollection, OutdatedIndex, Outage, Overloaded: see `life.active`.
        """
        known = self._known
        if known is None or known.model != message.models.get("embedder"):
            known = await life.active(self._redis, self._names, self._embedders, message.query)
        self._known = known
        return known

    def forget(self) -> None:
        """It is another one by now."""
        self._known = None

    async def vector(self, message: Retrieve, generation: Generation) -> bytes:
        """The question's vector, FP32 little-endian [dim], by the model of the generation.

        What was embedded before a rebuild's switch is embedded again.

        Raises:
            OtherEmbedder, Outage, Overloaded, InferenceRefused: see `Embedders.vectors`.
        """
        if message.models.get("embedder") == generation.model:
            return message.embedding
        query = message.query
        bulk = query.priority == "bulk"
        [vector] = await self._embedders.vectors([query.question], generation.model, bulk=bulk)
        packed: bytes = vector.astype("<f4").tobytes()
        return packed
