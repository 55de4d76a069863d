"""Durations are shown as prometheus_client would show them."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from shillings.telemetry.metrics import _SECONDS, Durations

labels = st.sampled_from(["pay", "account"])
seconds = st.sampled_from([*_SECONDS, 0.0, 0.0004, 0.0099, 7.0]) | st.floats(0, 10)


@given(st.lists(st.tuples(labels, labels, seconds)))
def test_durations_are_the_librarys_histogram(observed: list[tuple[str, str, float]]) -> None:
    """Whatever is observed, buckets, sums and counts are those of the library's own histogram."""
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    durations = Durations("seconds", "How long.", ("first", "second"))
    ours.register(durations)
    histogram = Histogram("seconds", "How long.", ["first", "second"], buckets=_SECONDS, registry=theirs)
    for first, second, took in observed:
        durations.observe(first, second, took)
        histogram.labels(first, second).observe(took)

    assert _samples(ours) == _samples(theirs)


def _samples(registry: CollectorRegistry) -> list[bytes]:
    """What Prometheus reads, but for the time at which each histogram was made."""
    return [line for line in generate_latest(registry).splitlines() if b"_created" not in line]
