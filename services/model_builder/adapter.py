"""Low-rank adapters on a decoder's linear layers: what training added, merged when it is built.

An adapter's file holds, for a layer `blk.0.attn_q` [out, in], `blk.0.attn_q.lora_a` [rank, in] and
`blk.0.attn_q.lora_b` [out, rank], and in its header the `scale`: the layer is W + scale * B @ A.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from services.model_builder.decoder_shape import DecoderWeights
from shared.errors import ModelBuildError

A, B, WEIGHT = ".lora_a", ".lora_b", ".weight"
Matrix = NDArray[np.float32]


class Adapted:
    """A decoder's weights with an adapter merged; see `DecoderWeights`.

    Args:
        weights: those that the adapter was trained on.
        path: of the adapter.

    Raises:
        ModelBuildError: the file is no adapter.
    """

    def __init__(self, weights: DecoderWeights, path: Path) -> None:
        self._weights, self._name = weights, path.name
        self._parts, self._scale = _read(path)
        self._unread = {name.rpartition(".")[0] for name in self._parts}
        self.has = weights.has

    def tensor(self, name: str) -> Matrix:
        """A tensor as float32, merged if the adapter has a part for it.

        Raises:
            ModelBuildError: there is none of this name, or the adapter's part does not fit it.
        """
        weight, layer = self._weights.tensor(name), name.removesuffix(WEIGHT)
        if layer + A not in self._parts:
            return weight
        self._unread.discard(layer)
        try:
            added = self._parts[layer + B] @ self._parts[layer + A]
            return weight + np.float32(self._scale) * added
        except (KeyError, ValueError) as exc:
            raise ModelBuildError(f"{self._name} does not fit {name}: {exc}") from exc

    def refuse_unread(self) -> None:
        """Make sure that nothing of the weights or of the adapter was left out.

        Raises:
            ModelBuildError: names what was.
        """
        self._weights.refuse_unread()
        if self._unread:
            some = ", ".join(sorted(self._unread)[:3])
            raise ModelBuildError(
                f"{self._name} adapts {len(self._unread)} layers that are not there, such as {some}"
            )


def _read(path: Path) -> tuple[dict[str, Matrix], float]:
    """An adapter's matrices as float32, and its scale."""
    try:
        with safe_open(path, "numpy") as file:
            scale = float((file.metadata() or {})["scale"])
            return {
                name: file.get_tensor(name).astype(np.float32)
                for name in file.keys()  # noqa: SIM118 - no dict
            }, scale
    except (OSError, SafetensorError, KeyError, ValueError) as exc:
        raise ModelBuildError(f"{path.name} cannot be read as an adapter: {exc!r}") from exc
