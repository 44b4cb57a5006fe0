"""A worker whose commit does not ask whether the entry was still to be acknowledged.

The suite starts it in a worker's place, to show that its accounting sees what that leads to:
`python -m tests.chaos.broken_worker worker NAME`.
"""

import shared.delivery
from services.cli.main import main

_CONDITION = "if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end"
_NO_CONDITION = "redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])"


def break_commit() -> None:
    """Turn the condition off, in this process.

    Raises:
        RuntimeError: the commit script is no longer what this expects.
    """
    script = shared.delivery._COMMIT  # noqa: SLF001 - no switch in the product for what only this test breaks
    if _CONDITION not in script:
        raise RuntimeError("the commit script has changed: change this with it")
    shared.delivery._COMMIT = script.replace(_CONDITION, _NO_CONDITION)  # noqa: SLF001 - as above


if __name__ == "__main__":
    break_commit()
    main()
