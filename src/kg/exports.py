"""A network in the formats of other tools: NetworkX, Cytoscape, Gephi, spreadsheets and linked data.

Each can be loaded back with its own library and is then the same network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kg.elements import Plain, edge_attributes, node_attributes
from kg.errors import CallError, DataError
from kg.network import Network, Reach, to_networkx
from kg.projection import triples_of
from kg.queries import Graph
from kg.store import Triples, to_triple
from kg.store import to_csv as csv_text
from kg.vocab import shorten, to_iri

if TYPE_CHECKING:
    import networkx as nx

_NOT_XML = re.compile(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_json(network: Network) -> str:
    r"""Return node-link JSON, which `networkx.node_link_graph` reads and D3 draws.

    Example:
        >>> to_json(Network((), ()))[:20]
        '{\n  "directed": true'
    """
    import networkx as nx

    return _dump(nx.node_link_data(to_networkx(network), edges="edges"))


def reach_to_json(found: Reach) -> bytes:
    """Return what lies within reach as node-link JSON, the same as `to_json` of the subgraph but for blanks.

    The records are put together by the table, so a large subgraph costs a tenth of the time.

    Example:
        >>> import json, kg
        >>> from kg.network import reach
        >>> graph = json.loads(reach_to_json(reach(kg.open(), ["person:matt-hancock"])))["graph"]
        >>> graph["nodes_reached"] == graph["nodes_kept"]
        True
    """
    counts: dict[str, Any] = {"nodes_reached": sum(found.reached), "nodes_kept": sum(found.kept), "truncated": found.kept != found.reached}
    if found.not_walked:
        counts |= {"truncated": True, "not_walked": " ".join(found.not_walked)}
    told = json.dumps(counts if found.reached else {}).encode()
    nodes, edges = found.table.nodes_json(found.numbers), found.table.edges_json(found.numbers, found.filters)
    return b'{"directed":true,"multigraph":true,"graph":%b,"nodes":%b,"edges":%b}' % (told, nodes, edges)


def to_cytoscape(network: Network) -> str:
    """Return the JSON of Cytoscape and Cytoscape.js, which `networkx.cytoscape_graph` reads.

    There `name` is the label and `interaction` the relation.
    """
    import networkx as nx

    data = nx.cytoscape_data(to_networkx(network))
    for node in data["elements"]["nodes"]:
        node["data"]["name"] = node["data"]["label"]
    for edge in data["elements"]["edges"]:
        told = edge["data"]
        edge["data"] = {**told, "id": f"e{told['key']}", "name": told["label"], "interaction": told["relation"]}
    return _dump(data)


def _dump(data: object) -> str:
    return json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def to_graphml(network: Network) -> str:
    """Return GraphML, which Gephi, yEd, igraph and `networkx.read_graphml` read.

    Raises:
        DataError: A text has a sign that XML cannot hold.
    """
    import networkx as nx

    return "\n".join(nx.generate_graphml(_for_xml(network))) + "\n"


def to_gexf(network: Network) -> str:
    """Return GEXF, the format of Gephi, which `networkx.read_gexf` reads, with the key of an edge as its `id`.

    It carries no date of its making, so the same network is the same text.

    Raises:
        DataError: A text has a sign that XML cannot hold.
    """
    import networkx as nx

    graph = _for_xml(network)
    for *_, key, told in graph.edges(keys=True, data=True):
        told["id"] = key
    text = "\n".join(nx.generate_gexf(graph))
    return re.sub(r' lastmodifieddate="[^"]*"', "", text, count=1) + "\n"


def _for_xml(network: Network) -> nx.MultiDiGraph[str]:
    graph = to_networkx(network)
    rows = [*graph.nodes.items(), *((f"{start} to {end}", told) for start, end, told in graph.edges(data=True))]
    for where, told in rows:
        for name, value in told.items():
            if isinstance(value, str) and (found := _NOT_XML.search(value)):
                sign = f"U+{ord(found[0]):04X}"
                raise DataError(f"The {name} of {where!r} holds the sign {sign}, which XML cannot carry. Mend it, or write json or csv.")
    _settle_types(list(graph.nodes.values()))
    _settle_types(list(graph.edges.values()))
    return graph


def _settle_types(rows: Sequence[dict[str, Plain]]) -> None:
    """XML declares one type for each name: whole numbers among others become such, and numbers among texts become texts."""
    types: dict[str, set[type]] = {}
    for told in rows:
        for name, value in told.items():
            types.setdefault(name, set()).add(type(value))
    casts = {name: float if found == {int, float} else str for name, found in types.items() if len(found) > 1}
    for told in rows:
        told.update({name: cast(told[name]) for name, cast in casts.items() if name in told})


def to_csv(network: Network) -> dict[str, str]:
    r"""Return two tables, `nodes.csv` and `edges.csv`, as Gephi and pandas read them: an empty cell is unknown.

    Example:
        >>> to_csv(Network((), ()))
        {'nodes.csv': 'id,class,label,kind,degree\n', 'edges.csv': 'source,target,key,relation,label,inverse_label,inferred\n'}
    """
    nodes = [{"id": node.id, **node_attributes(node)} for node in network.nodes]
    edges = [{"source": edge.start, "target": edge.end, "key": edge.number, **edge_attributes(edge)} for edge in network.edges]
    return {
        "nodes.csv": _table(("id", "class", "label", "kind", "degree"), nodes),
        "edges.csv": _table(("source", "target", "key", "relation", "label", "inverse_label", "inferred"), edges),
    }


def _table(first: Sequence[str], rows: Sequence[Mapping[str, Plain]]) -> str:
    columns = (*first, *sorted({name for row in rows for name in row} - set(first)))
    return csv_text([columns, *([row.get(name) for name in columns] for row in rows)])


def to_triples(network: Network, graph: Graph, projection: Path | str | None = None, sources: Collection[str] = ()) -> Triples:
    """Return what the graph says of the nodes of a network and of the facts behind its edges, in the vocabulary of the graph.

    Values, conflicts, absences, identifiers, passages and the bibliography of sources come along; a tie to a node that is
    not in the network does not.

    Args:
        network: Nodes and edges.
        graph: The graph they come from.
        projection: The one that the network comes from, if not the shipped one.
        sources: Only what these sources say; without any, all.

    Raises:
        CallError: The relation of an edge is a text, which no triple can have.
    """
    ids = {node.id for node in network.nodes}
    ties = {(edge.start, edge.relation, edge.end) for edge in network.edges}
    told_of = ids | {id for edge in network.edges for id in (edge.fact, edge.reported_in) if id}
    told = triples_of(graph.store, sorted(told_of))
    posts = {value for _, property, value in map(_names, told) if property == "kg:capacity"} - told_of
    found = [*{*told, *triples_of(graph.store, sorted(posts))}]
    table = graph.table(projection)
    relations, nodes = set(table.relations), table.numbers({value for *_, value in map(_names, found)})
    others = _of_other_sources(found, {shorten(source) for source in sources}) if sources else set()

    def is_kept(triple: tuple[str, str, str]) -> bool:
        subject, property, value = triple
        if subject in others or value in others:
            return False
        return value not in nodes or (triple in ties if subject in ids and property in relations else value in told_of)

    kept = [triple for triple in found if is_kept(_names(triple))]
    stated = set(map(_names, kept))
    return Triples((*kept, *(to_triple(*_iris(tie)) for tie in sorted(ties - stated))))


def _of_other_sources(triples: Sequence[Any], sources: set[str]) -> set[str]:
    """Return the passages of other sources, and the values and disputes that cite no other."""
    names = [_names(triple) for triple in triples]
    passages = {subject for subject, property, value in names if property == "kg:source" and value not in sources}
    cited: dict[str, set[str]] = {}
    for subject, property, value in names:
        if property == "kg:cites":
            cited.setdefault(subject, set()).add(value)
    owned = {subject for subject, property, _ in names if property in ("kg:of", "kg:lacks")}
    return passages | {subject for subject in owned if subject in cited and cited[subject] <= passages}


def _names(triple: Any) -> tuple[str, str, str]:
    """Return the short forms of a triple; a literal is told from a thing by its quotation mark."""
    value = str(triple.object)
    return shorten(triple.subject.value), shorten(triple.predicate.value), shorten(value[1:-1]) if value.startswith("<") else value


def _iris(tie: tuple[str, str, str]) -> tuple[str, str, str]:
    for name in tie:
        if ":" not in name:
            raise CallError(
                f"The projection has the text {name!r} where linked data needs an IRI. Write another format, or mend the projection."
            )
    start, relation, end = map(to_iri, tie)
    return start, relation, end


WRITERS: Mapping[str, Callable[[Network], str]] = {
    "json": to_json,
    "cytoscape": to_cytoscape,
    "graphml": to_graphml,
    "gexf": to_gexf,
}
"""The formats that need nothing but the network."""
