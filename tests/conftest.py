"""Fixtures, from the cheap to the dear.

- The small graph of `tests/breaches/base` is about an invented minister; it has every class once and breaks no rule.
  `small_graph` is a copy of it that a test may spoil, `small_texts` holds the two texts that it cites.
- `kg` runs the installed command as a process of its own, with a home and a cache that belong to one test.
- `warm` is a `kg` whose cache holds the shipped and the small graph already. It is shared by tests that only ask.
- `source_texts` is the folder of the texts of the shipped graph. They are not part of the repository, so tests that
  need them are skipped unless KG_SOURCES names the folder.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import pytest
import uvicorn
from fastapi import FastAPI
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright

from kg.compiler import build_for_now
from kg.snapshots import Snapshot

# How long an example takes depends on what else the machine does.
settings.register_profile("kg", deadline=None)
settings.load_profile("kg")


def compiled(graph: Path, *, sensitive: bool = False) -> Snapshot:
    """Build a graph in a folder that is gone when it is in memory."""
    return build_for_now(graph, sensitive=sensitive)


BASE = Path(__file__).parent / "breaches" / "base"
TEXTS = Path(__file__).parent / "breaches" / "texts"


@dataclass(frozen=True)
class Runner:
    """Calls the installed `kg` in a folder, with a home of its own."""

    home: Path
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def command(self) -> str:
        return str(Path(sys.executable).with_name("kg"))

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("KG_", "XDG_", "COV"))}
        own = {"HOME": str(self.home), "XDG_CACHE_HOME": str(self.home / "cache"), "PYTHONIOENCODING": "utf-8", "COLUMNS": "100"}
        return inherited | own | dict(self.env)

    def __call__(self, *args: str | Path, stdin: str | bytes = b"") -> subprocess.CompletedProcess[str]:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            [self.command, *map(str, args)], cwd=self.home, env=self.environment, input=data, capture_output=True, timeout=120, check=False
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *args: str | Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [self.command, *map(str, args)], cwd=self.home, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )


@pytest.fixture
def kg(tmp_path: Path) -> Runner:
    home = tmp_path / "home"
    home.mkdir()
    return Runner(home)


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    runner = Runner(tmp_path_factory.mktemp("warm"))
    assert runner("stats").returncode == 0
    assert runner("stats", "--graph", BASE).returncode == 0
    return runner


@pytest.fixture
def small_graph(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BASE, tmp_path / "graph"))


@pytest.fixture
def small_texts(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TEXTS, tmp_path / "texts"))


@pytest.fixture(scope="session")
def source_texts() -> Path:
    folder = os.environ.get("KG_SOURCES")
    if not folder:
        pytest.skip("KG_SOURCES does not name the folder of the source texts, which are not part of the repository")
    return Path(folder)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium is installed; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        started = playwright.chromium.launch(executable_path=chromium, args=flags)
        yield started
        started.close()


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve an application at a free port until the block ends; yield its address."""
    server = uvicorn.Server(uvicorn.Config(app, ws="none", lifespan="off", log_level="warning", access_log=False))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
        thread.start()
        while not server.started:
            thread.join(0.02)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(20)
