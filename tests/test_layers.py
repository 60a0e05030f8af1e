"""A module imports only modules above it, and each foreign library has its owners."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import kg

FOLDER = Path(kg.__file__).parent
ORDER = [
    "errors",
    "resources",
    "vocab",
    "dates",
    "parts",
    "store",
    "wire",
    "remote",
    "push",
    "sources",
    "proof",
    "checks",
    "build",
    "units",
    "elements",
    "names",
    "projection",
    "tablefile",
    "tablechange",
    "table",
    "nearby",
    "snapshots",
    "compiler",
    "queries",
    "tables",
    "network",
    "paths",
    "measures",
    "exports",
    "layout",
    "story",
    "dossier",
    "draw",
    "show",
    "isolation",
    "relay",
    "api.negotiation",
    "api.service",
    "api.frame",
    "api.pages",
    "api.models",
    "api.problems",
    "api.asking",
    "api.views",
    "api.ledgers",
    "api.networks",
    "api.lists",
    "api.things",
    "api.explorer",
    "api.selves",
    "api.protocol",
    "api.patience",
    "api",
    "cli.frame",
    "cli.asking",
    "cli.authoring",
    "cli.building",
    "cli.networks",
    "cli.serving",
    "cli",
    "__main__",
]
API = {name for name in ORDER if name.partition(".")[0] == "api"}
OWNERS = {
    "edtf": {"dates"},
    "igraph": {"layout"},
    "fastapi": API,
    "jinja2": {"draw", "api.pages"},
    "markupsafe": {"draw", "api.pages"},
    "networkx": {"network", "exports"},
    "orjson": {"table", "snapshots", "api.frame"},
    "oxrdflib": {"store"},
    "platformdirs": {"compiler"},
    "httpx2": {"wire"},
    "pyoxigraph": {"store", "remote", "push", "checks", "build", "units", "tablechange", "nearby"},
    "pyshacl": {"checks"},
    "pyvis": {"draw"},
    "pydantic": API,
    "rapidfuzz": {"names"},
    "rdflib": {"store", "checks"},
    "rich": {"tables"},
    "rustworkx": {"layout", "measures"},
    "starlette": API,
    "sqlite3": {"table", "tablechange", "tablefile"},
    "typer": {"cli", "cli.asking", "cli.authoring", "cli.building", "cli.frame", "cli.networks", "cli.serving"},
    "uvicorn": {"api.patience", "cli.serving"},
    "yaml": {"checks", "queries", "story"},
}


def _module_of(path: Path) -> str:
    return ".".join(path.relative_to(FOLDER).with_suffix("").parts).removesuffix(".__init__")


FILES = {_module_of(path): path for path in FOLDER.rglob("*.py") if path != FOLDER / "__init__.py"}
MODULES = sorted(FILES)


def _is_typing_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _imports(node: ast.AST) -> Iterator[tuple[str, ...]]:
    """Yield the dotted names that run-time code imports, at the top of a module or inside a function."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (tuple(name.name.split(".")) for name in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "an import is absolute"
            parts = tuple(str(child.module).split("."))
            yield from (
                [(*parts, name.name) for name in child.names] if ".".join(parts[1:]) in ("", "cli") and parts[0] == "kg" else [parts]
            )
        elif not _is_typing_only(child):
            yield from _imports(child)


def _imported(module: str) -> set[tuple[str, ...]]:
    return set(_imports(ast.parse(FILES[module].read_text("utf-8"))))


def test_every_module_has_its_place_in_the_order() -> None:
    assert sorted(ORDER) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_modules_above_it(module: str) -> None:
    names = [(".".join(parts[1:]), ".".join(parts[1:-1])) for parts in _imported(module) if parts[0] == "kg"]
    own = {whole if whole in MODULES else outer for whole, outer in names}
    assert own <= set(ORDER[: ORDER.index(module)])


@pytest.mark.parametrize("module", MODULES)
def test_a_foreign_library_is_imported_by_its_owners_only(module: str) -> None:
    foreign = {name[0] for name in _imported(module)} - set(sys.stdlib_module_names) - {"kg"}
    assert foreign <= set(OWNERS), "a new library needs an owner"
    assert {name for name in foreign if module not in OWNERS[name]} == set()


def _loaded(code: str) -> set[str]:
    """Return the top-level modules, and those of `kg`, that a fresh interpreter has after some code."""
    script = f"import sys\n{code}\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return {name if name.startswith("kg.") else name.partition(".")[0] for name in done.stderr.split()}


HEAVY = {
    "edtf",
    "fastapi",
    "jinja2",
    "networkx",
    "numpy",
    "oxrdflib",
    "pyoxigraph",
    "pyshacl",
    "pyvis",
    "rapidfuzz",
    "rdflib",
    "rich",
    "rustworkx",
    "starlette",
    "uvicorn",
    "yaml",
}


def test_import_kg_imports_nothing_else() -> None:
    assert _loaded("import kg") & (HEAVY | {"typer", *(f"kg.{name}" for name in MODULES)}) == set()


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["build", "--help"]])
def test_help_imports_nothing_heavy(args: list[str]) -> None:
    code = f"from kg.cli import main\nsys.argv = ['kg', *{args!r}]\ntry:\n    main()\nexcept SystemExit as exc:\n    assert not exc.code"
    assert _loaded(code) & HEAVY == set()


def test_a_named_query_imports_only_the_engine() -> None:
    code = "import kg\nkg.open().query('people')"
    _loaded(code)  # The graph of the cache is built by the first of the two.
    assert _loaded(code) & HEAVY <= {"pyoxigraph", "yaml"}
