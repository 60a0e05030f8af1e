"""Servers on this machine: started, asked, put under load, weighed and ended."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 16
ACCEPT = "application/json, application/sparql-results+json;q=0.9, text/turtle;q=0.5"

SCRIPT = """
local paths = {
%s
}
local at = 0
function init(args)
  math.randomseed(tonumber(tostring({}):match("0x(%%x+)"), 16))
  at = math.random(#paths)
end
function request()
  at = at %% #paths + 1
  return wrk.format("GET", paths[at])
end
function done(summary, latency)
  local bad = summary.errors
  local failed = bad.status + bad.timeout + bad.read + bad.connect
  io.write(string.format("RESULT %%d %%d %%f %%d\\n", summary.requests, summary.duration, latency:percentile(99) / 1000, failed))
end
"""
"""What wrk runs: each thread begins somewhere else in the list."""


@dataclass(frozen=True)
class Load:
    """What wrk saw: requests a second, the 99th percentile in ms, and how many answers were no 200."""

    rate: float
    p99_ms: float
    bad: int


def free_port() -> int:
    """Return a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def serving(command: Sequence[str | Path], port: int, path: str, wait_s: float) -> Iterator[int]:
    """Run a server until the block ends; yield its process id."""
    words, nowhere = [str(part) for part in command], subprocess.DEVNULL
    process = subprocess.Popen(words, stdout=nowhere, stderr=nowhere, start_new_session=True)
    try:
        for _ in range(int(wait_s * 5)):
            time.sleep(0.2)
            if process.poll() is not None:
                raise SystemExit(f"{command[0]} ended with {process.returncode}.")
            if fetch(f"http://127.0.0.1:{port}{path}", 5)[0] == 200:
                break
        else:
            raise SystemExit(f"{command[0]} was not ready within {wait_s} s.")
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def fetch(url: str, timeout_s: float) -> tuple[int, float, str]:
    """Return status (0 without an answer), seconds and the beginning of the answer."""
    started = time.perf_counter()
    request = urllib.request.Request(url, headers={"Accept": ACCEPT})
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            return answer.status, time.perf_counter() - started, answer.read(300).decode("utf-8", "replace")
    except urllib.error.HTTPError as exc:
        return exc.code, time.perf_counter() - started, exc.read(300).decode("utf-8", "replace")
    except OSError as exc:
        return 0, time.perf_counter() - started, type(exc).__name__


def kg_command(store: str, port: int, *more: str) -> list[str]:
    """Return the command that serves a snapshot."""
    return [sys.executable, "-m", "kg", "serve", "--store", store, "--port", str(port), *more]


# ---------------------------------------------------------------- load


def wrk(port: int, paths: Sequence[str], seconds: float, connections: int = CONNECTIONS) -> Load:
    """Ask for the paths in turn, over some connections, and return what wrk saw."""
    script = SCRIPT % ",\n".join(json.dumps(path) for path in paths)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        url = f"http://127.0.0.1:{port}"
        command = ["wrk", "-t2", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "60s", "-H", f"Accept: {ACCEPT}", "-s", file.name, url]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"RESULT (\d+) (\d+) ([\d.]+) (\d+)", said)
    assert found, said
    return Load(int(found[1]) / (int(found[2]) / 1e6), float(found[3]), int(found[4]))


def rates(sides: Sequence[tuple[str, int, Sequence[str]]], seconds: float, runs: int) -> dict[str, list[Load]]:
    """Put load on several servers in turn, in every run."""
    found: dict[str, list[Load]] = {name: [] for name, *_ in sides}
    for name, port, paths in sides:
        if (first := fetch(f"http://127.0.0.1:{port}{paths[0]}", 60))[0] != 200:
            print(f"{name} answers {paths[0][:60]!r} with {first[0]}: {first[2][:200]!r}", flush=True)
        wrk(port, paths[-50:], 1)
    for _ in range(runs):
        for name, port, paths in sides:
            found[name].append(wrk(port, paths, seconds))
    return found


# ---------------------------------------------------------------- memory


def family(pid: int) -> list[int]:
    """Return a process and all below it."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents.setdefault(int(path.read_text().rpartition(")")[2].split()[1]), []).append(int(path.parent.name))
        except OSError:
            continue
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def memory_mib(pid: int) -> float:
    """Return the proportional memory of a process and all below it."""
    total = 0
    for one in family(pid):
        try:
            total += int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{one}/smaps_rollup").read_text(), re.MULTILINE)[1])  # type: ignore[index]  # every roll-up has the line
        except OSError:
            continue
    return total / 1024
