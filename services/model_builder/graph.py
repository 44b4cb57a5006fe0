"""Writes ONNX graphs node by node, with their weights streamed to a file beside them.

Streaming keeps one tensor in memory at a time, whatever the model's size, and the same calls give
the same bytes: names come from a counter and protobuf maps are written sorted.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

MICROSOFT = "com.microsoft"
PAGE_BYTES = 4096  # ONNX Runtime maps external weights that start on a page
OPSET = 21
IR_VERSION = 10
Shape = Sequence[str | int]


class WeightsFile:
    """Tensors on their way to a file, for one graph or several; a context manager that closes it.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")
        self._tensors: dict[str, TensorProto] = {}

    def __enter__(self) -> Self:
        """Give the file itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()

    def add(self, name: str, values: NDArray[np.generic]) -> TensorProto:
        """Write a tensor, unless one of that name is there; what a graph says of it."""
        if name not in self._tensors:
            self._tensors[name] = self._write(name, values)
        return self._tensors[name]

    def _write(self, name: str, values: NDArray[np.generic]) -> TensorProto:
        raw = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
        kind = helper.np_dtype_to_tensor_dtype(values.dtype)
        self._file.write(b"\0" * (-self._file.tell() % PAGE_BYTES))
        place = {"location": self._path.name, "offset": self._file.tell(), "length": raw.nbytes}
        tensor = TensorProto(name=name, data_type=kind, dims=raw.shape)
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        self._file.write(raw.data)
        return tensor


class Graph:
    """A graph under construction; a context manager that closes the weights' file.

    Args:
        path: where `save` writes the graph.
        weights: where its weights go; not given, to the same name with `.data` added.
    """

    def __init__(self, path: Path, weights: WeightsFile | None = None) -> None:
        self._path = path
        self._weights = weights or WeightsFile(path.with_name(path.name + ".data"))
        self._nodes: list[NodeProto] = []
        self._tensors: list[TensorProto] = []
        self._inputs: list[ValueInfoProto] = []
        self._outputs: list[ValueInfoProto] = []

    def __enter__(self) -> Self:
        """Give the graph itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the weights' file; `save` has written the graph, or an error left it unwritten."""
        self._weights.__exit__()

    def input(self, name: str, dtype: int, shape: Shape) -> str:
        """Declare an input; names in the shape are dynamic."""
        self._inputs.append(helper.make_tensor_value_info(name, dtype, list(shape)))
        return name

    def output(self, name: str, dtype: int, shape: Shape) -> str:
        """Declare an output that some node writes."""
        self._outputs.append(helper.make_tensor_value_info(name, dtype, list(shape)))
        return name

    def node(
        self,
        op: str,
        *inputs: str,
        outputs: Sequence[str] | None = None,
        domain: str = "",
        **attributes: Any,
    ) -> str:
        """Add a node.

        Args:
            op: operator name.
            inputs: tensor names, "" for an optional input that is left out.
            outputs: tensor names; one fresh name if not given.
            domain: operator set, "" for ONNX itself.
            attributes: of the operator.

        Returns:
            Name of the first output.
        """
        name = f"{op}_{len(self._nodes)}"
        written = list(outputs) if outputs else [f"{name}.out"]
        self._nodes.append(
            helper.make_node(op, list(inputs), written, name=name, domain=domain, **attributes)
        )
        return written[0]

    def constant(self, name: str, values: NDArray[np.generic]) -> str:
        """Add a small tensor that stays inside the graph's file."""
        self._tensors.append(numpy_helper.from_array(values, name))
        return name

    def shared_constant(self, name: str, values: NDArray[np.generic]) -> str:
        """Add a small tensor, unless it is there."""
        known = any(tensor.name == name for tensor in self._tensors)
        return name if known else self.constant(name, values)

    def weight(self, name: str, values: NDArray[np.generic]) -> str:
        """Add a tensor whose bytes go to the weights' file, of any shape."""
        self._tensors.append(self._weights.add(name, values))
        return name

    def save(self) -> None:
        """Write the graph; all its weights are already on disk."""
        graph = helper.make_graph(
            self._nodes, self._path.stem, self._inputs, self._outputs, self._tensors
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        model: ModelProto = helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="ragstream"
        )
        self._path.write_bytes(model.SerializeToString(deterministic=True))
