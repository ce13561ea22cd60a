"""How long a page's script takes for twenty sessions while two runs train: `python benchmarks/pages.py`.

Every session has a page and a composition of its own. A script is timed from the rerun to its last element, without a
browser; the target is a median below 150 ms.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

PAGES = Path(__file__).parents[1] / "pages"
SESSIONS = 20
TURNS = 5


def main() -> None:
    """Print the median and the worst script time of every page."""
    sys.path.insert(0, str(PAGES))
    from streamlit.testing.v1 import AppTest

    from workbench import registry
    from workbench.experiment import dump, parse
    from workbench.runs.job import plan
    from workbench_ui.bench import open_bench
    from workbench_ui.state import lesson

    own = sys.modules["__main__"]  # a page poses as the main program, which workers would import
    bench = open_bench()
    while not bench.warmed:
        time.sleep(0.1)
    ready = [job for name in ("ten-sigmoid-layers", "transfer-digits") for job in plan(lesson(name))]
    bench.submit(ready)
    bench.wait(ready)
    names = [page.name for page in registry.current().all("page")]
    long = plan(parse({"kind": "training", "task": {"epochs": 10_000}, "seeds": [1, 2]}))

    def train() -> None:
        bench.submit(long)
        while not all(bench.status(job).state == "running" for job in long):
            time.sleep(0.05)

    def visit(number: int) -> AppTest:
        name = names[number % len(names)]
        test = AppTest.from_file(str(PAGES / f"{name}.py"), default_timeout=120)
        if name == "surfaces":  # nobody's composition is another's
            plain = dump(lesson("nine-optimizers"))
            plain["task"]["start"] = [1.5 + number / 100, 1.5]
            test.session_state["surfaces.plain"] = plain
        return test.run()

    for label, busy in (("idle", False), ("while two runs train", True)):
        if busy:
            train()
        sessions = [visit(number) for number in range(SESSIONS)]
        times: dict[str, list[float]] = {name: [] for name in names}
        for turn in range(TURNS + 1):
            for number, session in enumerate(sessions):
                began = time.perf_counter()
                session.run()
                if turn:  # the first fills the caches
                    times[names[number % len(names)]].append(time.perf_counter() - began)
                assert not session.exception, session.exception
        every = [seconds for page in times.values() for seconds in page]
        print(f"{label}: median of all {statistics.median(every) * 1000:.0f} ms (target below 150 ms)")
        for name, found in times.items():
            print(f"  {name:10} median {statistics.median(found) * 1000:4.0f} ms, worst {max(found) * 1000:4.0f} ms")
    assert all(bench.status(job).state == "running" for job in long)
    sys.modules["__main__"] = own
    bench.stop(long)
    bench.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        os.environ["WORKBENCH_HOME"] = home
        main()
