from pathlib import Path

import pytest

from kg import build
from kg.errors import ParseError
from kg.resources import shipped


def test_the_shipped_graph_builds_the_same_twice() -> None:
    assert build.build(shipped("graph")) == build.build(shipped("graph"))


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParseError, match=str(tmp_path)):
        build.build(tmp_path)
