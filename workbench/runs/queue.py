"""A queue that serves whoever asks in turns, however much each has asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """Items by key in one line for each session; ``take`` goes round the sessions. Not safe between threads."""

    def __init__(self) -> None:
        self._lines: OrderedDict[Hashable, OrderedDict[str, Item]] = OrderedDict()

    def __len__(self) -> int:
        return sum(len(line) for line in self._lines.values())

    def __iter__(self) -> Iterator[Item]:
        for line in self._lines.values():
            yield from line.values()

    def __contains__(self, key: str) -> bool:
        return any(key in line for line in self._lines.values())

    def put(self, session: Hashable, key: str, item: Item) -> None:
        """Put an item at the end of its session's line; a session that comes new is served after the others."""
        self._lines.setdefault(session, OrderedDict())[key] = item

    def take(self, ready: Callable[[Item], bool] = lambda item: True) -> Item | None:
        """The first item that is ready, of the session whose turn it is; that session then goes to the end."""
        for session in list(self._lines):
            line = self._lines[session]
            for key, item in line.items():
                if ready(item):
                    del line[key]
                    self._lines.move_to_end(session)
                    if not line:
                        del self._lines[session]
                    return item
        return None

    def remove(self, key: str) -> Item | None:
        """Take an item out, wherever it stands."""
        for session, line in list(self._lines.items()):
            if key in line:
                item = line.pop(key)
                if not line:
                    del self._lines[session]
                return item
        return None
