"""The embedders that Triton serves, found by the id of their model.

There may be two: the one that the index was made with, and the one that is to follow. Which of
Triton's names has which changes when models are built anew; each answer names its model, so that a
vector is never taken for another model's.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shared.errors import InferenceRefused, OtherEmbedder, Outage
from shared.generations import Generation
from shared.triton import EMBEDDER, EMBEDDER_NEXT, Triton

_ROUNDS = 3  # behind one address may be several Tritons, not all of them changed yet


class Embedders:
    """Chooses the embedder for an index.

    Args:
        triton: the client.
    """

    def __init__(self, triton: Triton) -> None:
        self._triton = triton
        self._names: dict[str, str] = {}

    async def served(self) -> dict[str, str]:
        """Ids of the models that are served, by Triton's names for them.

        Raises:
            Outage, Overloaded: see `Triton.embed`.
        """
        found = {EMBEDDER: await self._triton.model_id(EMBEDDER)}
        if await self._triton.serves(EMBEDDER_NEXT):
            found[EMBEDDER_NEXT] = await self._triton.model_id(EMBEDDER_NEXT)
        return found

    async def chosen(self, active: Generation | None) -> str:
        """Id of the model to embed with: the index's, or without one that of `embedder`."""
        return (active and active.model) or await self._triton.model_id(EMBEDDER)

    async def vectors(
        self, texts: Sequence[str], model: str, *, bulk: bool = False
    ) -> NDArray[np.float32]:
        """Vectors of texts by the model of this id, FP32 [n, dim].

        Args:
            texts: at least one.
            model: the index's.
            bulk: let questions overtake these.

        Raises:
            OtherEmbedder: no embedder is of this model.
            Outage, Overloaded, InferenceRefused: see `Triton.embed`.
        """
        for _ in range(_ROUNDS):
            if (name := self._names.get(model) or await self._find(model)) is None:
                continue
            try:
                embedded = await self._triton.embed(texts, bulk=bulk, embedder=name)
            except (Outage, InferenceRefused):
                self._names.pop(model, None)
                if await self._find(model) == name:  # else this name has gone, not the model
                    raise
                continue
            if embedded.model == model:
                self._names[model] = name
                return embedded.vectors
            self._names.pop(model, None)
        raise await self._other(model)

    async def check(self, model: str) -> None:
        """See that an index can be searched.

        Raises:
            OtherEmbedder: no embedder is of this model.
            Outage, Overloaded: see `Triton.embed`.
        """
        if await self._find(model) is None:
            raise await self._other(model)

    async def _find(self, model: str) -> str | None:
        served = await self.served()
        return next((name for name, found in served.items() if found == model), None)

    async def _other(self, model: str) -> OtherEmbedder:
        served = await self.served()
        found = " and ".join(served.values())
        return OtherEmbedder(
            f"the index holds vectors of {model}, and Triton serves {found}: run `ragstream index "
            "rebuild` to embed all documents anew, or let Triton serve the index's model again"
        )
