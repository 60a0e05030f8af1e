"""A push sends what has changed, leaves alone what is not ours, and one that dies half-way loses nothing and says so."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

import httpx2 as httpx
import pytest

import kg
from conftest import BASE as SMALL
from conftest import Runner
from kg.errors import BusyError, UnavailableError
from kg.parts import Part
from kg.push import Pushed, push, to_graph_store, to_normal, to_triples
from kg.remote import Remote, connect, count_graphs, read_description
from kg.vocab import BASE, EXPORT_GRAPH, XSD
from kg.wire import PASSWORD, USER
from real_servers import Server, Wrong, oxigraph, push_graph, to_parts, virtuoso, wrong

FOREIGN = "https://example.org/of-others"
DESCRIPTION = f'<{BASE}> <http://purl.org/dc/terms/identifier> "sha256:all" <{EXPORT_GRAPH}> .\n'.encode()


@pytest.fixture(params=["oxigraph", "virtuoso"], scope="module")
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp(request.param)
    started = oxigraph(folder, "--union-default-graph") if request.param == "oxigraph" else virtuoso(folder)
    with started as found:
        yield found


@pytest.fixture
def server(running: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    for name, value in running.env.items():
        monkeypatch.setenv(name, value)
    return running


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An Oxigraph for what does not depend on the server."""
    with oxigraph(tmp_path_factory.mktemp("plain"), "--union-default-graph") as found:
        yield found


def _some(**graphs: Sequence[str]) -> dict[Part, bytes]:
    """Named graphs with a triple for each text."""
    found = {}
    for name, texts in graphs.items():
        graph = f"{BASE}id/source/{name}"
        lines = "".join(sorted(f'<{graph}> <{BASE}ontology#note> "{text}" <{graph}> .\n' for text in texts)).encode()
        found[Part(graph, sha256(lines).hexdigest(), len(texts))] = lines
    return found


def _push(parts: dict[Part, bytes], server: Server, graphs: str | None = None, pauses: Sequence[float] = ()) -> Pushed:
    return push(list(parts), parts.__getitem__, server.url, graphs or server.graphs, description=DESCRIPTION, pauses=pauses)


def _names(iris: Sequence[str]) -> list[str]:
    return [iri.rpartition("/")[2] for iri in iris]


def _held(server: Server) -> dict[str, int]:
    return {name.rpartition("/")[2]: count for name, count in count_graphs(Remote(server.url)).items() if name != EXPORT_GRAPH}


def _clear(server: Server) -> None:
    _push({}, server)


def test_only_what_has_changed_is_sent_and_what_is_gone_is_removed(server: Server) -> None:
    _clear(server)
    assert _names(_push(_some(a=["x"], b=["x", "y"], c=["z"]), server).sent) == ["a", "b", "c"]
    second = _push(_some(a=["x"], b=["x", "w"], d=['é\\n\\"☃']), server)
    assert (_names(second.sent), _names(second.removed), _names(second.unchanged)) == (["b", "d"], ["c"], ["a"])
    assert _held(server) == {"a": 1, "b": 2, "d": 1}
    notes = Remote(server.url).select(f"SELECT ?t {{ ?s <{BASE}ontology#note> ?t }} ORDER BY ?t")
    assert sorted(str(row[0]) for row in notes) == ["w", "x", "x", 'é\n"☃']
    third = _push(_some(a=["x"], b=["x", "w"], d=['é\\n\\"☃']), server)
    assert (third.sent, third.removed, len(third.unchanged)) == ((), (), 3)


def test_graphs_of_others_are_left_alone(server: Server) -> None:
    auth = httpx.DigestAuth(os.environ.get(USER, ""), os.environ.get(PASSWORD, ""))
    for graph in (FOREIGN, "https://w3id.org/kg-commitments-of-others/x"):
        body = "<urn:a> <urn:b> <urn:c> ."
        done = httpx.put(server.graphs, params={"graph": graph}, content=body, headers={"Content-Type": "text/turtle"}, auth=auth)
        assert done.status_code < 300
    _push(_some(a=["x"]), server)
    _push(_some(b=["x"]), server)
    assert Remote(server.url).select("SELECT ?g { GRAPH ?g { <urn:a> <urn:b> <urn:c> } }").rows != ()
    assert len(Remote(server.url).select("SELECT ?g { GRAPH ?g { <urn:a> <urn:b> <urn:c> } }")) == 2
    with pytest.raises(kg.CallError, match="is not of this vocabulary"):
        _push({Part(FOREIGN, "0", 1): b""}, server)


