"""What is asked at a size: every question of the catalogue, of all and of one ordinary thing, and the pages of ordinary things.

    python benchmarks/questions.py SNAPSHOT

prints it as JSON. It is a process of its own, so that who measures need not hold the graph as well.

An ordinary thing is the one of median degree of its class in the network. Where the question has no answer about it, it is the
nearest to the median that has one, so that no engine is praised for finding nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, islice, zip_longest
from random import Random

import kg
from facts import misspell
from kg.elements import Filters, Node
from kg.queries import Graph, Param, get_query, query_names
from kg.snapshots import Engine
from kg.vocab import expand

SEED = 7

NEAREST = 100
"""How many things are tried until one has an answer."""

PAGES = 50
"""How many things are looked at, and how many names are searched for."""

LOAD = 20_000
"""How many things the load asks for, each in its turn."""

FACTS = ("Pledge", "Statement", "Outcome", "Source")
"""Classes of the network that are no entities."""


@dataclass(frozen=True)
class Question:
    """A question of the catalogue as every engine is asked it.

    Args:
        name: Its name.
        param: The parameter that is given; None for the question about all.
        thing: Short form of the thing that is given.
        text: The query.
    """

    name: str
    param: str | None
    thing: str | None
    text: str

    @property
    def key(self) -> str:
        """The same at every size."""
        return f"{self.name} {self.param}" if self.param else self.name


@dataclass(frozen=True)
class Plan:
    """Everything that is asked at a size.

    Args:
        questions: The catalogue.
        things: Ordinary entities, the nearest to the median degree first.
        names: Names of some of them with a slip of the pen.
    """

    questions: tuple[Question, ...]
    things: tuple[str, ...]
    names: tuple[str, ...]


def from_middle(nodes: Sequence[Node]) -> Iterator[Node]:
    """Yield nodes outwards from the one of median degree.

    Example:
        >>> [node.degree for node in from_middle([Node(f"place:{n}", "Place", "", degree=n) for n in (1, 9, 4, 2, 3)])]
        [3, 2, 4, 1, 9]
    """
    ordered = sorted(nodes, key=lambda node: (node.degree, node.id))
    middle = len(ordered) // 2
    pairs = zip_longest(ordered[middle:], reversed(ordered[:middle]))
    return (node for node in chain.from_iterable(pairs) if node is not None)


def nodes_of(graph: Graph, class_name: str | None) -> list[Node]:
    """Return the nodes of a class with its sub-classes; all of them if the class is that of every node."""
    table = graph.table()
    wanted = frozenset(name.removeprefix("kg:") for name in table.meanings(f"kg:{class_name}"))
    return list((wanted and table.nodes(None, Filters(classes=wanted))) or table.nodes(None))


def ask_about(graph: Graph, name: str, param: Param, nearest: Sequence[Node]) -> Question:
    """Return a question about the first of some ordinary things for which it has an answer."""
    thing = next((node.id for node in nearest if len(graph.query(name, **{param.name: node.id}))), nearest[0].id)
    return Question(name, param.name, thing, get_query(name).bind({param.name: f"<{expand(thing)}>"}))


def read_catalogue(graph: Graph) -> Iterator[Question]:
    """Yield each question of the catalogue, of all and, by its first parameter that takes a thing, of one."""
    nearest: dict[str | None, list[Node]] = {}
    for name in query_names():
        yield Question(name, None, None, get_query(name).bind({}))
        if param := next((param for param in get_query(name).params if param.type == "iri"), None):
            if param.class_name not in nearest:
                nearest[param.class_name] = list(islice(from_middle(nodes_of(graph, param.class_name)), NEAREST))
            yield ask_about(graph, name, param, nearest[param.class_name])


def make_plan(graph: Graph) -> Plan:
    """Return what is asked of a graph."""
    entities = [node for node in graph.table().nodes(None) if node.class_name not in FACTS]
    ordinary = list(islice(from_middle(entities), LOAD))
    rng = Random(SEED)
    names = [misspell(rng, node.label) for node in ordinary if len(node.label) > 6]
    return Plan(tuple(read_catalogue(graph)), tuple(node.id for node in ordinary), tuple(names[:PAGES]))


def from_json(text: str) -> Plan:
    """Return a plan that was printed."""
    found = json.loads(text)
    return Plan(tuple(Question(**one) for one in found["questions"]), tuple(found["things"]), tuple(found["names"]))


if __name__ == "__main__":
    print(json.dumps(asdict(make_plan(kg.open(store=sys.argv[1], engine=Engine.memory)))))
