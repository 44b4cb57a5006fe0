"""Tensors of a Hugging Face folder, by the names that the graph's writer asks for."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from services.model_builder import configs
from services.model_builder.configs import WeightsIndex
from shared.errors import ModelBuildError

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
TOPS = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
}
PARTS = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
COMPUTED = "rotary_emb.inv_freq"  # old checkpoints hold what the config says anyway
DTYPES = ("F32", "F16", "BF16")


def theirs(name: str) -> str:
    """Hugging Face's name of a tensor, from GGUF's: `blk.0.attn_q.weight` and the like."""
    *path, kind = name.split(".")
    if path[0] != "blk":
        return f"{TOPS[path[0]]}.{kind}"
    return f"model.layers.{path[1]}.{PARTS[path[2]]}.{kind}"


class SafetensorsWeights:
    """The tensors of `model.safetensors`, or of the files that its index names.

    Args:
        folder: holds them; they are mapped, not read, until asked for.
        tied: whether the embeddings score the vocabulary, whatever else a file may hold.

    Raises:
        ModelBuildError: a file is missing or damaged; names it.
    """

    def __init__(self, folder: Path, *, tied: bool) -> None:
        self._folder = folder
        opened = [_opened(path) for path in files(folder)]
        self._files = {name: file for file in opened for name in file.keys()}  # noqa: SIM118 - no dict
        self._unread = {name for name in self._files if not name.endswith(COMPUTED)}
        if tied:
            self._unread.discard(theirs("output.weight"))

    def has(self, name: str) -> bool:
        """Whether there is a tensor of this (GGUF's) name."""
        return theirs(name) in self._files

    def tensor(self, name: str) -> NDArray[np.float32]:
        """A tensor as float32: a linear layer is [out, in].

        Raises:
            ModelBuildError: there is no such tensor, or it is of another type.
        """
        wanted = theirs(name)
        if wanted not in self._files:
            raise ModelBuildError(f"{self._folder} holds no tensor {wanted}")
        self._unread.discard(wanted)
        file = self._files[wanted]
        if (dtype := file.get_slice(wanted).get_dtype()) not in DTYPES:
            raise ModelBuildError(
                f"tensor {wanted}: type {dtype} is not supported, only {', '.join(DTYPES)}"
            )
        values: NDArray[np.float32] = file.get_tensor(wanted).astype(np.float32)
        return values

    def refuse_unread(self) -> None:
        """Make sure that nothing in the files was left out; see `DecoderWeights`.

        Raises:
            ModelBuildError: names such tensors.
        """
        if self._unread:
            some = ", ".join(sorted(self._unread)[:3])
            raise ModelBuildError(f"{len(self._unread)} tensors are not supported, such as {some}")


def files(folder: Path) -> list[Path]:
    """The files that hold a folder's tensors, whether or not they are there.

    Raises:
        ModelBuildError: the index is no JSON, or names a file outside the folder.
    """
    index = configs.read(folder, INDEX, WeightsIndex)
    if (folder / SINGLE).is_file() or index is None:
        return [folder / SINGLE]
    names = sorted(set(index.weight_map.values()))
    for name in names:
        if Path(name).name != name:
            raise ModelBuildError(f"{folder}: weights outside its folder: {name}")
    return [folder / name for name in names]


def _opened(path: Path) -> Any:
    try:
        return safe_open(path, framework="numpy")
    except FileNotFoundError:
        raise ModelBuildError(f"{path.parent} holds no {path.name}") from None
    except SafetensorError as exc:
        raise ModelBuildError(f"{path} cannot be read as safetensors: {exc}") from exc
