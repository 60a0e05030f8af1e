"""Graphs of every shape for the laws of the network: links, tenures, pledges and statements among a few things."""

import networkx as nx
import pyoxigraph as ox
from hypothesis import strategies as st

import kg
from kg.build import Stated, derive, read
from kg.network import read_network, to_networkx
from kg.resources import shipped
from kg.snapshots import Snapshot
from kg.vocab import CODE, EDTF, ENTITIES_GRAPH, ID, KG, RDF, RDFS

ENTITIES = {
    **{f"person/p{n}": "Person" for n in range(4)},
    **{f"organisation/o{n}": "Organisation" for n in range(3)},
    "trust/t0": "Trust",
    "event/e0": "Event",
    "programme/g0": "Programme",
}
SOURCES = ("source/a", "source/b")
TIES = ("memberOf", "supports", "collaboratesWith", "partOf")
ROLES = ("maker", "speaker", "about", "event", "beneficiary")

_facts: st.SearchStrategy[tuple[str, str, str | None, str | None]] = st.one_of(
    st.tuples(st.just("link"), st.sampled_from(TIES), st.sampled_from(sorted(ENTITIES)), st.sampled_from(sorted(ENTITIES))),
    st.tuples(st.just("tenure"), st.sampled_from(["to", "post"]), st.sampled_from(sorted(ENTITIES)), st.sampled_from(sorted(ENTITIES))),
    st.tuples(st.sampled_from(["pledge", "statement"]), st.sampled_from(ROLES), st.sampled_from(sorted(ENTITIES)), st.none()),
    st.tuples(st.just("pledge"), st.just("partOf"), st.none(), st.none()),
)
_days = st.sampled_from([None, ("start", "2018-07"), ("start", "2021-03-18"), ("end", "2019")])
_told = st.tuples(_facts, st.sampled_from(SOURCES), st.booleans(), _days)

Told = tuple[tuple[str, str, str | None, str | None], str, bool, tuple[str, str] | None]
"""A fact, the source that says it, whether its role is inferred, and a date with its kind."""


def _node(name: str) -> ox.NamedNode:
    return ox.NamedNode(ID + name)


def _term(name: str) -> ox.NamedNode:
    return ox.NamedNode(KG + name)


def _object(property: str, value: str) -> ox.NamedNode:
    if value.startswith("code:"):
        return ox.NamedNode(CODE + value.removeprefix("code:"))
    return _term(value.removeprefix("kg:")) if property == "type" or value.startswith("kg:") else _node(value)


def _quads(facts: list[Told]) -> set[ox.Quad]:
    entities = ox.NamedNode(ENTITIES_GRAPH)
    quads = {ox.Quad(_node(id), ox.NamedNode(RDF + "type"), _term(name), entities) for id, name in ENTITIES.items()}
    quads |= {ox.Quad(_node(id), ox.NamedNode(RDFS + "label"), ox.Literal(id.upper()), entities) for id in ENTITIES}
    for source in SOURCES:
        quads.add(ox.Quad(_node(source), ox.NamedNode(RDF + "type"), _term("Source"), _node(source)))
    for number, ((sort, role, first, second), source, inferred, day) in enumerate(facts):
        name = f"{sort}/{source[-1]}-{number % 5 if sort in ('pledge', 'statement') else number}"
        triples: list[tuple[str, str, str | None]] = [(name, "type", sort.capitalize()), (name, "cites", f"passage/{source[-1]}-{number}")]
        if sort in ("link", "tenure"):
            triples += [(name, "from", first), (name, role if sort == "tenure" else "to", second)]
            triples.append((name, "relation", f"kg:{role}") if sort == "link" else (name, "status", "code:current"))
        else:
            triples.append((name, role, first or f"pledge/{source[-1]}-{(number + 1) % 5}"))
        if inferred:
            triples.append((name, "inferred", f"kg:{role}"))
        passage = f"passage/{source[-1]}-{number}"
        triples.append((passage, "type", "Passage"))
        for subject, property, value in triples:
            predicate = ox.NamedNode(RDF + "type") if property == "type" else _term(property)
            found = _object(property, str(value))
            quads.add(ox.Quad(_node(subject), predicate, found, _node(source)))
        for property, at in (("start", number), ("end", number + 1)):
            quads.add(ox.Quad(_node(passage), _term(property), ox.Literal(at), _node(source)))
        if day:
            date = f"date/{source[-1]}-{number}"
            kind = ox.NamedNode(CODE + day[0])
            quads.add(ox.Quad(_node(date), ox.NamedNode(RDF + "type"), _term("Date"), _node(source)))
            quads.add(ox.Quad(_node(date), _term("of"), _node(name), _node(source)))
            quads.add(ox.Quad(_node(date), _term("kind"), kind, _node(source)))
            quads.add(ox.Quad(_node(date), _term("edtf"), ox.Literal(day[1], datatype=ox.NamedNode(EDTF)), _node(source)))
    return quads


_ONTOLOGY: list[tuple[ox.Quad, ...]] = []


def _ontology() -> tuple[ox.Quad, ...]:
    if not _ONTOLOGY:
        _ONTOLOGY.append(read(shipped("graph")).ontology)
    return _ONTOLOGY[0]


def _dates(held: str | None, published: str | None) -> set[ox.Quad]:
    rows = [("date/a-held", "event/e0", "held", held, "source/a")] if held else []
    rows += [(f"date/{source[-1]}-published", source, "published", published, source) for source in SOURCES] if published else []
    return {
        ox.Quad(_node(date), predicate, value, _node(source))
        for date, of, kind, day, source in rows
        for predicate, value in (
            (ox.NamedNode(RDF + "type"), _term("Date")),
            (_term("of"), _node(of)),
            (_term("kind"), ox.NamedNode(CODE + kind)),
            (_term("edtf"), ox.Literal(str(day), datatype=ox.NamedNode(EDTF))),
        )
    }


def to_graph(facts: list[Told], *, held: str | None = None, published: str | None = None) -> kg.Graph:
    """Return a graph of these facts, with what the build derives from them; the event and the sources may have dates."""
    stated = Stated(_ontology(), tuple(sorted(_quads(facts) | _dates(held, published), key=str)), {})
    return kg.Graph(Snapshot({"quads": len(stated.data)}, lambda: derive(stated)))


def graphs() -> st.SearchStrategy[kg.Graph]:
    """Return graphs of no to twenty facts."""
    return st.lists(_told, max_size=20).map(to_graph)


def plain(graph: kg.Graph) -> "nx.Graph[str]":
    """Return the whole network without direction and without parallel edges, as NetworkX walks it."""
    return nx.Graph(to_networkx(read_network(graph)))
