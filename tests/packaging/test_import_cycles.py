"""No circle of imports: not among files and not among packages, those for type checkers included."""

import ast
from collections.abc import Collection, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Graph = Mapping[str, set[str]]


def modules(top: str) -> dict[str, Path]:
    """The files of a package by the names of their modules."""
    names = {}
    for path in (ROOT / top).rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def imported(tree: ast.AST, known: Collection[str]) -> Iterator[str]:
    """Those of the known modules that a file imports, wherever the statement stands. ``from package import
    module`` counts as the module, ``from package import name`` as the package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for name in node.names:
                yield from [found for found in (f"{node.module}.{name.name}", node.module) if found in known][
                    :1
                ]


def imports(files: Mapping[str, Path]) -> dict[str, set[str]]:
    """For each module the others that it imports."""
    return {
        name: set(imported(ast.parse(path.read_text(encoding="utf-8")), files)) - {name}
        for name, path in files.items()
    }


def folders(graph: Graph, depth: int) -> dict[str, set[str]]:
    """The graph of the packages (or modules) that stand so deep: those of another one count."""
    packages: dict[str, set[str]] = {}
    for name, others in graph.items():
        here = ".".join(name.split(".")[:depth])
        there = {".".join(other.split(".")[:depth]) for other in others}
        packages.setdefault(here, set()).update(other for other in there if other != here)
    return packages


def circle(graph: Graph) -> list[str]:
    """Names that import each other in a circle, or nothing."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize("top", ["app", "model"])
def test_no_file_imports_itself_by_a_detour(top: str):
    graph = imports(modules(top))
    assert any(graph.values())
    assert circle(graph) == []


@pytest.mark.parametrize(("top", "depth"), [("app", 2), ("app", 3), ("model", 2), ("model", 3)])
def test_no_package_imports_itself_by_a_detour(top: str, depth: int):
    graph = folders(imports(modules(top)), depth)
    assert len(graph) > 1
    assert circle(graph) == []


def test_a_circle_is_found(tmp_path: Path):
    one, other = tmp_path / "one.py", tmp_path / "other.py"
    one.write_text("if TYPE_CHECKING:\n    from top.rooms.other import Thing\n")
    other.write_text("def late():\n    from top.rooms import one\n")
    graph = imports({"top.rooms.one": one, "top.rooms.other": other})
    assert set(circle(graph)) == {"top.rooms.one", "top.rooms.other"}
    assert circle(folders(graph, 2)) == []
