"""Launch the app for real and look at where it listens."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from workbench import house

Command = Callable[..., tuple[int, str, str]]  # the fixture ``workbench``: arguments -> exit code, stdout, stderr
LOOPBACK = {"0100007F", "00000000000000000000000001000000"}  # 127.0.0.1 and ::1, as /proc writes them
needs_proc = pytest.mark.skipif(not Path("/proc/net/tcp").is_file(), reason="looks at listening sockets in /proc")


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port: int = server.getsockname()[1]
    return port


@contextmanager
def launched(package: Path, cwd: Path, home: Path) -> Iterator[tuple[int, Path]]:
    """The app, really launched from another folder; yields its port and its output."""
    port, output = free_port(), home / "output.txt"
    home.mkdir(parents=True, exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STREAMLIT_")}
    environment |= {"HOME": str(home), "PYTHONPATH": str(house.CHECKOUT)}
    command = [sys.executable, "-m", "streamlit", "run", str(package), "--server.port", str(port)]
    with output.open("w") as file:
        process = subprocess.Popen(
            command, cwd=cwd, env=environment, stdout=file, stderr=file, stdin=subprocess.DEVNULL
        )
    try:
        deadline = time.monotonic() + 60
        while True:
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5) as answer:
                    assert answer.read() == b"ok"
                    break
            except OSError:
                time.sleep(0.1)
        yield port, output
    finally:
        process.terminate()
        process.wait(timeout=30)


def listeners(port: int) -> set[str]:
    """The local addresses on which something listens at that port (Linux: from /proc)."""
    found = set()
    for name in ("tcp", "tcp6"):
        for line in Path("/proc/net", name).read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            address, number = local.split(":")
            if state == "0A" and int(number, 16) == port:
                found.add(address)
    return found
