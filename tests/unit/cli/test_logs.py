"""Logs: their end, and what is added."""

from pathlib import Path

from services.cli import logs


def test_the_last_lines_are_shown(tmp_path: Path) -> None:
    """A part's last words are why it died."""
    log = tmp_path / "x.log"
    log.write_text("".join(f"line {number}\n" for number in range(20_000)))
    assert logs.last_lines(log, 2) == ["line 19998", "line 19999"]
    assert len(logs.last_lines(log, 15_000)) == 15_000
    assert logs.last_lines(log, 0) == []
    assert logs.last_lines(tmp_path / "missing", 5) == []
    begun = log.stat().st_size
    with log.open("a") as file:
        file.write("this life\n")
    assert logs.last_lines(log, 5, begun) == ["this life"]


def test_following_yields_whole_lines_only_and_survives_a_new_file(tmp_path: Path) -> None:
    """A line would be shown in two pieces, or nothing after a log was put aside."""
    log, steps = tmp_path / "x.log", iter(["on", "on", "off"])
    log.write_text("old\nhal")
    seen: list[str] = []

    def go_on() -> bool:
        step = next(steps)
        if len(seen) == 0:
            log.write_text("old\nhalf a line\n")
        elif len(seen) == 1:
            log.write_text("new\n")
        return step == "on"

    seen.extend(logs.follow(log, 4, go_on))
    assert seen == ["half a line", "new"]


def test_a_long_log_is_put_aside(tmp_path: Path) -> None:
    """A stack that runs for months would fill the disk."""
    log = tmp_path / "x.log"
    with log.open("wb") as file:
        file.truncate(logs.LONGEST_BYTES + 1)
    with logs.open_log(log) as file:
        file.write(b"fresh\n")
    assert log.read_text() == "fresh\n"
    assert (tmp_path / "x.log.1").exists()
