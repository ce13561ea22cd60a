"""Time from the command to the first page that answers: `streamlit run workbench` beside `streamlit hello`.

A page has answered when the server is up, a browser's websocket is open, and the script of the first
page has run to its end. Each is started several times in an order that alternates; the medians count.
Run: python benchmarks/startup.py [repeats]
"""

from __future__ import annotations

import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = 2.0  # seconds more than streamlit hello
PATIENCE = 120.0
COMMANDS = {"streamlit hello": ["hello"], "streamlit run workbench": ["run", str(ROOT / "workbench")]}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def wait_for_server(port: int, process: subprocess.Popen[bytes], deadline: float) -> None:
    """Return when the server says that it is well."""
    while True:
        if process.poll() is not None:
            raise SystemExit(f"the app ended with code {process.returncode} before it answered")
        if time.monotonic() > deadline:
            raise SystemExit(f"no answer within {PATIENCE:.0f} s")
        try:
            with urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=5) as answer:
                if answer.read() == b"ok":
                    return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.02)


async def first_page(port: int) -> int:
    """Ask for the first page as a browser does; returns the number of messages until its script has ended."""
    import websockets
    from streamlit.proto.BackMsg_pb2 import BackMsg
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

    address = f"ws://localhost:{port}/_stcore/stream"
    async with websockets.connect(address, subprotocols=["streamlit"], max_size=None) as connection:
        message = BackMsg()
        message.rerun_script.query_string = ""
        await connection.send(message.SerializeToString())
        count = 0
        while True:
            count += 1
            answer = ForwardMsg.FromString(await asyncio.wait_for(connection.recv(), PATIENCE))
            if answer.WhichOneof("type") == "script_finished":
                return count


def once(arguments: list[str]) -> tuple[float, float]:
    """Seconds until the server is up, and until the first page has answered."""
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"HOME": home, "WORKBENCH_HOME": home, "STREAMLIT_SERVER_HEADLESS": "true"}
        command = [sys.executable, "-m", "streamlit", *arguments, "--server.port", str(port)]
        began = time.monotonic()
        process = subprocess.Popen(
            command, cwd=home, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            wait_for_server(port, process, began + PATIENCE)
            up = time.monotonic() - began
            asyncio.run(first_page(port))
            return up, time.monotonic() - began
        finally:
            process.terminate()
            process.wait(timeout=30)


def main(repeats: int) -> None:
    """Print both, and the difference beside the target."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    for _ in range(repeats):
        for name, arguments in COMMANDS.items():
            times[name].append(once(arguments))
    pages = {}
    for name, measured in times.items():
        up, page = (statistics.median(column) for column in zip(*measured, strict=True))
        spread = ", ".join(f"{second:.2f}" for _, second in measured)
        pages[name] = page
        print(f"{name:24} server {up:5.2f} s   first page {page:5.2f} s   (each: {spread})")
    more = pages["streamlit run workbench"] - pages["streamlit hello"]
    print(f"{'difference':24} {more:+.2f} s; target: at most {TARGET:.0f} s more")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
