"""Write the blocking client from the one for asyncio: ``python scripts/unasync.py [--check]``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "fewstroke_client"
HEADER = "# Written by scripts/unasync.py from {}: change that file.\n"

RULES = [
    (r"async_sleep", "sync_sleep"),
    (r"\bAsyncGenerator\[(.*), None\]", r"Generator[\1, None, None]"),
    (r"\bAsync(Generator|Iterator)\b", r"\1"),
    (r"\basynccontextmanager\b", "contextmanager"),
    (r"\baclosing\b", "closing"),
    (r"\bAsync(Client|BaseTransport|Connection)\b", r"\1"),
    (r"__aenter__", "__enter__"),
    (r"__aexit__", "__exit__"),
    (r"\ba(close|read|iter_lines|iter_bytes)\b", r"\1"),
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"fewstroke_client\._async\b", "fewstroke_client._sync"),
    (r"  # noqa: ASYNC230 - .*", ""),
    (r"`await` every call; use it", "every call blocks; use it"),
    (r"for asyncio; the source of the other one", "that blocks, for scripts and threads"),
]


def blocking(text: str, name: str) -> str:
    """The blocking form of a module."""
    for pattern, replacement in RULES:
        text = re.sub(pattern, replacement, text)
    return HEADER.format(f"_async/{name}") + text


def main() -> int:
    """Write the modules, or say which are out of date."""
    stale = []
    for source in sorted((PACKAGE / "_async").glob("*.py")):
        target = PACKAGE / "_sync" / source.name
        text = blocking(source.read_text(), source.name)
        if target.exists() and target.read_text() == text:
            continue
        stale.append(target.name)
        if "--check" not in sys.argv:
            target.write_text(text)
    if stale and "--check" in sys.argv:
        print(f"out of date: {', '.join(stale)}; run `make clients`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
