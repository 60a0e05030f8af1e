"""A story: an ordered list of views of a picture, each of which tells one thing and shows its proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kg.errors import CallError, NotFoundError
from kg.network import Network
from kg.resources import shipped
from kg.vocab import suggest

KEYS = ("title", "text", "show", "select")
"""What a step may have."""

LONGEST = 50, 100, 1_000
"""How many steps a story has at most, how many nodes a step shows, and how many characters a text has."""


@dataclass(frozen=True, slots=True)
class Step:
    """One view.

    Args:
        title: What it tells, in a few words.
        text: What it tells, in a sentence or two.
        show: Short forms of the nodes that stand out.
        select: Short forms of the nodes whose proof is shown, perhaps none.
    """

    title: str
    text: str
    show: tuple[str, ...]
    select: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """A title and its steps."""

    title: str
    steps: tuple[Step, ...]


def story_names() -> list[str]:
    """Return the names of the stories that ship with the graph.

    Example:
        >>> story_names()
        ['digital-aspirant']
    """
    return sorted(path.stem for path in (shipped("graph") / "stories").glob("*.yaml"))


def read_story(name: str) -> Story:
    """Read a story: a YAML file, or the name of one that ships with the graph.

    A file has `title` and `steps`; a step has `title`, `text`, `show` (a list of short forms) and perhaps `select`, a short
    form or a list of them.

    Raises:
        CallError: There is none, or it is not complete.

    Example:
        >>> read_story("digital-aspirant").title
        'The money for digital aspirants'
    """
    if not name:
        raise CallError(f"The story has no name. Name a YAML file or one of {', '.join(story_names())}.")
    path = shipped("graph") / "stories" / f"{name}.yaml" if name in story_names() else Path(name)
    try:
        found = yaml.load(path.read_text("utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 # it makes nothing but texts and lists
    except OSError as exc:
        known = f" or one of {', '.join(story_names())}" if story_names() else ""
        raise CallError(f"The story {name!r} cannot be read: {exc.strerror}. Name a YAML file{known}.") from exc
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as exc:
        place = getattr(exc, "problem_mark", None)
        raise CallError(f"{path}:{place.line + 1 if place else 1}: the story is not YAML in UTF-8. Mend it there or just before.") from exc
    _refuse_unknown(found, ("title", "steps"), path, "the story")
    steps = _of(found, "steps", list, path, "the story")
    if not steps:
        raise CallError(f"{path}: the story has no step. Give it one at least.")
    if len(steps) > LONGEST[0]:
        raise CallError(f"{path}: the story has {len(steps):,} steps; {LONGEST[0]} are the most that a reader follows.")
    return Story(_of(found, "title", str, path, "the story"), tuple(_step(step, path, number) for number, step in enumerate(steps, 1)))


def _step(found: Any, path: Path, number: int) -> Step:
    where = f"step {number}"
    _refuse_unknown(found, KEYS, path, where)
    show = _of(found, "show", list, path, where)
    select = found.get("select", [])
    selected = select if isinstance(select, list) else [select] if select != "" else []
    if not show or not all(isinstance(id, str) for id in (*show, *selected)):
        raise CallError(f"{path}: {where} names in show or select what is no short form. Write a list such as [person:matt-hancock].")
    title, text = _of(found, "title", str, path, where), _of(found, "text", str, path, where)
    if len(show) > LONGEST[1] or len(text) > LONGEST[2]:
        raise CallError(f"{path}: {where} is too long; {LONGEST[1]} nodes and {LONGEST[2]:,} characters are the most.")
    ids = dict.fromkeys([*show, *selected])
    return Step(title, text, tuple(ids), tuple(selected))


def _refuse_unknown(found: Any, keys: Sequence[str], path: Path, where: str) -> None:
    unknown = [key for key in found if key not in keys] if isinstance(found, Mapping) else []
    if unknown:
        name = unknown[0] if isinstance(unknown[0], str) else "a key that is no text"
        raise CallError(f"{path}: {where} has {name[:50]!r}, which it cannot have.{suggest(name, keys)}")


def _of(found: Any, name: str, kind: type, path: Path, where: str) -> Any:
    if not isinstance(found, Mapping) or not isinstance(found.get(name), kind) or found[name] == "":
        what = "a list" if kind is list else "a text"
        raise CallError(f"{path}: {where} has no {name!r}, which is {what}. A story has title and steps; a step title, text and show.")
    return found[name]


def require_nodes(story: Story, network: Network) -> None:
    """Refuse a story that names what is not in the network.

    Raises:
        NotFoundError: A node is missing; the message names the step and suggests the nearest.
    """
    known = {node.id for node in network.nodes}
    for number, step in enumerate(story.steps, 1):
        for id in step.show:
            if id not in known:
                raise NotFoundError(f"Step {number} of the story names {id!r}, which is not in the picture.{suggest(id, known)}")
