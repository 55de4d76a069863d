"""The part of RESULTS.md that `make bench-scale` writes."""

import time

from benchmarks.document import milliseconds, table
from benchmarks.rates import OTHERS_SHARE_MAX
from benchmarks.rounds import compare
from benchmarks.scale import CLIENTS, KINDS, Memory, Scale

SHARE_MIN = 0.8
"""A variant is the same as the usual if it is at most a fifth slower."""

GROWTH_MIB_MAX = 2.0
"""Memory is flat if a process grows by at most this in the second half of the long run."""

_MIB = 2**20
_OURS = ("web", "app")


def scale_part(scale: Scale) -> str:
    """All of it, as Markdown."""
    plan = scale.plan
    method = (
        f"Measured {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}: {CLIENTS} clients, closed loop, medians of "
        f"{plan.rounds} rounds. A variant is the same as the usual when it does at least {SHARE_MIN:.0%} of its "
        "rate."
    )
    others = f"Other software took {scale.others_share:.0%} of the machine meanwhile."
    verified = (
        f"All {scale.looked_up:,} payments that were acknowledged were looked up in the ledgers afterwards: none is "
        "missing, and the books are right."
    )
    return "\n\n".join(
        [
            "## How cost grows",
            method,
            _variants_table(scale),
            f"**{others}**" if scale.others_share > OTHERS_SHARE_MAX else others,
            verified,
            "### Memory",
            _memory_text(scale.memory, plan.long_seconds),
        ]
    )


def _variants_table(scale: Scale) -> str:
    rows = []
    usual = scale.variants[0]
    for variant in scale.variants:
        for kind in KINDS:
            series = scale.results.get(f"{kind} {variant}")
            base = scale.results[f"{kind} {usual}"]
            if series is None:
                continue
            ratio = compare(series, base)
            verdict = "" if variant == usual else "the same" if ratio.value >= SHARE_MIN else "**slower**"
            share = "" if variant == usual else f"{ratio.value:.2f} ({ratio.least:.2f}-{ratio.greatest:.2f})"
            rows.append([variant, kind, f"{series.rate:,.0f}", milliseconds(series.quantile_ms(0.99)), share, verdict])
    return table(["variant", "request", "per second", "p99 ms", "÷ usual", "is"], rows)


def _memory_text(memory: Memory, seconds: float) -> str:
    if len(memory.samples) < 4:
        return "The run was too short to tell."
    first, middle, last = memory.samples[0], memory.samples[len(memory.samples) // 2], memory.samples[-1]
    rows = []
    for part in last:
        growth = (last[part] - middle[part]) / _MIB
        is_ours = part.startswith(_OURS)
        verdict = ("flat" if growth <= GROWTH_MIB_MAX else "**grows**") if is_ours else ""
        rows.append(
            [part, *[f"{sample[part] / _MIB:.1f}" for sample in (first, middle, last)], f"{growth:+.1f}", verdict]
        )
    return (
        f"{memory.payments:,} payments in {seconds:g} s. Resident memory in MiB; a process of ours is flat when it "
        f"grows by at most {GROWTH_MIB_MAX:g} MiB in the second half. MariaDB fills its buffer pool.\n\n"
        + table(["process", "at first", "half-way", "at last", "second half", "is"], rows)
    )
