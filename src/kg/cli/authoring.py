"""Add the next article: `kg source`, `kg cite`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kg.cli.frame import GraphOption, SourcesOption, app, show_text


@app.command()
def source(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The text of the article, in UTF-8.")],
    slug: Annotated[str | None, typer.Option("--slug", help="Publisher and subject, such as recruiter-tech-driven-nhs.")] = None,
    title: Annotated[str | None, typer.Option("--title", help="The title of the public page.")] = None,
    address: Annotated[str | None, typer.Option("--address", help="The public address of the page.")] = None,
    graph: GraphOption = None,
) -> None:
    """Register an article: write a TriG file with its digest, its length and its empty graph."""
    from kg.resources import shipped
    from kg.sources import read_document, register

    folder = graph or shipped("graph")
    path = register(read_document(file), folder, slug=slug, title=title, address=address)
    name = path.stem
    show_text(f'Wrote {path}. Next: mark the furniture in it, then find words with: kg cite {name} "words" --sources {file.parent}\n')


@app.command()
def cite(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Slug or short form of the source, or the file of its text.")],
    words: Annotated[str, typer.Argument(help="The words, as they stand in the text.")],
    sources: SourcesOption = None,
    furniture: Annotated[bool, typer.Option("--furniture", help="The words are a region of the page that is not the article.")] = False,
    graph: GraphOption = None,
) -> None:
    """Print the passage of some words in Turtle, ready to paste."""
    from kg.resources import shipped
    from kg.sources import cite as cite_words

    show_text(cite_words(graph or shipped("graph"), source, words, sources, furniture=furniture))
