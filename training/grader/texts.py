"""From texts as the data sets hold them to the sentences that the grader reads. Pure."""

import random
import re

from shared.sentences import split

CONCLUSION = "LONG_ANSWER"  # what an abstract concludes, as its sections are called here
_HYPHENATED = re.compile(r"(?<=[a-z])[-\u00ad]\n(?=[a-z])")
_WRAPPED = re.compile(r"(?<!\n)\n(?!\n)")
_SPACES = re.compile(r"[^\S\n]+")
_TOKENIZED = re.compile(r" (?=[,.;:?!)%]|'s\b|n't\b|'re\b|'ve\b)|(?<=\() ")
_EXAMPLES = re.compile(r"\s*\(e\.g\.,.*?\)(?=\?|\s*$)")
_INITIAL = re.compile(r"\b[A-Z]\.")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_MANY_INITIALS, _PROSE = 3, 0.6
FEWEST_WORDS = 4  # as services.generator.evidence: shorter "sentences" are page furniture


def unwrapped(text: str) -> str:
    """A PDF's text with its paragraphs on one line each."""
    return _SPACES.sub(" ", _WRAPPED.sub(" ", _HYPHENATED.sub("", text)))


def sentences(text: str) -> list[str]:
    """The sentences of a context, each once, what is no prose left out."""
    return list(dict.fromkeys(one for one in split(unwrapped(text)) if is_prose(one)))


def is_prose(sentence: str) -> bool:
    """Whether it is more than page furniture, a row of numbers, or an entry of the literature."""
    letters = sum(one.isalpha() or one == " " for one in sentence)
    listed = len(_INITIAL.findall(sentence)) >= _MANY_INITIALS and _YEAR.search(sentence)
    long_enough = len(sentence.split()) >= FEWEST_WORDS
    return long_enough and letters >= _PROSE * len(sentence) and not listed


def detokenized(text: str) -> str:
    """Text of a corpus that stands in tokens ("it 's , well") as people write it."""
    joined = _TOKENIZED.sub("", text)
    return joined.replace("`` ", "“").replace(" ''", "”").replace(" - ", "-")


def without_examples(question: str) -> str:
    """A question without its "(e.g., this, that)"."""
    return _EXAMPLES.sub("", question)


def as_written(question: str, random_source: random.Random) -> str:
    """A question typed without case or mark, now and then with both."""
    return random_source.choice((question, question[:1].upper() + question[1:] + "?"))