def test_the_shipped_graph_comes_back_as_it_was_sent(server: Server) -> None:
    here = kg.open()
    done = push_graph(server, here)
    assert len(done.sent) == len(to_parts(here))
    _, manifest, note = connect(server.url)
    assert (manifest["sha256"], manifest["quads"], note) == (here.snapshot.manifest["sha256"], here.snapshot.manifest["quads"], None)
    assert manifest["classes"] == here.snapshot.manifest["classes"]
    assert push_graph(server, here).sent == ()


def test_what_someone_else_took_from_a_graph_is_sent_again(plain: Server) -> None:
    _push(_some(a=["x", "y"], b=["x"]), plain)
    text = f"DELETE WHERE {{ GRAPH <{BASE}id/source/a> {{ ?s ?p 'x' }} }}"
    assert httpx.post(plain.url.replace("query", "update"), data={"update": text}).status_code == 204
    assert _names(_push(_some(a=["x", "y"], b=["x"]), plain).sent) == ["a"]


def test_a_push_that_is_killed_loses_nothing_and_is_completed_by_the_next(plain: Server) -> None:
    before, after = _some(a=["x"], b=["x"], c=["x"], d=["x"]), _some(a=["1"], b=["2"], c=["3"])
    _clear(plain)
    _push(before, plain)
    script = f"""
import os, test_push as t
from real_servers import Server
parts = t._some(a=["1"], b=["2"], c=["3"])
def read(part):
    if part.graph.endswith("c"):
        os.kill(os.getpid(), 9)
    return parts[part]
t.push(list(parts), read, {plain.url!r}, description=t.DESCRIPTION.replace(b"all", b"other"))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parent, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert _held(plain) == {"a": 1, "b": 1, "c": 1, "d": 1}, "nothing is removed before all is there"
    described = read_description(Remote(plain.url))
    assert described["http://purl.org/dc/terms/identifier"] == "sha256:all", "the description is that of the state before"
    _, manifest, note = connect_any(plain)
    assert note is not None
    assert "was begun and not finished" in note
    assert "Repeat kg build --endpoint" in note
    assert manifest["sha256"] != "all", "half of a state has no digest of a whole one"
    second = _push(after, plain)
    assert (_names(second.sent), _names(second.removed), _names(second.unchanged)) == (["c"], ["d"], ["a", "b"])
    assert connect_any(plain)[2] is None


def test_a_server_that_is_killed_during_a_push_has_lost_nothing_when_it_is_back(tmp_path: Path) -> None:
    before, after = _some(a=["x"], b=["x"], c=["x"], d=["x"]), _some(a=["1"], b=["2"], c=["3"])
    with ExitStack() as running:
        server = running.enter_context(oxigraph(tmp_path, "--union-default-graph"))
        _push(before, server)

        def read(part: Part) -> bytes:
            if part.graph.endswith("c"):
                running.close()  # with SIGKILL
            return after[part]

        with pytest.raises(UnavailableError, match="Is it running"):
            push(list(after), read, server.url, server.graphs, description=DESCRIPTION.replace(b"all", b"other"), pauses=())
    with oxigraph(tmp_path, "--union-default-graph") as again:
        assert _held(again) == {"a": 1, "b": 1, "c": 1, "d": 1}
        assert "was begun and not finished" in str(connect_any(again)[2])
        assert _names(_push(after, again).sent)[-1] == "c"
        assert (_held(again), connect_any(again)[2]) == ({"a": 1, "b": 1, "c": 1}, None)


def connect_any(server: Server) -> tuple[object, dict[str, object], str | None]:
    remote, manifest, note = connect(server.url)
    return remote, dict(manifest), note


def test_the_state_before_can_be_pushed_again_after_a_push_that_was_killed(plain: Server) -> None:
    before = _some(a=["x"], b=["x"])
    _clear(plain)
    _push(before, plain)
    with pytest.raises(ZeroDivisionError):
        push([*_some(a=["y"]), Part(f"{BASE}id/source/b", "0", 1)], _fail_at_b, plain.url, description=DESCRIPTION)
    assert _names(_push(before, plain).sent) == ["a"], "the description tells of a what was true before"


def _fail_at_b(part: Part) -> bytes:
    return _some(a=["y"])[part] if part.graph.endswith("a") else b"%d" % (1 // 0)


def test_a_reader_is_told_of_a_push_that_was_not_finished(kg: Runner, plain: Server) -> None:
    assert kg("build", "--endpoint", plain.url, "--graph", SMALL).returncode == 0
    httpx.post(
        plain.graphs,
        params={"graph": EXPORT_GRAPH},
        content=f'<{BASE}> <http://purl.org/dc/terms/isReplacedBy> "x" .',
        headers={"Content-Type": "text/turtle"},
    )
    done = kg("stats", "--endpoint", plain.url)
    assert (done.returncode, done.stderr.count("was begun and not finished")) == (0, 1)
    assert kg("build", "--endpoint", plain.url, "--graph", SMALL).returncode == 0
    assert kg("stats", "--endpoint", plain.url).stderr == ""


# ---------------------------------------------------------------- servers and lines that fail


def _address(server: Server) -> str:
    return server.url.removesuffix("/query")


def test_a_server_without_time_is_asked_again_until_it_has(plain: Server) -> None:
    through = Wrong(asks=_address(plain))
    for bad in (Wrong(503), Wrong(429), Wrong(502), Wrong(504), replace_sent(through)):
        _clear(plain)
        with wrong(bad, bad, through) as (url, seen):
            done = _push(_some(a=["x"], b=["y"]), plain, url.replace("/query", "/store"), pauses=(0, 0))
        assert (_names(done.sent), _held(plain)) == (["a", "b"], {"a": 1, "b": 1})
        assert [method for method, _ in seen[:3]] == ["POST"] * 3


def test_an_answer_that_is_lost_after_a_graph_was_removed_is_no_error(plain: Server) -> None:
    _clear(plain)
    _push(_some(a=["x"], b=["x"]), plain)
    through = Wrong(asks=_address(plain))
    with wrong(through, replace_sent(through), through) as (url, seen):
        done = _push(_some(a=["x"]), plain, url.replace("/query", "/store"), pauses=(0,))
    assert [method for method, _ in seen] == ["POST", "DELETE", "DELETE", "PUT"]
    assert (_names(done.removed), _held(plain)) == (["b"], {"a": 1})


def replace_sent(through: Wrong) -> Wrong:
    """The request is answered, and the answer is lost."""
    from dataclasses import replace

    return replace(through, sent=0, headers=())


@pytest.mark.parametrize(
    ("bad", "error", "say"),
    [
        (Wrong(503, b"full"), BusyError, r"is too busy for this \(503\).* It says: full"),
        (Wrong(500, b"out of memory"), UnavailableError, r"\(500\). It says: out of memory"),
        (Wrong(401, b"who?"), kg.CallError, f"wants credentials. Set {USER} and {PASSWORD}. It says: who"),
        (Wrong(405, b"no"), kg.CallError, "nothing at .* that takes graphs. Name with --graph-store-url"),
        (Wrong(413, b"large"), kg.CallError, r"refuses the graph \(413\). It says: large"),
        (Wrong(sent=3), UnavailableError, "broke off"),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Wrong) else "",
)
def test_a_server_that_fails_during_a_push_is_named_and_the_push_can_be_repeated(
    plain: Server, bad: Wrong, error: type[kg.KGError], say: str
) -> None:
    _clear(plain)
    _push(_some(z=["x"]), plain)
    through = Wrong(asks=_address(plain))
    # The mark is posted, and a is put and read again; then it goes wrong.
    with wrong(through, through, through, bad) as (url, seen), pytest.raises(error, match=say):
        _push(_some(a=["x"], b=["y"]), plain, url.replace("/query", "/store"), pauses=(0,))
    assert len(seen) == (5 if bad.status == 503 or bad.sent else 4), "what passes is tried again, and nothing else"
    assert _held(plain) == {"z": 1, "a": 1}
    assert connect_note(plain) == 1
    assert _names(_push(_some(a=["x"], b=["y"]), plain).sent) == ["b"]
    assert _held(plain) == {"a": 1, "b": 1}


def connect_note(server: Server) -> int:
    return len([name for name in read_description(Remote(server.url)) if name.endswith("isReplacedBy")])


def test_a_server_that_changes_what_it_is_given_is_named(plain: Server) -> None:
    _clear(plain)
    through = Wrong(asks=_address(plain))
    other = Wrong(200, b'<urn:a> <urn:b> "other" .')
    with wrong(through, through, other) as (url, _), pytest.raises(kg.DataError, match=r"does not return the graph .*/a as it was sent"):
        _push(_some(a=["x"]), plain, url.replace("/query", "/store"))
    _clear(plain)
    with (
        wrong(through, Wrong(204, b""), Wrong(200, to_triples(*_line()))) as (url, _),
        pytest.raises(kg.DataError, match="holds 0 of the 1 triples"),
    ):
        _push(_some(a=["x"]), plain, url.replace("/query", "/store"))


def _line() -> tuple[bytes, str]:
    ((part, lines),) = _some(a=["x"]).items()
    return lines, part.graph


def test_a_server_whose_default_graph_is_not_the_union_is_named_before_anything_is_sent(tmp_path: Path) -> None:
    with oxigraph(tmp_path) as found:
        with pytest.raises(kg.DataError, match="is not the union of its named graphs"):
            _push(_some(a=["x"]), found)
        assert _held(found) == {}


# ---------------------------------------------------------------- the command, and what is the same


def test_the_command_pushes_and_says_what_it_sent(kg: Runner, plain: Server) -> None:
    _clear(plain)
    done = kg("build", "--endpoint", plain.url, "--graph", SMALL)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("removed 0, left 0 as they were.\n")
    again = kg("build", "--endpoint", plain.url, "--graph", SMALL, "--graph-store-url", plain.graphs)
    assert "sent 0 graphs, removed 0, left" in again.stdout
    here, there = kg("stats", "--graph", SMALL), kg("stats", "--endpoint", plain.url)
    assert there.stdout == here.stdout


@pytest.mark.parametrize(
    ("args", "status", "say"),
    [
        (
            ["--endpoint", "http://127.0.0.1:9/query", "--out", "x"],
            2,
            "An endpoint and a folder to write to are given; give one of the two.",
        ),
        (["--graph-store-url", "http://127.0.0.1:9/store"], 2, "name the server with --endpoint URL"),
        (["--endpoint", "http://127.0.0.1:9/elsewhere"], 2, "does not tell where the server takes graphs. Say it with --graph-store-url"),
        (["--endpoint", "http://127.0.0.1:9/query"], 1, "cannot be reached"),
        (["--endpoint", "http://ida:secret@127.0.0.1:9/query"], 2, "An address holds no credentials"),
        (["--endpoint", "http://127.0.0.1:9/query", "--graph-store-url", "http://ida:secret@127.0.0.1:9/"], 2, "An address holds no"),
    ],
)
def test_a_wrong_call_is_said_in_one_sentence(kg: Runner, args: list[str], status: int, say: str) -> None:
    done = kg("build", "--graph", SMALL, *args)
    assert (done.returncode, done.stdout) == (status, "")
    assert say in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


def test_where_a_server_takes_graphs_is_told_by_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(USER, raising=False)
    assert to_graph_store("https://x/query") == "https://x/store"
    assert to_graph_store("https://x/sparql") == "https://x/sparql-graph-crud"
    monkeypatch.setenv(USER, "dba")
    assert to_graph_store("https://x/sparql") == "https://x/sparql-graph-crud-auth"


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ('"5000000.0"^^<decimal>', '"5000000"^^<decimal>', True),
        ('"123456789012345678901234.50"^^<decimal>', '"123456789012345678901234.5"^^<decimal>', True),
        ('"123456789012345678901234567890123"^^<integer>', '"123456789012345678901234567890123"^^<decimal>', True),
        ('"-0.0"^^<decimal>', '"0"^^<integer>', True),
        ('"100"^^<integer>', '"1"^^<integer>', False),
        ('"123456789012345678901234567890.1"^^<decimal>', '"123456789012345678901234567890.2"^^<decimal>', False),
        ('"5"^^<integer>', '"5"', False),
        ('"true"^^<boolean>', '"1"^^<boolean>', True),
        ('"true"^^<boolean>', '"0"^^<boolean>', False),
        ('"hi"@en-GB', '"hi"@en-gb', True),
        ('"hi"@en', '"hi"@de', False),
        ('"caf\\u00E9"', '"café"', True),
        ('"2018-07-23"^^<date>', '"2018-07-24"^^<date>', False),
        ('"a"', '"a "', False),
    ],
)
def test_the_normal_form_is_the_same_for_the_same_value_only(one: str, other: str, is_same: bool) -> None:
    forms = [to_normal(f"<urn:a> <urn:b> {text.replace('^^<', '^^<' + XSD)} .".encode()) for text in (one, other)]
    assert (forms[0] == forms[1]) is is_same
