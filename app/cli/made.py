"""Make result files one by one: finished ones are recognised and skipped, a bad input fails alone.

What a result was made from is written into its file, so that a folder is not rendered twice.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from app.cli.common import InputError, about, complain, err_console, tell
from app.imaging.sniff import media_type_of
from app.provenance.label import Label
from app.provenance.marks import read_marks
from app.provenance.signer import Claim, Signer
from app.provenance.watermark import COMMAND_LINE
from app.provenance.watermark.embed import embed
from app.provenance.watermark.payload import Payload, result_code
from app.provenance.xmp import packet, tool

_MARK = re.compile(rb"fewstroke:[0-9a-f]{64}")


def without_results(found: Sequence[Path], *, named: Collection[Path], output: Path) -> list[Path]:
    """What was found in folders, without what an earlier run has put there: when a folder is also where
    results go, they would be rendered again, and theirs after them. Raises InputError when none is left."""
    place = output.resolve()
    left, results = [], 0
    for path in found:
        with about(path):
            if path not in named and path.parent.resolve() == place and _MARK.search(path.read_bytes()):
                results += 1
            else:
                left.append(path)
    if results and not left:
        raise InputError(
            f"there are only results of earlier runs in {output}: name photos, or another folder"
        )
    if results:
        err_console().print(f"{results} results of earlier runs in {output} are left out")
    return left


class Recipe:
    """Everything that the results of one run have in common: the network, the style, the options."""

    def __init__(
        self,
        signer: Signer,
        *,
        base_hash: str,
        style: bytes,
        options: Mapping[str, Any],
        label: Label,
        watermark: bool = True,
    ) -> None:
        self._signer = signer
        self._watermark = watermark
        self._record = {
            "app": tool(),
            "base_hash": base_hash,
            "style_sha256": hashlib.sha256(style).hexdigest(),
            **options,
        }
        if label.record:
            self._record["label"] = label.record

    def mark(self, source: Path) -> str:
        """A text that only the result of this source, made like this, has in its file. Raises OSError."""
        digest = hashlib.sha256(json.dumps(self._record, sort_keys=True).encode())
        with source.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
        return f"fewstroke:{digest.hexdigest()}"

    def watermarked(self, picture: Image.Image, mark: str) -> Image.Image:
        """With the invisible watermark of the command line, if it is to have one."""
        if not self._watermark:
            return picture
        return embed(picture, Payload(COMMAND_LINE, result_code(mark.encode())))

    def xmp(self, mark: str) -> bytes:
        """For a picture: how it was made, with the mark."""
        return packet(tool(), self._marked(mark))

    def signed(self, data: bytes, media_type: str, mark: str, source: Path) -> bytes:
        """The same as a signed manifest in the file, if its format can hold one. Raises OSError."""
        if not self._signer.signs(media_type):
            return data
        _, manifest = read_marks(source, media_type_of(source))
        return self._signer.sign(data, media_type, Claim(self._marked(mark), parent=manifest))

    def _marked(self, mark: str) -> dict[str, Any]:
        return {**self._record, "mark": mark}


@dataclass(frozen=True)
class Result:
    """One to be made: from which file, to which, and how. ``make`` gets the mark that the file is to have,
    and raises InputError."""

    source: Path
    target: Path
    make: Callable[[str], None]


def make_each(results: Sequence[Result], recipe: Recipe, *, on_end: Callable[[], None]) -> None:
    """Make the results that are not there, and print where each is. ``on_end`` is called after each.

    Raises InputError about a file that cannot be used: when there are others, after them.
    """
    bad = there = 0
    for result in results:
        try:
            with about(result.source):
                mark = recipe.mark(result.source)
            if _is_made(result.target, mark):
                there += 1
            else:
                result.make(mark)
        except InputError as error:
            if len(results) == 1:
                raise
            complain(str(error))
            bad += 1
        else:
            tell(str(result.target))
        on_end()
    if there:
        err_console().print(f"{there} of {len(results)} were there, made from the same")
    if bad:
        raise InputError(f"{bad} of {len(results)} files could not be used, see above; the others are done")


def _is_made(target: Path, mark: str) -> bool:
    """Whether a file is there and has the mark, which every format keeps as it is."""
    with about(target):
        return target.is_file() and mark.encode() in target.read_bytes()
