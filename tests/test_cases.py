"""Every query of the catalogue against cases: a graph, parameters and the rows worked out by hand from its files.

A case is a folder `cases/<query>/<case>/` with `case.yaml`: `graph` (a folder of `graphs/`; without it the graph lies in the
folder of the case), `params`, and `expected`, where a column that a row leaves out is unbound. Each graph is built once a
session and asked twice: in Oxigraph, as users do, and in rdflib's own evaluator, so that no answer hangs on one engine.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from pathlib import Path

import pyoxigraph as ox
import pytest
import rdflib
import yaml

import kg
from conftest import compiled
from kg.queries import HINT_LINE, VALUES_LINE, Param, Query, get_query, query_names, read_query
from kg.resources import shipped
from kg.store import to_data
from kg.vocab import KG, shorten

TESTS = Path(__file__).parent
CASES = sorted(path.parent for path in TESTS.glob("cases/*/*/case.yaml"))
TEST_GRAPHS = sorted(path for path in TESTS.glob("graphs/*") if path.is_dir())

pytestmark = pytest.mark.filterwarnings("ignore:Dataset:DeprecationWarning")  # rdflib warns of what it calls itself

Row = tuple[str | Decimal | None, ...]


@dataclass(frozen=True, slots=True)
class Engines:
    """One graph in both engines."""

    graph: kg.Graph
    dataset: rdflib.Dataset

    def ask_oxigraph(self, query: Query, params: Mapping[str, object]) -> list[Row]:
        rows = self.graph.query(query.name, **params)
        assert rows.columns == tuple(column.name for column in query.columns)
        return [_plain(query, row) for row in rows]

    def ask_rdflib(self, query: Query, params: Mapping[str, object]) -> list[Row]:
        answer = self.dataset.query(query.bind(self.graph.terms(query, params)))
        assert tuple(str(variable) for variable in answer.vars or ()) == tuple(column.name for column in query.columns)
        return [_plain(query, row) for row in answer]  # type: ignore[arg-type]  # SELECT yields rows, which are tuples of terms


def _plain(query: Query, row: Iterable[object]) -> Row:
    return tuple(_cell(column.type, value) for column, value in zip(query.columns, row, strict=True))


def _cell(type: str, value: object) -> str | Decimal | None:
    """Numbers by value, IRIs by their short form (rdflib gives back MIN of IRIs as a literal), everything else as text."""
    if value is None:
        return None
    if type in ("integer", "decimal"):
        return Decimal(str(value))
    if type == "boolean":
        return str(value).lower()
    return shorten(str(value)) if type in ("iri", "code", "term") else str(value)


def _open(graph: kg.Graph) -> Engines:
    dataset = rdflib.Dataset(default_union=True)
    dataset.parse(data=to_data(graph.embedded.engine), format="nquads")
    return Engines(graph, dataset)


@pytest.fixture(scope="session")
def open_built() -> Callable[[Path], Engines]:
    """Build a folder once a session; a folder that breaks a rule fails here."""

    @cache
    def open_folder(folder: Path) -> Engines:
        return _open(kg.Graph(compiled(folder)))

    return open_folder


@pytest.fixture(scope="session")
def shipped_graph() -> Engines:
    return _open(kg.open())


def _case_id(folder: Path) -> str:
    return f"{folder.parent.name}-{folder.name}"


def _read_case(folder: Path) -> tuple[Path, dict[str, object], list[dict[str, object]]]:
    case = yaml.safe_load((folder / "case.yaml").read_text("utf-8"))
    return TESTS / "graphs" / case["graph"] if "graph" in case else folder, case["params"], case["expected"]


def _expected(query: Query, rows: list[dict[str, object]]) -> list[Row]:
    names = [column.name for column in query.columns]
    assert not {name for row in rows for name in row} - set(names), "the case names a column that the query has not"
    return [_plain(query, [row.get(name) for name in names]) for row in rows]


@pytest.mark.parametrize("folder", CASES, ids=_case_id)
def test_oxigraph_answers_as_worked_out_by_hand(folder: Path, open_built: Callable[[Path], Engines]) -> None:
    graph, params, rows = _read_case(folder)
    query = get_query(folder.parent.name)
    assert open_built(graph).ask_oxigraph(query, params) == _expected(query, rows)


@pytest.mark.parametrize("folder", CASES, ids=_case_id)
def test_rdflib_answers_as_worked_out_by_hand(folder: Path, open_built: Callable[[Path], Engines]) -> None:
    graph, params, rows = _read_case(folder)
    query = get_query(folder.parent.name)
    assert open_built(graph).ask_rdflib(query, params) == _expected(query, rows)


@pytest.mark.parametrize("name", query_names())
def test_both_engines_answer_alike_on_the_shipped_graph(name: str, shipped_graph: Engines) -> None:
    query = get_query(name)
    assert shipped_graph.ask_rdflib(query, {}) == shipped_graph.ask_oxigraph(query, {})


@pytest.mark.parametrize("name", query_names())
def test_no_two_rows_tie_in_the_order(name: str, shipped_graph: Engines, open_built: Callable[[Path], Engines]) -> None:
    query = get_query(name)
    keys = [[column.name for column in query.columns].index(key) for key in _order_keys(query.text)]
    for engines in (shipped_graph, *map(open_built, TEST_GRAPHS)):
        rows = [tuple(row[key] for key in keys) for row in engines.ask_oxigraph(query, {})]
        assert sorted({row for row in rows if rows.count(row) > 1}, key=str) == []


@pytest.mark.parametrize("name", query_names())
def test_every_query_has_a_hit_and_a_trap(name: str) -> None:
    kinds = {folder.name.partition("-")[0] for folder in CASES if folder.parent.name == name}
    assert {"hit", "trap"} <= kinds <= {"hit", "trap", "empty"}


def test_every_case_is_of_a_query() -> None:
    assert {folder.parent.name for folder in CASES} == set(query_names())


def _code(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("#"))


def _selected(text: str) -> list[str]:
    """Names of the outermost SELECT, which is the first and stands on one line: `?x`, or the y of `(COUNT(?x) AS ?y)`."""
    line = next(line for line in text.splitlines() if line.startswith("SELECT"))
    return re.findall(r"\?(\w+)", re.sub(r"\((?:[^()]|\((?:[^()]|\([^()]*\))*\))* AS (\?\w+)\)", r"\1", line))


def _order_keys(text: str) -> list[str]:
    return re.findall(r"\?(\w+)", text.rpartition("ORDER BY")[2])


@pytest.mark.parametrize("path", sorted(shipped("sparql").glob("*.rq")), ids=lambda path: path.stem)
def test_a_file_holds_to_its_header(path: Path) -> None:
    query, code = read_query(path), _code(path.read_text("utf-8"))
    columns = [column.name for column in query.columns]
    assert sorted(_selected(code)) == sorted(columns)
    lines = VALUES_LINE.findall(code)
    assert [names.split() for names, _ in lines] == ([[f"?{param.name}" for param in query.params]] if query.params else [])
    assert all(set(row.split()) == {"UNDEF"} for _, row in lines)
    assert query.summary.endswith("?")
    assert set(query.table) <= set(columns)
    assert set(_order_keys(code)) <= set(columns)


@pytest.mark.parametrize("path", sorted(shipped("sparql").glob("*.rq")), ids=lambda path: path.stem)
def test_a_file_is_ordered_and_asks_no_other_host(path: Path) -> None:
    code = _code(path.read_text("utf-8"))
    assert code.count("ORDER BY") == 1
    assert not re.search(r"\bSERVICE\b|SELECT(\s+DISTINCT)?\s+\*", code, re.IGNORECASE)


@pytest.mark.parametrize("path", sorted(shipped("sparql").glob("*.rq")), ids=lambda path: path.stem)
def test_a_file_runs_unchanged(path: Path, shipped_graph: Engines) -> None:
    answer = shipped_graph.graph.embedded.engine.query(path.read_text("utf-8"), use_default_graph_as_union=True)
    assert isinstance(answer, ox.QuerySolutions)
    assert next(answer, None) is not None


@pytest.mark.parametrize("name", query_names())
def test_a_file_answers_unchanged_as_it_does_by_name(name: str, shipped_graph: Engines) -> None:
    graph = shipped_graph.graph
    assert graph.store.select(get_query(name).text).rows == graph.query(name).rows


def test_the_programmes_that_are_named_by_their_class_are_all_of_them(shipped_graph: Engines) -> None:
    rows = shipped_graph.graph.store.select("SELECT ?class { ?class rdfs:subClassOf* kg:Programme } ORDER BY ?class")
    named = " ".join(str(row[0]) for row in rows)
    assert " UNION ".join(f"{{ ?programme_id a {name} }}" for name in named.split()) in get_query("programmes").text
    assert f"VALUES ?sort {{ {named} }}" in get_query("money_by_programme").text
    for variable in ("larger_sort", "sort"):
        assert f"?{variable} IN ({', '.join(named.split())})" in get_query("money_by_programme").text


def test_a_call_leaves_out_what_it_does_not_need_and_follows_the_path_to_what_is_given(shipped_graph: Engines) -> None:
    graph, query = shipped_graph.graph, get_query("pledges")
    assert "BOUND(?maker)" not in query.bind({})
    assert "VALUES (" not in query.bind({})
    text = query.bind(graph.terms(query, {"programme": "programme:digital-aspirant"}))
    assert "kg:partOf* ?programme" not in text
    first = query.bind({"programme": "<urn:p>", "kg:partOf* ?programme": "<urn:p> <urn:q>"})
    assert "VALUES ?concerned { <urn:p> <urn:q> }" in first
    assert "EXISTS { ?pledge kg:about|kg:beneficiary ?concerned . FILTER(?concerned IN (<urn:p>, <urn:q>)) }" in first
    more = query.bind({"kg:partOf* ?programme": "<urn:q> <urn:r> <urn:s>", "maker": '"\x000\x00"', "programme": "<urn:p>"})
    assert "VALUES ?concerned { <urn:q> <urn:r> <urn:s> }" in more
    assert 'VALUES (?maker ?programme) { ("\x000\x00" <urn:p>) }' in more, "a term is no place for another"
    assert "kg:partOf* ?programme" in query.bind({"programme": "<urn:p>"}), "too many to name"


SELECTIVE = [(name, param.name) for name in query_names() for param in get_query(name).params if param.type == "iri"]


def _some(graph: kg.Graph, query: Query, param: Param, count: int = 60) -> list[str]:
    """Some things that a parameter can be: of those that the answer names, and of all of the class."""
    name = None if param.class_name in (None, "Node") else f"kg:{param.class_name}"
    ids = [str(row[0]) for row in graph.query("entities", **{"class": name})]
    named = {str(value) for row in graph.query(query.name) for value in row}
    found = [id for id in ids if id in named]
    return [*found[:: max(1, len(found) // count)], *ids[:: max(1, len(ids) // count)]]


@pytest.mark.parametrize(("name", "param"), SELECTIVE)
def test_a_hint_makes_a_question_faster_and_changes_no_answer(name: str, param: str, shipped_graph: Engines) -> None:
    query, graph = get_query(name), shipped_graph.graph
    assert param in {match[2] for match in HINT_LINE.findall(query.text)}, "a thing that is given is where the engine should begin"
    (wanted,) = (one for one in query.params if one.name == param)
    bare = replace(query, text=HINT_LINE.sub("", query.text))
    answered = 0
    for id in _some(graph, query, wanted):
        terms = graph.terms(query, {param: id})
        rows = graph.store.select(query.bind(terms)).rows
        assert rows == graph.store.select(bare.bind(terms)).rows, id
        answered += len(rows) > 0
    assert answered, "of none of these is anything said"


def test_a_hint_is_for_a_parameter_and_is_a_comment_until_it_is_given() -> None:
    query = get_query("links")
    assert "#?entity" in query.bind({"source": "<https://example.org/s>"})
    bound = query.bind({"entity": "<https://example.org/e>"})
    assert "{ ?link kg:from <https://example.org/e> } UNION" in bound
    assert "?start_id = ?entity" in bound, "the filter is what decides"
    for name in query_names():
        known = {param.name for param in get_query(name).params}
        assert {match[2] for match in HINT_LINE.findall(get_query(name).text)} <= known


# ---------------------------------------------------------------- the ledger and its totals

LEDGER = ("pledges", "money_total", "money_counted", "money_by_programme")
GRAPHS = [None, *TEST_GRAPHS]
"""The shipped graph and those of the cases."""


def _graph_id(folder: Path | None) -> str:
    return "shipped" if folder is None else folder.name


def _filters(text: str, about: str) -> list[str]:
    """The filters on parameters that speak of a variable, as if it were the pledge."""
    lines = [line.strip() for line in text.splitlines() if line.lstrip().startswith("FILTER(!BOUND(?")]
    return [line.replace(f"?{about}", "?pledge") for line in lines if re.search(rf"\?{about}\b", line)]


def test_the_ledger_and_its_totals_select_by_the_same_words() -> None:
    queries = [get_query(name) for name in LEDGER]
    kinds = [[(param.name, param.type, param.class_name, param.code_list) for param in query.params] for query in queries]
    assert kinds == [kinds[0]] * len(LEDGER)
    filters = _filters(queries[0].text, "pledge")
    assert len(filters) == len(kinds[0])
    for query in queries[1:]:
        assert _filters(query.text, "pledge") == filters
        assert _filters(query.text, "whole") == filters, "a part is left out only if its whole is in the selection"


def _selections(graph: kg.Graph) -> Iterable[dict[str, object]]:
    """Nothing, each parameter of the ledger with some values, and each of these with another."""
    query = get_query("pledges")
    ends = {row["latest"] for row in graph.query("dates", kind="horizon").to_dicts()} - {None}
    yield {}
    for param in query.params:
        values: Iterable[object] = (True, False) if param.type == "boolean" else sorted(map(str, ends))
        if param.type in ("iri", "code"):
            values = _some(graph, query, param, 12) if param.type == "iri" else graph.codes(str(param.code_list))
        for value in values:
            yield {param.name: value}
            yield {"strength": "firm", "conditional": False, param.name: value}


def _add(rows: Iterable[Mapping[str, object]]) -> dict[object, list[Decimal]]:
    """By currency: the least, the most without open ends, the open ends, and the pledges; a row may be of one pledge."""
    totals: dict[object, list[Decimal]] = {}
    for row in rows:
        low, high = Decimal(str(row["total_low"])), row["total_high"]
        of_row = [low, Decimal(str(high or 0)), row.get("open_ends", int(high is None)), row.get("pledges", 1)]
        totals[row["unit"]] = [a + Decimal(str(b)) for a, b in zip(totals.get(row["unit"], [Decimal(0)] * 4), of_row, strict=True)]
    return totals


@pytest.mark.parametrize("folder", GRAPHS, ids=_graph_id)
def test_a_total_is_of_the_ledger_and_its_programmes_add_up_to_it(
    folder: Path | None, shipped_graph: Engines, open_built: Callable[[Path], Engines]
) -> None:
    graph = (open_built(folder) if folder else shipped_graph).graph
    wholes: dict[object, set[object]] = {}
    for part, whole in graph.store.select(f"SELECT ?part ?whole WHERE {{ ?part <{KG}countedIn> ?whole }}"):
        wholes.setdefault(part, set()).add(whole)
    for params in _selections(graph):
        ledger, total, counted, by_programme = (graph.query(name, **params).to_dicts() for name in LEDGER)
        with_total = {row["pledge"] for row in ledger if row["total_low"] is not None}
        assert {row["pledge"] for row in counted} == {pledge for pledge in with_total if not wholes.get(pledge, set()) & with_total}, params
        assert _add(total) == _add(counted) == _add(by_programme), params


@pytest.mark.parametrize("folder", GRAPHS, ids=_graph_id)
def test_a_timeline_dates_a_fact_as_its_facts_do(
    folder: Path | None, shipped_graph: Engines, open_built: Callable[[Path], Engines]
) -> None:
    graph = (open_built(folder) if folder else shipped_graph).graph
    timeline = {row["node_id"]: (row["earliest"], row["latest"], row["dated_by"]) for row in graph.query("timeline").to_dicts()}
    ids = {row["id"] for name in ("kg:Event", "kg:Outcome", "kg:Pledge") for row in graph.query("entities", **{"class": name}).to_dicts()}
    assert timeline.keys() == ids
    for row in graph.query("facts").to_dicts():
        if row["fact_class"] in ("kg:Outcome", "kg:Pledge"):
            assert timeline[row["fact"]] == (row["earliest"], row["latest"], row["dated_by"]), row["fact"]


@pytest.mark.parametrize("name", [name for name in query_names() if any(is_needed for _, _, is_needed in get_query(name).asked_first)])
def test_what_is_not_asked_since_it_comes_to_nothing_would_be_answered_with_nothing(name: str) -> None:
    graph, query = kg.open(), get_query(name)
    programmes = [str(row["id"]) for row in graph.query("entities", **{"class": "Programme"}).to_dicts()]
    empty = [terms for id in programmes if query.is_empty(terms := graph.terms(query, {"programme": id}))]
    assert 0 < len(empty) < len(programmes)
    for terms in empty:
        rows = graph.store.select(query.bind(terms))
        assert (rows.columns, len(rows)) == (tuple(column.name for column in query.columns), 0)
