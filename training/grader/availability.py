"""Statements of where data and code lie, made by rule: papers that have one are rare. Pure.

Of 260 papers some eight name a link to their data. From so few a model learns that links are never
there, and not that code is no data.
"""

import random
import string
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from training.grader.example import Example
from training.grader.spliced import around, some_of
from training.grader.wording import worded

Row = Mapping[str, Any]
Kind = Literal["data", "code"]
ASKS_FOR: Mapping[int, Kind] = {8: "code", 9: "data", 11: "data"}
"""What a question (its `cq`) wants to be named; those never trained on are not among them."""

_DATA = (
    "Data",
    "The data",
    "All images and labels",
    "Raw recordings",
    "The data set",
    "Annotations",
    "Our measurements",
    "Tables and images",
)
_CODE = (
    "Code",
    "The source code",
    "All scripts",
    "The analysis scripts",
    "Our implementation",
    "Training code",
    "Scripts and trained weights",
    "The software",
)
_LIE = (
    "{be} available at {place}",
    "{be} archived in {place}",
    "can be found at {place}",
    "{have} been deposited in {place}",
    "{be} openly accessible under {place}",
    "{be} published on {place}",
    "may be downloaded from {place}",
    "{be} hosted at {place}",
)
_BEFORE = ("", "", "", "1", "To let others repeat our study, ", "Availability: ", "On acceptance, ")
_BEHIND = (
    ".",
    ".",
    " under a free licence.",
    " and may be used with attribution.",
    " (accessed 3 May 2021).",
)
_NONE = (
    "The data that support the findings are available from the authors on reasonable request.",
    "Data will be shared on request.",
    "The images cannot be made public because they show protected places.",
    "The authors declare that they have no competing interests.",
    "We thank the rangers who looked after our cameras, and two reviewers for their comments.",
    "Voucher specimens are kept in the museum's collection.",
    "The funders had no part in the design of the study.",
    "Photographs were taken from a public archive and checked by hand.",
)
_HOSTS: Mapping[Kind, Sequence[str]] = {
    "data": ("Zenodo", "Figshare", "Dryad", "GBIF", "Mendeley Data", "PANGAEA", "OSF", ""),
    "code": ("GitHub", "GitLab", "BitBucket", "https://github.com/", "github.com/", ""),
}
STATED, OTHER = 0.4, 0.7  # of texts: name what is asked for; of the rest: name the other thing


def availability(
    rows: Sequence[Row], count: int, random_source: random.Random
) -> Iterator[Example]:
    """Texts with a statement of where data or code lie, or with none.

    Args:
        rows: of papers.
        count: of texts.
        random_source: varies them.
    """
    asking = [row for row in rows if row["cq"] in ASKS_FOR and row["answerable"] == 0]
    for row in random_source.choices(asking, k=count):
        wanted, question = ASKS_FOR[row["cq"]], worded(row, random_source)
        draw = random_source.random()
        other: Kind = "code" if wanted == "data" else "data"
        said = [random_source.choice(_NONE)]
        if draw < STATED:
            said = [statement(wanted, random_source)]
        elif draw < STATED + (1 - STATED) * OTHER:
            said = [statement(other, random_source)]
        yield around(
            question, said, some_of(row, random_source), float(draw < STATED), random_source
        )


def statement(kind: Kind, random_source: random.Random) -> str:
    """A sentence that says where data or code lie."""
    subject = random_source.choice(_DATA if kind == "data" else _CODE)
    many = subject.endswith("s") or subject in ("Data", "The data")
    lie = random_source.choice(_LIE).format(
        be="are" if many else "is",
        have="have" if many else "has",
        place=_place(kind, random_source),
    )
    before = random_source.choice(_BEFORE)
    if before.endswith(", "):
        subject = subject[0].lower() + subject[1:]
    return f"{before}{subject} {lie}{random_source.choice(_BEHIND)}"


def _place(kind: Kind, random_source: random.Random) -> str:
    """A host with an address, or either alone."""
    host, address = random_source.choice(_HOSTS[kind]), f"https://{_name(random_source)}.example"
    if host.endswith("/"):
        return f"{host}{_name(random_source)}/{_name(random_source)}"
    if host and kind == "code":
        address = f"https://{host.lower()}.com/{_name(random_source)}"
    elif host:
        number = random_source.randint(100_000, 9_999_999)
        doi = f"10.{number % 9000 + 1000}/{host.split()[0].lower()}.{number}"
        address = random_source.choice((doi, f"https://doi.org/{doi}"))
    forms = (f"{host} ({address})", f"{host}: {address}", f"{host} under {address}", host)
    return random_source.choice(forms) if host else address


def _name(random_source: random.Random) -> str:
    letters = random_source.choices(string.ascii_lowercase, k=random_source.randint(4, 9))
    return "".join(letters) + random_source.choice(("", "-net", "-lab", "seg", "_2020"))
