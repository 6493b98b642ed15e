"""Scores as pictures: pages of SVG, engraved by Verovio."""

from __future__ import annotations

import re
from typing import Any

from model.music.errors import EngravingUnavailableError, MusicError
from model.music.musicxml import write_musicxml
from model.music.score import Score

PAGE = (2100, 2970)  # tenths of a millimetre, A4
_SCALE = 40


def _toolkit(*, trimmed: bool) -> Any:
    try:
        import verovio
    except ImportError as error:
        raise EngravingUnavailableError(
            "Scores need the package `verovio`: install fewstroke[music]."
        ) from error
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions(
        {
            "pageWidth": PAGE[0],
            "pageHeight": PAGE[1],
            "scale": _SCALE,
            "adjustPageHeight": trimmed,
            "footer": "none",
            "header": "auto",
            "breaks": "auto",
            "svgViewBox": True,
        }
    )
    return toolkit


def engrave(score: Score, *, trimmed: bool = False) -> list[str]:
    """The pages of a score as SVG documents; ``trimmed``: each ends below its last system.

    Raises:
        EngravingUnavailableError: ``verovio`` is not installed.
        MusicError: Verovio refuses the score.
    """
    toolkit = _toolkit(trimmed=trimmed)
    if not toolkit.loadData(write_musicxml(score).decode()):
        raise MusicError("the score cannot be engraved")
    return [str(toolkit.renderToSVG(page)) for page in range(1, toolkit.getPageCount() + 1)]


def engrave_pdf(score: Score) -> bytes:
    """The score as a PDF document, A4, in vectors.

    Raises:
        EngravingUnavailableError: ``verovio`` or ``fpdf2`` is not installed.
    """
    try:
        from fpdf import FPDF
        from fpdf.svg import SVGObject
    except ImportError as error:
        raise EngravingUnavailableError("PDF needs the package `fpdf2`: install fewstroke[music].") from error
    document = FPDF(unit="mm", format="A4")
    document.set_title(score.title or "Score")
    for page in engrave(score):
        document.add_page()
        _, _, paths = SVGObject(_flat(page)).transform_to_page_viewport(document)
        document.draw_path(paths)
    return bytes(document.output())


def _flat(page: str) -> str:
    """An SVG page without what fpdf2 does not know: nested <svg>, descriptions, fonts in CSS."""
    outer = re.search(r'viewBox="0 0 ([\d.]+) ', page)
    inner = re.search(r'<svg class="definition-scale"[^>]*viewBox="0 0 ([\d.]+) [^>]*>', page)
    if outer is None or inner is None:
        raise MusicError("the engraved page has another form than expected: use Verovio 6.4")
    scale = float(outer.group(1)) / float(inner.group(1))
    page = page.replace(inner.group(0), f'<g transform="scale({scale:.6g})" font-family="Times">')
    head, _, tail = page.rpartition("</svg>")
    head, _, rest = head.rpartition("</svg>")
    page = f"{head}</g>{rest}</svg>{tail}"
    page = page.replace("\ueca5", "quarter")  # the note of the tempo mark, which fonts of PDF lack
    return re.sub(r"<(style|desc|title)\b[^>]*>.*?</\1>", "", page, flags=re.DOTALL)
