"""docs/asyncapi.json is what the code says, and AsyncAPI as its makers define it.

tests/data/asyncapi-3.0.0.json.gz is `schemas/3.0.0-without-$id.json` of the npm package
@asyncapi/specs 6.11.1 (AsyncAPI Initiative, Apache-2.0), as it came.
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from services.cli.asyncapi import render
from shared.stages import places
from shared.streams import Namespace
from tests.contract.test_messages import EDGE, GOLDEN

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "tests" / "data" / "asyncapi-3.0.0.json.gz"
DOCUMENT: dict[str, Any] = json.loads((ROOT / "docs" / "asyncapi.json").read_text("utf-8"))


def references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        yield from (found for name, found in part.items() if name == "$ref")
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def payload_schema(name: str) -> dict[str, Any]:
    """The schema of a message, with those that it refers to."""
    root = {"components": DOCUMENT["components"]}
    return {**root, "$ref": f"#/components/schemas/{name}"}


def test_the_document_is_that_of_the_code() -> None:
    """Who writes a client from it would speak to streams that are no more."""
    written = (ROOT / "docs" / "asyncapi.json").read_text("utf-8")
    assert written == render() + "\n", "python -m services.cli.asyncapi > docs/asyncapi.json"


def test_the_document_is_valid_asyncapi() -> None:
    """Generators of clients and pages would refuse it."""
    schema = json.loads(gzip.decompress(SCHEMA.read_bytes()))
    faults = Draft7Validator(schema).iter_errors(DOCUMENT)
    assert [f"{fault.json_path}: {fault.message[:200]}" for fault in faults] == []
    broken = {**DOCUMENT, "channels": {"queries": {"adress": "rag:queries"}}}
    assert not Draft7Validator(schema).is_valid(broken)


def test_every_reference_leads_somewhere() -> None:
    """The schema of AsyncAPI lets references to nothing pass."""
    for reference in references(DOCUMENT):
        found: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            assert step in found, reference
            found = found[step]


def test_every_stream_of_the_pipeline_is_in_it() -> None:
    """A new stream would be missing."""
    addresses = {one["address"] for one in DOCUMENT["channels"].values()}
    streams = {place.stream for place in places(Namespace("{namespace}"))}
    assert addresses == streams | {"{namespace}:tokens:{queryId}"}


@pytest.mark.parametrize("kind", [type(message).__name__ for message, _ in EDGE])
def test_real_messages_fit_its_schemas(kind: str) -> None:
    """The schemas would refuse what our parts write, or have always written."""
    schema = payload_schema(kind)
    Draft7Validator.check_schema(schema)
    for written in GOLDEN[kind.lower()]:
        Draft7Validator(schema).validate(json.loads(written))


def test_its_examples_fit_its_schemas() -> None:
    """Whoever copies an example would get a failed answer."""
    for name, message in DOCUMENT["components"]["messages"].items():
        for example in message.get("examples", ()):
            Draft7Validator(payload_schema(name)).validate(example["payload"])
