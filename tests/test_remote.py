"""A graph on a server answers as the one at hand does, and what a server does wrong is said in one sentence."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

import kg
from conftest import BASE, Runner
from kg import nearby
from kg import open as kg_open
from kg.errors import BusyError, LimitError, TooLargeError, UnavailableError
from kg.queries import query_names
from kg.remote import CUT_ROWS, Remote, connect
from kg.store import Value
from kg.wire import PASSWORD, USER, Patience
from real_servers import MAX_ROWS, Server, Wrong, oxigraph, push_graph, virtuoso, wrong


@pytest.fixture(params=["oxigraph", "virtuoso"], scope="module")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp(request.param)
    with oxigraph(folder, "--union-default-graph") if request.param == "oxigraph" else virtuoso(folder) as found:
        push_graph(found, kg.open())
        yield found


@pytest.fixture(scope="module")
def address(server: Server) -> str:
    return server.url


@pytest.fixture(scope="module")
def remote(address: str) -> kg.Graph:
    return kg.open(endpoint=address)


def _by_value(value: Value) -> Value:
    """Servers may write 5000000 for 5000000.0, and 1 for true."""
    return Decimal(str(int(value))) if isinstance(value, bool) else Decimal(str(value)) if isinstance(value, int | float) else value


@pytest.mark.parametrize("name", query_names())
def test_every_question_has_the_same_answer_as_at_hand(remote: kg.Graph, name: str) -> None:
    here, there = kg.open().query(name), remote.query(name)
    assert there.columns == here.columns
    assert [tuple(map(_by_value, row)) for row in there] == [tuple(map(_by_value, row)) for row in here]


def test_a_server_tells_what_it_holds(remote: kg.Graph) -> None:
    here = kg.open()
    assert remote.snapshot.manifest["sha256"] == here.snapshot.manifest["sha256"]
    assert remote.snapshot.manifest["classes"] == here.snapshot.manifest["classes"]
    assert remote.snapshot.manifest["quads"] == here.snapshot.manifest["quads"]
    assert remote.licence == here.licence


def test_the_network_is_the_same_as_at_hand(remote: kg.Graph) -> None:
    from kg.network import read_network, subgraph

    assert read_network(remote) == read_network(kg.open())
    assert subgraph(remote, ["person:matt-hancock"], depth=2) == subgraph(kg.open(), ["person:matt-hancock"], depth=2)
    assert remote.find("matt hancok") == kg.open().find("matt hancok")


SEEDS = ("person:matt-hancock", "organisation:nhsx", "wave:digital-aspirant-second-seed", "pledge:publictechnology-first-speech-standards")


def test_a_large_server_is_asked_hop_by_hop(remote: kg.Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    from kg.network import neighbours, subgraph

    here = kg.open()
    monkeypatch.setattr(nearby, "WHOLE_QUADS", 0)
    there = kg.Graph(remote.snapshot)
    for seed in SEEDS:
        assert neighbours(there, seed) == neighbours(here, seed)
        assert subgraph(there, [seed], depth=2, max_nodes=60) == subgraph(here, [seed], depth=2, max_nodes=60)
    assert [match.id for match in there.find("matt hancock", limit=1)] == ["person:matt-hancock"]


@pytest.mark.parametrize(
    "args",
    [
        ["query", "money_total"],
        ["query", "pledges", "-p", "maker=person:matt-hancock", "--format", "json"],
        ["show", "trust:east-cheshire"],
        ["find", "hancok"],
        ["path", "place:birmingham", "person:matt-hancock"],
        ["neighbours", "organisation:nhsx"],
        ["stats"],
    ],
    ids=lambda args: args[0] + str(len(args)),
)
def test_a_command_prints_the_same_as_at_hand(kg: Runner, address: str, args: list[str]) -> None:
    there, here = kg(*args, "--endpoint", address), kg(*args)
    assert (there.returncode, there.stdout) == (here.returncode, here.stdout), there.stderr


def test_the_table_of_a_server_is_kept_until_it_holds_something_else(kg: Runner, tmp_path: Path) -> None:
    other = kg_open(BASE)
    (tmp_path / "server").mkdir()
    with oxigraph(tmp_path / "server", "--union-default-graph") as server:
        push_graph(server, kg_open())
        assert kg("find", "hancock", "--endpoint", server.url).returncode == 0
        [first] = kg.home.rglob("table-*.sqlite")
        made = first.stat().st_mtime_ns
        assert kg("find", "hancock", "--endpoint", server.url).returncode == 0
        assert [(path, path.stat().st_mtime_ns) for path in kg.home.rglob("table-*.sqlite")] == [(first, made)]
        push_graph(server, other)
        assert "person:ida-brandt" in kg("find", "brandt", "--endpoint", server.url).stdout
        assert len(list(kg.home.rglob("table-*.sqlite"))) == 2


def test_queries_of_ones_own_are_asked_with_their_prefixes_and_graphs(remote: kg.Graph) -> None:
    for text in (
        "ASK { ?x a kg:Pledge }",
        "CONSTRUCT { ?x a kg:Pledge } WHERE { ?x a kg:Pledge }",
        "SELECT (COUNT(*) AS ?n) FROM <https://w3id.org/kg-commitments/graph/entities> WHERE { ?s ?p ?o }",
        "SELECT (COUNT(*) AS ?n) FROM NAMED <https://w3id.org/kg-commitments/graph/entities> WHERE { GRAPH ?g { ?s ?p ?o } }",
    ):
        assert _text(remote.sparql(text)) == _text(kg.open().sparql(text))


def _text(answer: object) -> list[str]:
    return sorted(map(str, answer))  # type: ignore[call-overload]  # rows and triples can be iterated


@pytest.mark.parametrize(
    ("text", "say"),
    [
        ("SELECT ?x {", "is not SPARQL at line 1"),
        ("SELECT * { SERVICE <http://127.0.0.1:9/> { ?a ?b ?c } }", "calls SERVICE"),
        ("SELECT * FROM <file:///etc/passwd> { ?a ?b ?c }", "no graph of this store"),
        ("INSERT DATA { <urn:a> <urn:b> <urn:c> }", "read-only"),
    ],
)
def test_what_is_not_allowed_is_refused_before_it_is_sent(remote: kg.Graph, text: str, say: str) -> None:
    with pytest.raises(kg.QueryError, match=say):
        remote.sparql(text)


def test_what_needs_the_quads_says_so(kg: Runner, address: str) -> None:
    import kg as library

    with pytest.raises(library.CallError, match="the graph is on a server"):
        library.open(endpoint=address).to_dataset()
    done = kg("query", "pledges", "--endpoint", address, "--store", "x")
    assert (done.returncode, done.stderr) == (2, "kg: A store and an endpoint are given; give one of the two.\n")


def test_a_server_whose_default_graph_is_not_the_union_is_named(tmp_path: Path) -> None:
    with oxigraph(tmp_path) as found:
        with pytest.MonkeyPatch.context() as patch:
            # Such a server could not be filled; one may be started again in another way.
            patch.setattr("kg.push.require_union", lambda remote, pattern: None)
            push_graph(found, kg.open())
        with pytest.raises(kg.DataError, match="is not the union of its named graphs"):
            connect(found.url)


# ---------------------------------------------------------------- servers that do wrong


@pytest.mark.parametrize(
    ("how", "error", "say"),
    [
        (
            Wrong(401, b"<html><b>Who are</b> you?</html>"),
            kg.CallError,
            f"wants credentials. Set {USER} and {PASSWORD}. It says: Who are you\\?",
        ),
        (Wrong(404, b"no such path"), kg.CallError, "There is nothing at .* that takes queries.* It says: no such path"),
        (Wrong(500, b"out of memory"), UnavailableError, r"cannot answer this \(500\). It says: out of memory"),
        (Wrong(502, b""), UnavailableError, r"\(502\). It says: nothing\."),
        (Wrong(503, b""), BusyError, r"too busy for this \(503\)\. Try again in some seconds\. It says: nothing\."),
        (Wrong(429, b"slow down"), BusyError, r"\(429\)\. .* It says: slow down"),
        (Wrong(400, b"Virtuoso 37000 Error SP030"), kg.QueryError, r"refuses the query \(400\). It says: Virtuoso 37000"),
        (Wrong(200, b"<html>Welcome</html>"), kg.DataError, "cannot be read: .* Is it the address of a SPARQL server\\?"),
        (Wrong(200, b'{"head":{"vars":["n"]},"results":{"bindings":[{"n":{"ty'), kg.DataError, "may have broken off"),
        (Wrong(200, sent=5), UnavailableError, "broke off in the middle of its answer"),
        (Wrong(206), TooLargeError, "has cut the answer at its own limit"),
        (Wrong(headers=(("X-SPARQL-MaxRows", "1048576"),)), TooLargeError, "has cut the answer"),
        (Wrong(is_silent=True), UnavailableError, r"was silent for 0\.5 seconds"),
        (Wrong(drips_s=0.2), LimitError, r"was not done with its answer after 1 seconds"),
        (Wrong(302, headers=(("Location", "http://127.0.0.1:9/"),)), kg.QueryError, r"refuses the query \(302\)"),
    ],
    ids=lambda value: f"{value.status}-{value.sent}-{len(value.body)}" if isinstance(value, Wrong) else "",
)
def test_what_a_server_does_wrong_is_said_with_its_words(how: Wrong, error: type[kg.KGError], say: str) -> None:
    with wrong(how) as (url, seen), pytest.raises(error, match=say):
        Remote(url, Patience(silent_s=0.5, total_s=1)).select("ASK { ?s ?p ?o }")
    assert len(seen) == 1, "a question is not asked again"


def test_an_answer_that_ends_at_the_limit_of_virtuoso_is_not_taken_for_whole() -> None:
    row = b'{"n":{"type":"literal","value":"1"}}'
    for rows, is_cut in ((CUT_ROWS - 1, False), (CUT_ROWS, True)):
        body = b'{"head":{"vars":["n"]},"results":{"bindings":[' + b",".join([row] * rows) + b"]}}"
        with wrong(Wrong(200, body)) as (url, _):
            if is_cut:
                with pytest.raises(TooLargeError, match="1,048,576 rows, at which some servers cut without a word"):
                    Remote(url).run("SELECT ?n { ?s ?p ?n }")
            else:
                Remote(url).run("SELECT ?n { ?s ?p ?n }")


def test_an_answer_that_the_server_cuts_is_refused(remote: kg.Graph) -> None:
    text = "SELECT * { VALUES ?x { 1 2 3 4 5 } ?s ?p ?o }"
    if len(kg.open().sparql(text)) <= MAX_ROWS or "sparql" not in remote.store.url:  # type: ignore[attr-defined]  # it is a Remote
        pytest.skip("this server cuts nothing")
    with pytest.raises(TooLargeError, match="has cut the answer at its own limit"):
        remote.sparql(text)


def test_a_server_that_is_not_there_or_holds_nothing_is_named(kg: Runner) -> None:
    for url, status, say in (
        ("http://127.0.0.1:9/query", 1, "cannot be reached"),
        ("ftp://127.0.0.1/", 2, "is no address of a server"),
        ("nonsense", 2, "is no address of a server"),
        ("http://ida:secret@127.0.0.1:9/query", 2, "An address holds no credentials"),
    ):
        done = kg("query", "pledges", "--endpoint", url)
        assert (done.returncode, done.stdout) == (status, "")
        assert say in done.stderr
        assert "Traceback" not in done.stderr
        assert ".." not in done.stderr
        assert "secret" not in done.stderr


@pytest.mark.parametrize(
    ("asked", "begins"),
    [('Basic realm="x"', "Basic aWRhOnDDpHNz"), ('Digest realm="x", nonce="n", qop="auth", algorithm=MD5', "Digest username=")],
)
def test_the_credentials_come_from_the_environment_and_are_sent_as_the_server_asks(
    monkeypatch: pytest.MonkeyPatch, asked: str, begins: str
) -> None:
    monkeypatch.setenv(USER, "ida")
    monkeypatch.setenv(PASSWORD, "päss")
    with wrong(Wrong(401, headers=(("WWW-Authenticate", asked),)), Wrong(body=b'{"head":{},"boolean":true}')) as (url, seen):
        assert Remote(url).select("ASK {}").rows == ((True,),)
    (_, first), (_, second) = seen
    assert first is None, "who is not asked says nothing"
    assert str(second).startswith(begins)


def test_credentials_that_are_not_let_in_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(USER, "ida")
    with (
        wrong(Wrong(401, b"no", headers=(("WWW-Authenticate", "Basic"),))) as (url, _),
        pytest.raises(kg.CallError, match=f"not let {USER} in"),
    ):
        Remote(url).select("ASK {}")
