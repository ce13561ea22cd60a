"""Many sessions on one bench: the queue serves them in turns, and none waits for all of another's runs."""

from __future__ import annotations

import time
from pathlib import Path

from workbench.experiment import loads
from workbench.runs import Bench, Job
from workbench.runs.job import plan

SHORT = """
kind = "training"
title = "{name}"
seeds = {seeds}
[task]
epochs = 2
"""


def jobs(name: str, seeds: range) -> list[Job]:
    return plan(loads(SHORT.format(name=name, seeds=list(seeds))))


def test_a_session_with_many_runs_does_not_hold_up_the_others(bench: Bench, home: Path) -> None:
    many = jobs("many", range(30))
    few = {f"session {number}": jobs("few", range(100 + 2 * number, 102 + 2 * number)) for number in range(4)}
    bench.submit(many, "greedy")
    for session, work in few.items():
        bench.submit(work, session)
    for work in few.values():
        bench.wait(work, poll=0.02)
    left = sum(not bench.status(job).ended for job in many)
    # 8 runs of the others in turns with those of the first: about 2 of it for each round of 5, and what was at work
    assert left >= 15, f"only {left} of 30 runs were left when everybody else had been served"
    bench.wait(many)
    assert all(bench.status(job).state == "finished" for job in many)


def test_a_run_that_two_sessions_want_is_done_once_for_both(bench: Bench, home: Path) -> None:
    [job] = jobs("shared", range(1))
    bench.submit([job], "one")
    attempt = bench.status(job).attempt
    bench.submit([job], "other")
    assert bench.status(job).attempt == attempt
    bench.wait([job])
    assert bench.status(job).state == "finished"


def test_what_runs_goes_on_without_the_session_that_asked_for_it(bench: Bench, home: Path) -> None:
    [job] = jobs("left alone", range(7, 8))
    bench.submit([job], "gone")
    deadline = time.monotonic() + 60
    while not bench.status(job).ended:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    again = jobs("somebody else's title", range(7, 8))  # a new session with the same experiment
    assert bench.records(again)["summary"]["outcome"].tolist() == ["finished"]
