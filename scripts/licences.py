"""List the licences of what is installed with Fewstroke: ``python -m scripts.licences [EXTRA ...]``.

Every dependency of the project, and of the extras that are named, with all that these need: name, version and
the licence that its metadata tell (``unknown``: none). Nothing is downloaded.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

UNKNOWN = "unknown"


def licence_of(found: Distribution) -> str:
    """The SPDX expression, else the trove classifiers, else the first line of the free text."""
    metadata = found.metadata
    for expression in metadata.get_all("License-Expression") or []:
        return str(expression)
    classified = [
        name.rpartition(" :: ")[2]
        for name in metadata.get_all("Classifier") or []
        if name.startswith("License :: ") and name != "License :: OSI Approved"
    ]
    text = " ".join(metadata.get_all("License") or []).strip()
    return ", ".join(classified) or (text.splitlines()[0][:60] if text else UNKNOWN)


def needed(project: str, extras: Iterable[str] = ()) -> Iterator[Distribution]:
    """What ``project`` needs here with ``extras``, each once, by name. Raises PackageNotFoundError for a
    project that is not installed; a dependency that is not, as those of other platforms, is left out."""
    found: dict[str, Distribution] = {}
    asked = [(distribution(project), frozenset(extras))]
    seen: set[tuple[str, frozenset[str]]] = set()
    while asked:
        parent, wanted = asked.pop()
        for requirement in map(Requirement, parent.requires or []):
            marker = requirement.marker
            if marker and not any(marker.evaluate({"extra": extra}) for extra in ("", *wanted)):
                continue
            try:
                child = distribution(requirement.name)
            except PackageNotFoundError:
                continue
            found[canonicalize_name(requirement.name)] = child
            step = (child, frozenset(requirement.extras))
            name = (canonicalize_name(requirement.name), step[1])
            if name not in seen:
                seen.add(name)
                asked.append(step)
    found.pop(canonicalize_name(project), None)
    yield from (found[name] for name in sorted(found))


def main(extras: list[str]) -> None:
    """Print the table."""
    rows = [(one.metadata["Name"], one.version, licence_of(one)) for one in needed("fewstroke", extras)]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, version, licence in rows:
        print(f"{name:{widths[0]}}  {version:{widths[1]}}  {licence}")


if __name__ == "__main__":
    main(sys.argv[1:])
