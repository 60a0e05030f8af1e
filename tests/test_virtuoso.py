"""Every case of the catalogue on Virtuoso, whose planner loses rows on much that is plain SPARQL.

The graphs of the cases are pushed one after the other into the same server, which holds one at a time.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

import kg
from conftest import compiled
from kg.queries import Query, get_query
from kg.remote import Remote
from kg.snapshots import Snapshot
from real_servers import Server, push_graph, virtuoso
from test_cases import CASES, Row, _expected, _plain, _read_case

GRAPHS = sorted({_read_case(folder)[0] for folder in CASES})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with virtuoso(tmp_path_factory.mktemp("virtuoso")) as found:
        yield found


def _ask(graph: kg.Graph, query: Query, params: dict[str, object]) -> list[Row]:
    return [_plain(query, row) for row in graph.query(query.name, **params)]


@pytest.mark.parametrize("folder", GRAPHS, ids=lambda folder: folder.name)
def test_virtuoso_answers_as_worked_out_by_hand(server: Server, folder: Path) -> None:
    opened = compiled(folder)
    push_graph(server, kg.Graph(opened))
    remote = kg.Graph(Snapshot(opened.manifest, lambda: Remote(server.url)))
    for case in CASES:
        graph, params, rows = _read_case(case)
        if graph == folder:
            query = get_query(case.parent.name)
            assert _ask(remote, query, params) == _expected(query, rows), case
