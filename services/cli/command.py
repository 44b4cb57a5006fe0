"""The installed `ragstream`; what takes a moment to load is imported where Ctrl-C has an answer."""

import sys


def main() -> None:
    """Run the command; interrupted while it is still being loaded, it says so, too."""
    try:
        from services.cli.main import main as command  # noqa: PLC0415 - see above

        command()
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)  # noqa: T201 - click may not be there yet
        sys.exit(130)
