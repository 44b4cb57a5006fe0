"""A comparison's table, for people."""

from benchmarks.results import Median, Ratios, Results

_HEAD = (
    "pair  clients  system     tokens/s  TTFT mean    p50    p95  prefill/s  decode/s  MB\n"
    "----  -------  ---------  --------  ---------  -----  -----  ---------  --------  -----"
)


def table(results: Results) -> str:
    """Everything worth reading, as plain text."""
    lines = [_HEAD, *map(_line, results.medians), ""]
    lines += [_ratio_line(found) for found in results.ratios_by_pair.values()]
    disturbed = max(run.busy.others for run in results.rounds)
    lines.append(f"other processes used up to {disturbed:.2f} cores during a run")
    return "\n".join(lines)


def _line(row: Median) -> str:
    f, megabytes = row.figures, row.memory_bytes / 1e6
    return (
        f"{row.pair:4}  {row.clients:7}  {row.system:9}  {f.tokens_per_s:8.1f}  "
        f"{f.ttft_mean_s:9.2f}  {f.ttft_p50_s:5.2f}  {f.ttft_p95_s:5.2f}  "
        f"{f.prefill_tokens_per_s:9.0f}  {f.decode_tokens_per_s:8.1f}  {megabytes:5.0f}"
    )


def _ratio_line(found: Ratios) -> str:
    def said(ratio: float | None) -> str:
        return "-" if ratio is None else f"{ratio:.2f}x"

    return (
        f"{found.pair}, ours over the peer's: tokens/s at 8 {said(found.tokens_per_s_at_8)}, "
        f"mean time to first token at 8 {said(found.ttft_mean_at_8)}, "
        f"tokens/s at 1 {said(found.tokens_per_s_at_1)}"
    )
