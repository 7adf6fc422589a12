"""What py-spy saw, as shares of functions."""

from __future__ import annotations

from tests.benchmarks.speed.profile import samples, shares

RAW = [
    "thread (0x1): MainThread;run (asyncio/runners.py:1);read (loop.py:7) 3",
    "thread (0x2): decide;run (threading.py:9);decide (service/deciding.py:20);score (service/scoring.py:5) 4",
    "thread (0x2): decide;run (threading.py:9);decide (service/deciding.py:31) 1",
]


def test_a_function_has_the_share_of_the_samples_that_it_is_in() -> None:
    of_decide = [sample for sample in samples(RAW) if "decide" in sample.thread]
    assert shares(of_decide, is_own=True) == [
        ("score (service/scoring.py)", 0.8),
        ("decide (service/deciding.py)", 0.2),
    ]
    assert dict(shares(of_decide, is_own=False)) == {
        "run (threading.py)": 1.0,
        "decide (service/deciding.py)": 1.0,
        "score (service/scoring.py)": 0.8,
    }


def test_every_thread_is_told() -> None:
    assert [(sample.thread, sample.count) for sample in samples(RAW)] == [
        ("thread (0x1): MainThread", 3),
        ("thread (0x2): decide", 4),
        ("thread (0x2): decide", 1),
    ]
