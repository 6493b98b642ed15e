"""The report as one HTML file: tables, plots and contact sheets, nothing loaded from anywhere."""

import base64
import io
import re
from collections.abc import Mapping, Sequence
from html import escape

from PIL import Image, ImageOps

from benchmarks.evaluation.contact_sheet import Row
from benchmarks.evaluation.report import Evaluation, Table, glossary

CELL = 224  # pixels
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1500px; padding: 0 1rem }
table { border-collapse: collapse; font-size: 13px; margin: .5rem 0 1.5rem; display: block; overflow-x: auto }
th, td { border-bottom: 1px solid #ddd; padding: .3rem .6rem; text-align: left; vertical-align: top }
th { border-bottom: 2px solid #888 }
td.pass { color: #1a7f37; font-weight: 600 } td.FAIL { color: #c62828; font-weight: 600 }
.sheet td { border: 0; padding: 2px 4px; text-align: center }
.sheet img { display: block }
summary { cursor: pointer; font-size: 1.2rem; font-weight: 600; margin: 1rem 0 }
svg { max-width: 100%; height: auto }
"""


def page(
    evaluation: Evaluation, drawings: Mapping[str, str], columns: Sequence[str], sheet: Sequence[Row]
) -> str:
    """HTML of the whole report.

    Args:
        drawings: title to SVG.
        columns: names of the contact sheet's columns.
        sheet: its rows, an artist each.
    """
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(evaluation.title)}</title>',
        f"<style>{STYLE}</style></head><body><h1>{escape(evaluation.title)}</h1>",
        *(f"<p>{_inline(paragraph)}</p>" for paragraph in evaluation.preamble() if paragraph),
    ]
    for number, (heading, tables) in enumerate(evaluation.sections):
        opened = " open" if number < 4 else ""
        parts.append(f"<details{opened}><summary>{escape(heading)}</summary>")
        parts += [_table(table) for table in tables]
        parts.append("</details>")
    if drawings:
        parts.append("<h2>Curves</h2>")
        parts += [f"<h3>{escape(title)}</h3>{svg}" for title, svg in drawings.items()]
    if sheet:
        parts += ["<h2>Contact sheet</h2>", _sheet(columns, sheet)]
    parts += ["<h2>Columns</h2>", _table(glossary()), "</body></html>"]
    return "\n".join(parts)


def _inline(text: str) -> str:
    html = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escape(text))
    return re.sub(r"`(.+?)`", r"<code>\1</code>", html)


def _table(table: Table) -> str:
    heads = "".join(f"<th>{escape(head)}</th>" for head in table.heads)
    lines = "".join(
        "<tr>"
        + "".join(
            f'<td class="{escape(c)}">{c}</td>' if c in ("pass", "FAIL") else f"<td>{escape(c)}</td>"
            for c in line
        )
        + "</tr>"
        for line in table.lines
    )
    title = f"<h3>{escape(table.title)}</h3>" if table.title else ""
    note = f"<p>{escape(table.note)}</p>" if table.note else ""
    return f"{title}{note}<table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>"


def _sheet(columns: Sequence[str], rows: Sequence[Row]) -> str:
    heads = "".join(f"<th>{escape(column)}</th>" for column in columns)
    lines = []
    for row in rows:
        lines.append(
            f'<tr><td colspan="{len(columns)}" style="text-align:left">{escape(row.caption)}</td></tr>'
        )
        cells = (
            f"<td>{_picture(picture, name)}</td>" for picture, name in zip(row.pictures, columns, strict=True)
        )
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f'<table class="sheet"><thead><tr>{heads}</tr></thead><tbody>{"".join(lines)}</tbody></table>'


def _picture(picture: Image.Image, name: str) -> str:
    small = ImageOps.contain(picture.convert("RGB"), (CELL, CELL), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=85)
    data = base64.b64encode(buffer.getvalue()).decode()
    size = f'width="{small.width}" height="{small.height}"'
    return f'<img alt="{escape(name)}" {size} src="data:image/jpeg;base64,{data}">'
