"""The fair queue against the simplest model that can be written: a list of what waits, in order of arrival."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from workbench.runs.queue import FairQueue

SESSIONS = st.sampled_from(["ann", "bob", "cyd"])


class Waiting(NamedTuple):
    session: str
    key: str


class QueueMachine(RuleBasedStateMachine):
    """Sessions take turns: whoever was served goes to the end, whoever comes new stands at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: FairQueue[str] = FairQueue()
        self.waiting: list[Waiting] = []
        self.turns: list[str] = []
        self.count = 0

    def settle(self) -> None:
        """A session for which nothing waits is not in the round."""
        self.turns = [each for each in self.turns if any(each == item.session for item in self.waiting)]

    @rule(session=SESSIONS)
    def put(self, session: str) -> None:
        key = f"run {self.count}"
        self.count += 1
        self.queue.put(session, key, key)
        self.waiting.append(Waiting(session, key))
        if session not in self.turns:
            self.turns.append(session)

    def expected(self, ready: set[str]) -> Waiting | None:
        for session in self.turns:
            for item in self.waiting:
                if item.session == session and item.key in ready:
                    return item
        return None

    @rule(data=st.data())
    def take(self, data: st.DataObject) -> None:
        keys = [item.key for item in self.waiting]
        ready = set(data.draw(st.lists(st.sampled_from(keys)))) if keys else set()
        expected = self.expected(ready)
        assert self.queue.take(lambda item: item in ready) == (expected.key if expected else None)
        if expected:
            self.waiting.remove(expected)
            self.turns.remove(expected.session)
            self.turns.append(expected.session)
        self.settle()

    @rule()
    def take_any(self) -> None:
        expected = self.expected({item.key for item in self.waiting})
        assert self.queue.take() == (expected.key if expected else None)
        if expected:
            self.waiting.remove(expected)
            self.turns.remove(expected.session)
            self.turns.append(expected.session)
        self.settle()

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(self.waiting))
        assert self.queue.remove(item.key) == item.key
        assert self.queue.remove(item.key) is None
        self.waiting.remove(item)
        self.settle()

    @invariant()
    def holds_what_waits(self) -> None:
        assert len(self.queue) == len(self.waiting)
        assert sorted(self.queue) == sorted(item.key for item in self.waiting)
        assert all(item.key in self.queue for item in self.waiting)
        assert "nothing" not in self.queue


TestQueue = QueueMachine.TestCase


def test_sessions_take_turns() -> None:
    queue: FairQueue[str] = FairQueue()
    for number in range(4):
        queue.put("many", f"m{number}", f"m{number}")
    queue.put("one", "o", "o")
    queue.put("two", "t0", "t0")
    queue.put("two", "t1", "t1")
    assert [queue.take() for _ in range(8)] == ["m0", "o", "t0", "m1", "t1", "m2", "m3", None]


def test_what_is_not_ready_does_not_hold_up_the_others() -> None:
    queue: FairQueue[str] = FairQueue()
    for key in ("waits for its source", "ready"):
        queue.put("one", key, key)
    assert queue.take(lambda item: item == "ready") == "ready"
    assert queue.take(lambda item: item == "ready") is None
    assert list(queue) == ["waits for its source"]
