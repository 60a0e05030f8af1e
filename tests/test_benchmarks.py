"""A benchmark prints its table; what the figures are is not for a test to say."""

import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "benchmarks"


def test_the_benchmark_of_the_network_prints_ours_beside_its_peers(tmp_path: Path) -> None:
    command: list[str | Path] = [sys.executable, FOLDER / "network.py", "--quads", "12000", "--runs", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")]
    assert [re.split(r",| among", row[0])[0] for row in rows[1:]] == [
        "table of the projection",
        "two hops from an entity of 3 to 6 edges",
        "two hops from a fact of 3 to 6 edges",
        "two hops from the largest hub",
        "the same without a limit of nodes",
        "first page of the hub",
        "shortest paths of 50 pairs",
        "search for 50 misspelt names",
        "MultiDiGraph with dates",
    ]
    assert all("ms" in row[1] or " s" in row[1] for row in rows[1:])
    assert list(tmp_path.iterdir()) == [], "it leaves nothing behind"
