"""What everybody is asked, and about what: the Perl FAQ's questions, its answers, Perl's manual.

Out of Debian's package perl-doc; none of its text is part of this repository.
"""

import random
from collections.abc import Mapping, Sequence

from benchmarks.finding import perl_faq

_SEED = 8
_MANUAL = 200  # sections of the manual, to mislead


def documents() -> Mapping[str, str]:
    """Texts by id: an answer of the FAQ each, and sections of the manual."""
    answers = ("\n\n".join(one.passages) for one in perl_faq.entries())
    faq = {f"faq-{number}": text for number, text in enumerate(answers)}
    manual = perl_faq.documents(_MANUAL)
    return faq | {f"manual-{number}": text for number, text in enumerate(manual)}


def questions() -> Sequence[str]:
    """Real questions, in an order that no chapter shapes; always the same."""
    asked = [one.question for one in perl_faq.entries()]
    random.Random(_SEED).shuffle(asked)  # noqa: S311 - repeatable, no secret
    return asked
