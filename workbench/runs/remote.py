"""What a bench does besides when its workers are those of a cluster: they come and go, and may not see its home."""

from __future__ import annotations

import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from distributed import Client

from workbench import house
from workbench.blame import describe
from workbench.records import TABLES
from workbench.runs import guest, store
from workbench.runs.recorder import WEIGHTS

log = logging.getLogger("workbench.runs")

PATIENCE = 30.0  # seconds to wait for a worker's answer
STALE = 24 * 3600.0  # seconds after which a mark may be removed
REST = 10.0  # seconds for which one that gave none is not asked
FILE = re.compile(  # what may be in a run folder and comes from a worker
    rf"status\.json|error\.txt|{re.escape(WEIGHTS)}|checkpoint-\d{{9,}}\.safetensors|({'|'.join(TABLES)})(-\d{{6,}})?\.parquet"
)


class Remote:
    """The workers of a cluster, what they work on, and what of it is already in this home."""

    def __init__(self) -> None:
        self.token = f".seen-{uuid.uuid4().hex}"
        self.workers: dict[str, bool | None] = {}  # address -> whether it writes into this home; None: not known yet
        self._marks: set[Path] = set()
        self._places: dict[str, str] = {}  # attempt -> address
        self._missed: dict[str, int] = {}  # attempt -> how many looks in a row it was nowhere
        self._known: dict[str, dict[str, guest.Stamp]] = {}  # attempt -> its files over there that are here, too
        self._deaf: dict[str, float] = {}  # address -> when it may be asked again
        self._lock = threading.RLock()  # an older look at a run must not come after a newer one

    # -- who is there ------------------------------------------------------------------------------------------

    def mark(self) -> str:
        """The name of a file that is in this home and in no other."""
        path = store.runs() / self.token
        if not path.exists():
            for mark in store.runs().glob(".seen-*"):  # of a bench that was killed; a living one marks anew
                if abs(time.time() - mark.stat().st_mtime) > STALE:
                    mark.unlink(missing_ok=True)
            store.write(path, b"")
            self._marks.add(path)
        return self.token

    def close(self) -> None:
        """Remove the marks."""
        for path in self._marks:
            path.unlink(missing_ok=True)

    def look(self, client: Client) -> None:
        """See which workers there are, and ask those that are new whether they see this home."""
        found = client.scheduler_info(n_workers=-1)["workers"]
        with self._lock:
            workers = {address: self.workers.get(address) for address in found}
            if new := [address for address, sees in workers.items() if sees is None]:
                workers |= self._ask(client, new, guest.sees, str(house.home()), self.mark())
            self.workers = workers

    def all_share(self) -> bool:
        """Whether every worker writes into this home by itself."""
        return bool(self.workers) and all(self.workers.values())

    def unseen(self, address: str) -> None:
        """A worker does not see this home after all."""
        self.workers[address] = False

    # -- what they do ------------------------------------------------------------------------------------------

    def send(self, attempt: str, files: Mapping[str, bytes]) -> None:
        """Note the files of a run that go with its order."""
        with self._lock:
            self._known[attempt] = {
                name: (len(content), guest.SHIPPED) for name, content in files.items() if not name.endswith(".json")
            }

    def follow(self, client: Client, runs: Mapping[str, str]) -> list[str]:
        """Copy what workers elsewhere have written of the runs (attempt -> id) since the last time.

        Returns the attempts that nobody works on any more, for their worker has died or left.
        """
        self.look(client)
        with self._lock:
            self._places = {key: place for key, place in self._places.items() if key in runs}
            self._missed = {key: count for key, count in self._missed.items() if key in runs}
            self._known = {key: known for key, known in self._known.items() if key in runs}
            where = {key: place for place, keys in client.processing().items() for key in keys if key in runs}
            lost = [attempt for attempt in runs if self._left(attempt, runs[attempt], where.get(attempt))]
            for place in set(where.values()):
                if not self.workers.get(place):
                    here = {key: runs[key] for key, at in where.items() if at == place and key not in lost}
                    self._collect(client, place, here)
            return lost

    def last(self, client: Client, attempt: str, run_id: str, address: str) -> None:
        """Copy what is left when an attempt is over, and clear it away over there."""
        with self._lock:
            if not self.workers.get(address):
                self._collect(client, address, {attempt: run_id})
                self._ask(client, [address], guest.leave, attempt)

    def _left(self, attempt: str, run_id: str, place: str | None) -> bool:
        """Whether an attempt has begun and its worker does not work on it any more; ``place``: who does now."""
        before = self._places.get(attempt)
        self._missed[attempt] = self._missed.get(attempt, 0) + 1 if before and place is None else 0
        if place is not None:
            self._places[attempt] = place
        moved = before is not None and place not in (None, before)
        if not moved and self._missed[attempt] < 2:  # the word that it is done may be on its way
            return False
        status = store.read_status(run_id)
        begun = status.state == "running" and status.attempt == attempt
        return begun and not (moved and self.workers.get(place or ""))  # a worker that sees this home says so itself

    def _collect(self, client: Client, address: str, runs: Mapping[str, str]) -> None:
        """Copy what one worker has of some runs, in portions."""
        todo = dict(runs)
        while todo:
            looks = [
                guest.Look(run_id, attempt, guest.content(store.folder(run_id) / "request.json") or b"{}",
                           self._known.setdefault(attempt, {}))
                for attempt, run_id in todo.items()
            ]  # fmt: skip
            answers: Mapping[str, guest.Found] = self._ask(client, [address], guest.changes, looks).get(address, {})
            for attempt, run_id in list(todo.items()):
                found = answers.get(attempt)
                if found is not None:
                    self.take(run_id, attempt, found)
                if found is None or not found.more:
                    del todo[attempt]

    def take(self, run_id: str, attempt: str, found: guest.Found) -> None:
        """Put files of a run into this home: the status last, so that it never promises what is not there yet."""
        known = self._known.setdefault(attempt, {})
        place = store.folder(run_id)
        for name, content in sorted(found.files.items(), key=lambda item: item[0] == "status.json"):
            if store.read_request(run_id)[0] != attempt:  # deleted, or sent anew
                return
            status = store.parse_status(content) if name == "status.json" else None
            if not FILE.fullmatch(name) or (name == "status.json" and (status is None or status.attempt != attempt)):
                log.warning("run %s: a worker has a file %r that does not belong there", run_id, name)
                continue
            store.write(place / name, content)
            known[name] = found.stamps.get(name, (0, 0))
        if not found.more:
            for name in [name for name in known if name not in found.stamps]:
                del known[name]
                (place / name).unlink(missing_ok=True)

    def _ask(self, client: Client, addresses: list[str], function: Callable[..., Any], *args: Any) -> dict[str, Any]:
        """Let workers answer; one that does not for long is left alone for a while."""
        now = time.monotonic()
        asked = [address for address in addresses if self._deaf.get(address, 0.0) <= now]
        if not asked:
            return {}
        try:  # client.run with a time limit
            answers: dict[str, Any] = client.sync(
                client._run, function, *args, workers=asked, on_error="return", callback_timeout=PATIENCE
            )
        except TimeoutError as error:
            answers = dict.fromkeys(asked, error)
        failed = {address: answer for address, answer in answers.items() if isinstance(answer, Exception)}
        for address, why in failed.items():
            log.log(logging.INFO if isinstance(why, OSError) else logging.WARNING, "%s: %s", address, describe(why))
            self._deaf[address] = now + REST
        return {address: answer for address, answer in answers.items() if address not in failed}
