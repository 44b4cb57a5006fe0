"""Exit codes: every error and every status has one."""

from typing import get_args

import pytest

from services.cli import exits
from shared import errors
from shared.errors import RagstreamError, SetupError
from shared.messages import Status

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type)]


@pytest.mark.parametrize("status", get_args(Status))
def test_every_status_has_an_exit_code(status: Status) -> None:
    """A new status would end `ask` with a traceback."""
    assert exits.of_status(status) in {exits.OK, exits.FAILED, exits.EXPIRED}


@pytest.mark.parametrize("kind", KINDS)
def test_no_error_exits_with_0(kind: type[RagstreamError]) -> None:
    """A script would take a failure for success."""
    error = kind.__new__(kind)
    assert 0 < exits.of_error(error) < 126


def test_setup_errors_have_codes_of_their_own() -> None:
    """A script could not tell a taken port from a missing model."""
    codes = [kind.exit_code for kind in KINDS if issubclass(kind, SetupError)]
    assert len(set(codes)) == len(codes)
    taken = {exits.FAILED, exits.EXPIRED, exits.NO_ANSWER, exits.DOCUMENT_FAILED, exits.OUTAGE}
    assert not taken & set(codes)
