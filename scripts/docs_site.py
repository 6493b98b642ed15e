"""A hook of MkDocs: what pages link to outside of ``docs/`` becomes part of the site, and links lead there.

Links in Markdown are written for a reader of the repository. A file that a page links to is put on the
site under ``repository/``, with all that it links to in turn; a link to a folder becomes plain text. The
README is the first page, and ``api.md`` is made of ``docs/openapi.json``.
"""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
_HOME = "README.md"
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?![a-z]+:|#)([^)\s#]+)(#[^)\s]*)?\)")
_CODE = re.compile(r"(^```.*?^```|`[^`\n]+`)", re.DOTALL | re.MULTILINE)


def place(path: str) -> str:
    """Where a file of the repository is on the site, relative to its root."""
    if path == _HOME:
        return "index.md"
    inside = path.removeprefix("docs/")
    return inside if inside != path else f"repository/{path}"


def relinked(text: str, path: str) -> tuple[str, set[str]]:
    """The Markdown of the file ``path`` with links for the site; the files that it links to."""
    here, found = posixpath.dirname(path), set()
    start = posixpath.dirname(place(path))

    def link(match: re.Match[str]) -> str:
        picture, label, target, fragment = match[1], match[2], match[3], match[4] or ""
        wanted = posixpath.normpath(posixpath.join(here, target))
        if not (ROOT / wanted).is_file():
            return label
        found.add(wanted)
        inner = re.sub(_LINK, link, label)  # a picture may be a link
        return f"{picture}[{inner}]({posixpath.relpath(place(wanted), start or '.')}{fragment})"

    parts = re.split(_CODE, text)
    parts[::2] = [re.sub(_LINK, link, part) for part in parts[::2]]
    return "".join(parts), found


def api_page(description: dict[str, Any]) -> str:
    """Every call, by tag: what it does, what it takes, what it answers."""
    lines = [
        "# API reference",
        "",
        f"Made from [openapi.json](openapi.json). {description['info']['description']}",
    ]
    for tag in description["tags"]:
        lines += ["", f"## {tag['name'].capitalize()}", "", tag.get("description", "")]
        for path, operations in description["paths"].items():
            for method, call in operations.items():
                if tag["name"] not in call["tags"]:
                    continue
                lines += [
                    "",
                    f"### {call['summary']}",
                    "",
                    f"`{method.upper()} {path}`",
                    "",
                    call["description"],
                ]
                lines += _taken(call, description)
                answers = (
                    f"{status} {answer['description']}" for status, answer in call["responses"].items()
                )
                lines += ["", "Answers: " + "; ".join(answers) + "."]
    return "\n".join(lines) + "\n"


def _taken(call: dict[str, Any], description: dict[str, Any]) -> list[str]:
    """A table of parameters and of the fields of the body."""
    rows = [
        (one["name"], one["in"], one.get("description", ""), one.get("required", False))
        for one in call.get("parameters", [])
    ]
    for content in call.get("requestBody", {}).get("content", {}).values():
        schema = content["schema"]
        if "$ref" in schema:
            schema = description["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        needed = schema.get("required", [])
        rows += [
            (name, "body", field.get("description", ""), name in needed)
            for name, field in schema.get("properties", {}).items()
        ]
    table = [
        f"| `{name}` | {where}{', required' if needed else ''} | {_cell(text)} |"
        for name, where, text, needed in rows
    ]
    return ["", "| field | in | what it is |", "|---|---|---|", *table] if table else []


def _cell(text: str) -> str:
    """A text in one line, whose bars do not end the cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made, and what is linked to."""
    waiting = {_HOME, *(f"docs/{file.src_uri}" for file in files.documentation_pages())}
    seen: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        where = place(path)
        if path.endswith(".md"):
            text, linked = relinked((ROOT / path).read_text(encoding="utf-8"), path)
            waiting |= linked
            old = files.get_file_from_path(where)
            if old is not None:
                files.remove(old)
            files.append(File.generated(config, where, content=text))
        elif files.get_file_from_path(where) is None:
            files.append(File.generated(config, where, abs_src_path=str(ROOT / path)))
    description = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
    files.append(File.generated(config, "api.md", content=api_page(description)))
    return files
