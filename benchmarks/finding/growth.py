"""The command that draws what `benchmarks.retrieval --json` wrote; needs matplotlib (`make bench`).

python -m benchmarks.finding.growth RESULTS.json PNG
"""

import sys
from pathlib import Path

import msgspec

from benchmarks import plots
from benchmarks.finding.results import Results


def main(results: str, png: str) -> None:
    """Draw growth with size."""
    plots.draw_growth(msgspec.json.decode(Path(results).read_bytes(), type=Results), Path(png))


if __name__ == "__main__":
    main(*sys.argv[1:])
