"""What an ONNX file says of itself, without reading its weights."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, ValueInfoProto

from shared.errors import ModelBuildError

CACHE_DTYPES: dict[int, Literal["float32", "float16"]] = {
    TensorProto.FLOAT: "float32",
    TensorProto.FLOAT16: "float16",
}


@dataclass(frozen=True)
class TensorShape:
    """Element type (ONNX's number) and shape, None for a dimension that varies."""

    dtype: int
    shape: tuple[int | None, ...]


class OnnxFile:
    """An ONNX graph's inputs, outputs and operators.

    Attributes:
        path: the file.
        inputs: by name, in order.
        outputs: by name, in order.

    Raises:
        ModelBuildError: the file is no ONNX graph.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._graph = onnx.load(path, load_external_data=False).graph
        except DecodeError as exc:
            raise ModelBuildError(f"{path} cannot be read as ONNX: {exc}") from exc
        self.path = path
        initial = {tensor.name for tensor in self._graph.initializer}
        self.inputs = _shapes(value for value in self._graph.input if value.name not in initial)
        self.outputs = _shapes(self._graph.output)
        if not self.outputs:
            raise ModelBuildError(f"{path} is no ONNX graph: it has no outputs")

    def check_inputs(self, known: Collection[str], needed: Iterable[str]) -> None:
        """Make sure that every input can be fed.

        Raises:
            ModelBuildError: names the input that is unknown, missing, or not of type int64.
        """
        for name, tensor in self.inputs.items():
            if name not in known:
                raise ModelBuildError(f"{self.path}: input {name} is not supported")
            if "." not in name and tensor.dtype != TensorProto.INT64:
                kind = TensorProto.DataType.Name(tensor.dtype)
                raise ModelBuildError(f"{self.path}: input {name} is {kind}, not INT64")
        for name in needed:
            if name not in self.inputs:
                raise ModelBuildError(f"{self.path} has no input {name}")

    def first_output(self, names: Iterable[str]) -> str:
        """The first of some outputs that the graph has.

        Raises:
            ModelBuildError: it has none of them.
        """
        wanted = list(names)
        for name in wanted:
            if name in self.outputs:
                return name
        raise ModelBuildError(
            f"{self.path} has none of the outputs {', '.join(wanted)}, only "
            f"{', '.join(self.outputs)}"
        )

    def cache_layers(self) -> int:
        """How many layers have a cache.

        Raises:
            ModelBuildError: none has.
        """
        layers = sum(name.startswith("past_key_values.") for name in self.inputs) // 2
        if layers == 0:
            raise ModelBuildError(f"{self.path} has no past_key_values inputs")
        return layers

    def cache_shape(self) -> tuple[int, int, Literal["float32", "float16"]]:
        """Key and value heads, head width and element type of the cache.

        Raises:
            ModelBuildError: the graph leaves them open, or its type is not supported.
        """
        first = self.inputs["past_key_values.0.key"]
        if first.dtype not in CACHE_DTYPES:
            kind = TensorProto.DataType.Name(first.dtype)
            raise ModelBuildError(f"{self.path}: a cache of type {kind} is not supported")
        match first.shape:
            case (_, int(kv_heads), _, int(head_dim)):
                return kv_heads, head_dim, CACHE_DTYPES[first.dtype]
        raise ModelBuildError(f"{self.path}: past_key_values.0.key has no fixed heads and width")

    def has_operator(self, name: str) -> bool:
        """Whether some node is of this operator."""
        return any(node.op_type == name for node in self._graph.node)

    def data_files(self) -> list[str]:
        """Names of the files that hold the graph's external weights, sorted.

        Raises:
            ModelBuildError: one of them lies outside the graph's own folder.
        """
        names = {
            entry.value
            for tensor in self._graph.initializer
            for entry in tensor.external_data
            if entry.key == "location"
        }
        for name in names:
            if Path(name).name != name:
                raise ModelBuildError(f"{self.path}: weights outside its folder: {name}")
        return sorted(names)


def _shapes(values: Iterable[ValueInfoProto]) -> dict[str, TensorShape]:
    return {value.name: _shape(value) for value in values}


def _shape(value: ValueInfoProto) -> TensorShape:
    tensor = value.type.tensor_type
    dims = (dim.dim_value if dim.HasField("dim_value") else None for dim in tensor.shape.dim)
    return TensorShape(tensor.elem_type, tuple(dims))
