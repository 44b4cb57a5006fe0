"""The stack as `status` and `up` show it."""

from services.cli.view import PartView, StackView, lines


def part(name: str, port: int, metrics_port: int | None) -> PartView:
    return PartView(
        name=name,
        state="ready",
        detail="",
        pid=7,
        port=port,
        metrics_port=metrics_port,
        uptime_s=1.0,
        restarts=0,
    )


def test_where_the_metrics_are_is_said() -> None:
    """Ports are new ones at each start: Prometheus could not be told where to look."""
    parts = (part("redis", 1, None), part("triton", 2, 3), part("embedder", 4, 4))
    [*_, last] = lines(StackView(data_dir="d", running=True, phase="ready", parts=parts))
    assert (
        last
        == "metrics for Prometheus: /metrics of 127.0.0.1 on the ports 3 (triton), 4 (embedder)"
    )
    [*_, last] = lines(StackView(data_dir="d", running=True, phase="ready", parts=parts[:1]))
    assert "metrics" not in last
