"""The shapes of the answers in JSON, as OpenAPI tells them. Each is closed: a test holds every answer against its own."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from kg.queries import Column, Query

T = TypeVar("T")
Id = str


def _to_day(value: object) -> object:
    """Numbers and times are no days, though they could be taken for some."""
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        raise ValueError("it is no day; write it like 2021-03-18")
    return value


Day = Annotated[date, BeforeValidator(_to_day)]
"""A day in the form of ISO 8601."""

Documented = dict[int | str, dict[str, Any]]
"""Answers by status, as OpenAPI tells them."""

TWINS: dict[str, Any] = {"text/html": {}, "text/csv": {}, "text/turtle": {}, "application/ld+json": {}}
"""What lists and things are there as besides JSON."""


class Model(BaseModel):
    """A record that has these fields and no others."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=(), serialize_by_alias=True)


class Problem(Model):
    """What went wrong (RFC 9457)."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["There is no 'person:mat-hancock' in the graph. Did you mean 'person:matt-hancock'?"])
    instance: str = Field("", examples=["/entities/person/mat-hancock"], description="the path that was asked for")


PROBLEMS: Documented = {"default": {"model": Problem, "description": "What went wrong", "content": {"application/problem+json": {}}}}


class Listed(Model, Generic[T]):
    """One page of a list, and how much there is."""

    results: list[T]
    total: int = Field(description="how many there are, over all pages", examples=[28])
    limit: int = Field(examples=[50])
    offset: int = Field(examples=[0])
    next: str | None = Field(description="the next page, or null at the end", examples=["/pledges?limit=50&offset=50"])
    truncated: bool = Field(description="whether there is more than these", examples=[False])
    labels: dict[Id, str] = Field(
        description="labels of the things that the results name", examples=[{"person:matt-hancock": "Matt Hancock"}]
    )
    licence: str | None = Field(examples=["https://creativecommons.org/licenses/by/4.0/"])
    snapshot: str = Field(description="SHA-256 of the snapshot that answers", examples=["c638a175"])


class Match(Model):
    """A thing that was found."""

    id: Id = Field(examples=["person:matt-hancock"])
    class_name: str = Field(alias="class", examples=["Person"])
    label: str = Field(examples=["Matt Hancock"])
    name: str | None = Field(None, description="the name by which it was found", examples=["Matthew Hancock"])
    score: float | None = Field(None, description="how near the name is, 0 to 100", examples=[96.3])


class Property(Model):
    """A property of a thing and its value, both readable."""

    property: str = Field(examples=["kg:strength"])
    property_label: str = Field(examples=["strength"])
    value: str | int | float | bool = Field(examples=["Firm"])


class Passage(Model):
    """Words of a source that prove something."""

    id: Id = Field(examples=["passage:publictechnology-first-speech-100-160"])
    source: Id = Field(examples=["source:publictechnology-first-speech"])
    start: int = Field(description="first code point, from 0", examples=[100])
    end: int = Field(description="the code point after the last", examples=[160])
    form: str | None = Field(None, examples=["direct"])
    sha256: str = Field(description="digest of the text between")
    link: str | None = Field(None, description="opens the public page at the passage")
    words: str | None = Field(None, description="the words, where the server has the texts")


class Fact(Model):
    """A fact or value that names a thing, in one or more roles."""

    id: Id = Field(examples=["pledge:publictechnology-first-speech-fund"])
    class_name: str = Field(alias="class", examples=["Pledge"])
    label: str | None = None
    roles: list[str] = Field(description="how the fact reads from the thing", examples=[["made"]])
    date: str | None = Field(None, description="when it was held, happened or began, in EDTF", examples=["2018-07"])
    earliest: Day | None = Field(None, description="first day that its date allows")
    latest: Day | None = Field(None, description="last day that its date allows")
    dated_by: Literal["fact", "event", "publication"] | None = None
    reported_in: Id
    passages: list[Passage]


class Name(Model):
    """A name that a thing goes by."""

    name: str
    kind: str
    reported_in: Id | None = None


class Entity(Model):
    """All that is known of a thing, each line with its passages."""

    id: Id = Field(examples=["person:matt-hancock"])
    iri: str = Field(examples=["https://w3id.org/kg-commitments/id/person/matt-hancock"])
    class_name: str = Field(alias="class", examples=["Person"])
    label: str = Field(examples=["Matt Hancock"])
    properties: list[Property]
    names: list[Name]
    passages: list[Passage] = Field(description="the passages that prove the thing itself")
    facts: list[Fact] = Field(description="the facts and values that name it, by date")
    licence: str | None
    snapshot: str


class Told(Model):
    """What a node or an edge tells about itself in the network, where it is known."""

    strength: str | None = None
    polarity: str | None = None
    condition: str | None = None
    purpose: str | None = None
    hedge: str | None = None
    gloss: str | None = None
    status: str | None = None
    position: int | str | None = None
    mark: str | None = None
    capacity: str | None = None
    date: str | None = None
    earliest: str | None = None
    latest: str | None = None
    quantity: str | None = None
    conflict: str | None = None
    absence: str | None = None


class Node(Told):
    """A node of the network."""

    id: Id = Field(examples=["pledge:publictechnology-first-speech-fund"])
    class_name: str = Field(alias="class", examples=["Pledge"])
    label: str
    kind: str | None = None
    network_degree: int = Field(description="edges in the whole network")
    money: str | None = Field(None, description="as text; the figures are total_low and total_high")
    total_low: int | float | str | None = Field(None, description="the least it comes to")
    total_high: int | float | str | None = Field(None, description="the most it comes to; missing where the end is open")
    unit: str | None = None
    counted_in: str | None = Field(None, description="the pledge whose total counts this one already")
    ods_code: str | None = None
    wikidata: str | None = None


class Edge(Told):
    """A directed edge of the network, with the fact and the passages that prove it."""

    source: Id = Field(description="where it starts")
    target: Id = Field(description="where it ends")
    key: str = Field(description="its number, as text")
    relation: str = Field(examples=["kg:maker"])
    label: str = Field(description="how it reads from the start", examples=["made by"])
    inverse_label: str = Field(description="how it reads from the end", examples=["made"])
    inferred: bool = Field(description="whether the archivist concluded it")
    fact: Id | None = None
    reported_in: Id | None = None
    known_by: str | None = Field(None, description="the day by which it has begun to hold")
    ended_by: str | None = None
    passages: str | None = Field(None, description="short forms, parted by blanks")
    link: str | None = Field(None, description="opens the public page at the first passage")
    money: str | None = Field(None, description="as text, so that nobody adds up edges")


class Cut(Model):
    """How much of what lies within reach is there."""

    nodes_reached: int | None = None
    nodes_kept: int | None = None
    truncated: bool | None = None
    not_walked: str | None = Field(
        None, description="short forms of the nodes of a large server that too many facts name to lead on, parted by blanks"
    )


class NodeLink(Model):
    """A network as NetworkX reads it with `node_link_graph(data, edges="edges")`."""

    directed: Literal[True]
    multigraph: Literal[True]
    graph: Cut
    nodes: list[Node]
    edges: list[Edge]


class Way(Model):
    """A way out of a node."""

    relation: str
    label: str = Field(examples=["made"])
    outward: bool
    edges: int
    nodes: int


class Neighbours(Model):
    """One page of the edges of a node, with counts for each way out of it."""

    node: Node
    ways: list[Way]
    results: list[Edge]
    nodes: list[Node] = Field(description="the nodes at the other ends")
    total: int
    limit: int
    offset: int
    next: str | None
    truncated: bool
    licence: str | None
    snapshot: str


class Step(Model):
    """A step of a path; each edge proves it by itself."""

    start: Id
    end: Id
    edges: list[Edge]


class Paths(Model):
    """The shortest paths between two nodes."""

    paths: list[list[Step]]
    nodes: list[Node]
    hops: int | None = Field(description="steps of each path; null if there is no path within reach")
    total: int = Field(description="how many shortest paths there are")
    truncated: bool
    licence: str | None
    snapshot: str


class Parameter(Model):
    """A parameter of a query."""

    name: str
    type: str
    doc: str


class Question(Model):
    """A question of the catalogue."""

    name: str = Field(examples=["pledges"])
    summary: str
    description: str
    parameters: list[Parameter]
    columns: list[str]
    tags: list[str]
    path: str = Field(examples=["/queries/pledges"])


class Furniture(Model):
    """A region of a source that is not the article."""

    start: int
    end: int
    kind: str
    holds: list[str] = Field(description="names, dates and sums that occur only there")


class Source(Model):
    """A source: what it is, which of it is no article, and how many facts it tells."""

    id: Id
    label: str
    title: str | None = None
    address: str | None = None
    published: str | None = None
    length: int = Field(description="code points of the text")
    sha256: str
    pledges: int
    statements: int
    outcomes: int
    passages: int
    furniture: list[Furniture]
    licence: str | None
    snapshot: str


class Home(Model):
    """What is inside, and where to begin."""

    title: str
    classes: dict[str, int] = Field(description="how many things of each class there are", examples=[{"Pledge": 28}])
    quads: int
    routes: list[str]
    licence: str | None
    snapshot: str
    version: str


class Health(Model):
    """Whether the server answers."""

    status: Literal["ok", "starting"]
    snapshot: str


TYPES: dict[str, object] = {"integer": int, "decimal": int | float | str, "boolean": bool, "date": date}
"""The types of the columns of the catalogue in JSON; every other is a text."""


def record_of(query: Query) -> type[Model]:
    """Return the model of one row of a query."""
    fields = {column.name: (_type(column), Field(None, description=_doc(column))) for column in query.columns}
    name = "".join(part.capitalize() for part in query.name.split("_")) + "Row"
    return create_model(name, __base__=Model, __doc__=f"A row of {query.name}.", **fields)  # type: ignore[call-overload, no-any-return]  # fields are made of data


def _type(column: Column) -> object:
    return TYPES.get(column.type, str) | None  # type: ignore[operator]  # they are types


def _doc(column: Column) -> str:
    return column.doc + (f" ({column.unit})" if column.unit and column.unit != "unit" else "")
