"""What each command exits with.

0         done; `ask`: answered, or abstained, which is an answer, too
1         an error that no other number names
2         wrong usage, or a setting that is unknown or out of its bounds
3..12     an operator must act: `exit_code` of each SetupError in shared/errors.py
          (3 data folder, 4 port in use, 5 stack running, 6 stack not running, 7 Redis refused,
          8 no search module, 9 model missing in Triton, 10 model build, 11 files of a run,
          12 another rebuild of the index at work)
20        `ask`: the answer's status is failed, or the question cannot be asked
21        `ask`: the answer's status is expired or cancelled
22        no answer, or no end of ingestion, within --timeout
23        `ingest`: at least one document failed
24        a server is away
25        the stack has too much to do already: try again later
26        `models verify`: a model is missing, altered or outdated
27        `status QUERY_ID`, `cancel`: no trace of that query; `dead`: no such letter (any more);
          `documents`: no such document
28        `cancel`: nothing to cancel, the query is finished
29        `batch`: all questions have ended, at least one of them failed
130       interrupted with Ctrl-C
"""

from typing import Final

from shared.errors import Outage, Overloaded, Permanent, RagstreamError, SetupError
from shared.messages import Status

OK: Final = 0
OTHER: Final = 1
USAGE: Final = 2
FAILED: Final = 20
EXPIRED: Final = 21
NO_ANSWER: Final = 22
DOCUMENT_FAILED: Final = 23
OUTAGE: Final = 24
OVERLOADED: Final = 25
NOT_AS_BUILT: Final = 26
UNKNOWN: Final = 27
NOT_CANCELLED: Final = 28
SOME_FAILED: Final = 29
INTERRUPTED: Final = 130

_BY_STATUS: Final[dict[Status, int]] = {
    "answered": OK,
    "abstained": OK,
    "failed": FAILED,
    "expired": EXPIRED,
    "cancelled": EXPIRED,
}


def of_status(status: Status) -> int:
    """What `ask` exits with."""
    return _BY_STATUS[status]


def of_error(error: RagstreamError) -> int:
    """What a command exits with that an error ended."""
    match error:
        case SetupError():
            return error.exit_code
        case Overloaded():
            return OVERLOADED
        case Outage():
            return OUTAGE
        case Permanent():
            return FAILED
        case _:
            return OTHER
