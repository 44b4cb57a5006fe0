"""A real paper set in two columns, from the Debian package r-cran-vegan."""

import re

import pypdfium2
import pytest

from shared.messages import Answer, Query
from tests.debian import vegan_pdf
from tests.running_stack import Stack

# Each question, the page that tells, and words of the sentence that does.
QUESTIONS = [
    ("Why is species richness rarefied to the same number of individuals?", 2, "try to rarefy"),
    ("Do rarefaction curves keep the rank order of species richness?", 3, "curves can cross"),
]


@pytest.fixture(scope="module")
def paper(stack: Stack) -> str:
    """The paper's id once it is ingested."""
    done = stack.run("ingest", str(vegan_pdf()), "--collection", "papers", "--wait")
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[1]


@pytest.fixture(scope="module")
def pages() -> list[str]:
    """Letters of each page, as pdfium gives them, in whatever order."""
    with pypdfium2.PdfDocument(vegan_pdf()) as document:
        return [letters(page.get_textpage().get_text_range()) for page in document]


def letters(text: str) -> str:
    """Nothing but the letters: lines, hyphens and ligatures differ."""
    return re.sub(r"[^a-z]|[\ufb00-\ufb06]|fi|fl|ff", "", text.lower())


async def ask(stack: Stack, paper: str, question: str) -> Answer:
    """Its Answer; the model writes it once, for the same id has the same Answer."""
    query_id = re.sub(r"\W", "-", question)
    query = Query(id=query_id, question=question, document_ids=(paper,), collection="papers")
    async with stack.client() as client:
        return await client.ask(query)


@pytest.mark.parametrize(("question", "page", "words"), QUESTIONS)
async def test_a_question_about_rarefaction_finds_its_page(
    stack: Stack, paper: str, question: str, page: int, words: str
) -> None:
    """Columns read across would tear the sentence apart, and nobody would find it."""
    answer = await ask(stack, paper, question)
    assert answer.status == "answered"
    telling = [found for found in answer.evidence if words in found.sentence]
    assert [(found.document_id, found.page) for found in telling] == [(paper, page)]


@pytest.mark.parametrize(("question", "page", "words"), QUESTIONS)
async def test_all_evidence_stands_on_the_page_that_it_names(
    stack: Stack, paper: str, pages: list[str], question: str, page: int, words: str
) -> None:
    """A page off by one sends the reader to the wrong place."""
    del page, words
    answer = await ask(stack, paper, question)
    quoted = [(found.page, found.sentence) for found in answer.evidence]
    quoted += [(found.page, found.quote) for found in answer.citations]
    assert quoted
    for at, sentence in quoted:
        assert at is not None
        assert letters(sentence)[:25] in pages[at - 1], sentence
