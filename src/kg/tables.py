"""Rows on a terminal: tables for people, plain records for programs."""

from __future__ import annotations

import re
import sys
from datetime import date
from decimal import Decimal
from io import StringIO
from shutil import get_terminal_size
from textwrap import fill

from kg.errors import CallError
from kg.queries import Graph, Query
from kg.store import RECORD_FORMATS, Rows, Value

PIPE_WIDTH = 140
"""Width of a table that does not go to a terminal, in characters."""


LONGEST_WORD = 24
"""A longer word, such as a short form, may be broken; a figure, date or code is shorter."""


def is_table(format: str | None) -> bool:
    """Tell whether rows are shown as a table: when asked for, and on a terminal when nothing is asked for."""
    return (format or ("table" if sys.stdout.isatty() else "csv")) == "table"


def print_rows(rows: Rows, format: str | None, *, title: str | None = None, note: str = "") -> None:
    """Print rows to standard output.

    Args:
        rows: What to print.
        format: `table`, or one of the formats of records; None for a table on a terminal and csv in a pipe.
        title: Stands above a table.
        note: Stands below a table, after the number of rows.
    """
    if not is_table(format):
        if format not in (None, *RECORD_FORMATS):
            raise CallError(f"These rows cannot be written as {format!r}. Ask for table, {', '.join(RECORD_FORMATS)}.")
        sys.stdout.write(rows.to_text(format or "csv"))
        return
    is_terminal = sys.stdout.isatty()
    width = get_terminal_size().columns if is_terminal else PIPE_WIDTH
    cells = [[to_cell(value) for value in row] for row in rows]
    out = [title, _to_table(rows, cells, width, is_terminal) if _fits(rows, cells, width) else _to_blocks(rows, cells, width)]
    out.append(f"{len(rows)} row{'' if len(rows) == 1 else 's'}{note}")
    sys.stdout.write("\n".join(part.rstrip("\n") for part in out if part) + "\n")


def _least_widths(rows: Rows, cells: list[list[str]]) -> list[int]:
    """How narrow each column can be: a figure, date or code is never broken, a text at its longest word or so."""
    widths = []
    for index, column in enumerate(rows.columns):
        words = [word for row in cells for word in row[index].split()] + column.split("_")
        longest = max((len(word) for word in words), default=0)
        widths.append(longest if longest <= LONGEST_WORD else LONGEST_WORD)
    return widths


def _fits(rows: Rows, cells: list[list[str]], width: int) -> bool:
    return sum(_least_widths(rows, cells)) + 2 * len(rows.columns) <= width


def _to_table(rows: Rows, cells: list[list[str]], width: int, is_terminal: bool) -> str:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not cells:
        return ""
    table = Table(header_style="bold", pad_edge=False, box=None)
    for index, (column, least) in enumerate(zip(rows.columns, _least_widths(rows, cells), strict=True)):
        is_number = any(isinstance(row[index], int | float | Decimal) for row in rows)
        table.add_column(column.replace("_", " "), justify="right" if is_number else "left", overflow="fold", min_width=least)
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    # Into memory first: rich ends the process by itself when the reader closes the pipe.
    out = StringIO()
    Console(file=out, force_terminal=is_terminal, width=width, highlight=False).print(table)
    return out.getvalue()


def _to_blocks(rows: Rows, cells: list[list[str]], width: int) -> str:
    """One block for each row, where the columns do not fit side by side."""
    names = [column.replace("_", " ") for column in rows.columns]
    indent = max(len(name) for name in names) + 2
    blocks = []
    for row in cells:
        lines = [
            fill(cell, max(width, indent + 20), initial_indent=f"{name:<{indent}}", subsequent_indent=" " * indent, break_on_hyphens=False)
            for name, cell in zip(names, row, strict=True)
            if cell
        ]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def print_answer(graph: Graph, query: Query, rows: Rows, format: str | None) -> None:
    """Print the answer of a query of the catalogue: a person sees the columns of its table, with labels for short forms.

    The last column of the table stays a short form, to go on from.
    """
    if not is_table(format) or not query.table:
        print_rows(rows, format, title=query.summary)
        return
    kept = [rows.columns.index(name) for name in query.table]
    shown = [index for index in kept if any(row[index] is not None for row in rows)] or kept
    labels = graph.labels(row[index] for row in rows for index in shown if rows.columns[index] != query.table[-1])
    view = Rows(
        tuple(rows.columns[index] for index in shown),
        tuple(
            tuple(row[index] if rows.columns[index] == query.table[-1] else labels.get(row[index], row[index]) for index in shown)
            for row in rows
        ),
    )
    hidden = [column for index, column in enumerate(rows.columns) if index not in shown]
    note = f"; not shown: {', '.join(hidden)} (--format csv has them)" if hidden and len(rows) else ""
    print_rows(view, format, title=query.summary, note=note + (f"\n{query.note}" if query.note and len(rows) else ""))


def to_cell(value: Value) -> str:
    """Return a value as it stands in a table: numbers with separators, nothing for what is unknown.

    Example:
        >>> to_cell(Decimal("6000000.0"))
        '6,000,000'
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, Decimal):
        return f"{value.normalize():,f}"
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", str(value))


def document(query: Query) -> str:
    """Return what a query answers, its parameters and its columns.

    Example:
        >>> from kg.queries import get_query
        >>> document(get_query("look_alikes")).splitlines()[0]
        'look_alikes: Which things must not be taken for one another?'
    """
    lines = [f"{query.name}: {query.summary}", "", fill(query.description, 100, initial_indent="  ", subsequent_indent="  "), ""]
    if query.params:
        lines.append("Parameters (-p name=value):")
        lines += [f"  {p.name:<14} {p.class_name or p.code_list or p.type:<16} {p.doc}" for p in query.params]
        lines.append("")
    lines.append("Columns:")
    lines += [f"  {c.name:<20} {c.type:<10} {c.doc}{f' ({c.unit})' if c.unit else ''}" for c in query.columns]
    return "\n".join(lines) + "\n"
