"""The wheel answers from an empty environment and an empty folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]


def _run(*command: str | Path, cwd: Path, home: Path) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("KG_", "PYTHON", "VIRTUAL"))}
    env |= {"XDG_CACHE_HOME": str(home / "cache"), "PIP_CONSTRAINT": str(TOP / "constraints.txt"), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    # pip keeps its own cache, so that a second run does not fetch everything again.
    env |= {name: os.environ[name] for name in ("PIP_CACHE_DIR",) if name in os.environ}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=170)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, TOP, cwd=folder, home=folder)
    [path] = folder.glob("*.whl")
    return path


def test_the_wheel_holds_what_the_repository_ships_and_nothing_else(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    folders = {"src/kg": "kg", "ontology": "kg/ontology", "graph": "kg/graph", "sparql": "kg/sparql"}
    expected = {
        f"{inner}/{path.relative_to(TOP / outer).as_posix()}"
        for outer, inner in folders.items()
        for path in (TOP / outer).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert {name for name in inside if ".dist-info/" not in name} == expected


def test_the_wheel_answers_in_an_empty_environment_and_folder(wheel: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    _run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=empty, home=tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    _run(python, "-m", "pip", "install", "--quiet", "--constraint", TOP / "constraints.txt", wheel, cwd=empty, home=tmp_path)
    kg = python.with_name("kg")
    assert "Pledge," in _run(kg, "stats", cwd=empty, home=tmp_path)
    assert "person:matt-hancock" in _run(kg, "query", "pledges", cwd=empty, home=tmp_path)
    assert "holds" in _run(kg, "check", cwd=empty, home=tmp_path)
    where = _run(python, "-c", "import kg; print(kg.__file__)", cwd=empty, home=tmp_path)
    assert where.startswith(str(tmp_path))
    assert list(empty.iterdir()) == []
