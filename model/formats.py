"""Reads the headers of checkpoints and style files, without torch.

Base checkpoints and styles are safetensors: eight bytes with the length of a JSON header, the header,
the tensors. The header's ``__metadata__`` holds one entry, ``fewstroke``, a JSON object. Nothing is
ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from stat import S_ISREG
from typing import Any

from model.errors import CheckpointFormatError, CheckpointMissingError, StyleFormatError

STYLE_FORMAT = "fewstroke-style/2"
BASE_FORMAT = "fewstroke-base/2"
METADATA_KEY = "fewstroke"
MAX_STYLE_BYTES = 4 * 2**20
_MAX_HEADER_BYTES = 2**20


@dataclass(frozen=True)
class Surface:
    """What the surface of a style's works is like, each 0..1 but ``brushwork``."""

    evenness: float = 0.0  # how even the even parts of a photo are to stay
    brushwork: float = 0.0  # how strong brushwork is: the standard deviation of light, 0..0.1
    direction: float = 0.0  # of brushwork: 0 for dots, 1 for strokes
    tint: float = 0.0  # how far dots differ in colour
    hatching: float = 0.0  # how far tones are made of lines
    ink: float = 0.0  # how far shapes are drawn in dark lines on a toned ground
    linework: float = 0.0  # how dense the lines of works with even parts are

    @property
    def flat_colors(self) -> float:
        """How far colours are printed: even between their lines."""
        return self.evenness * (1 - self.hatching)

    @property
    def outlines(self) -> float:
        """How far shapes have dark outlines, around flat colours or washes of ink."""
        return max(self.flat_colors, INKED * self.ink)

    @property
    def flatness(self) -> float:
        """How far shapes are simplified: prints and brushes leave out details that an engraving draws."""
        return max(self.outlines, BRUSHED * min(1.0, self.brushwork / FULL_BRUSHWORK))


MOST_BRUSHWORK = 0.1
BRUSHED, INKED = 0.4, 0.7  # how far a brush, and ink, leave small shapes out
FULL_BRUSHWORK = 0.02  # the brushwork from which on a style counts as brushed in full


@dataclass(frozen=True)
class StyleHeader:
    """What a style file says about itself."""

    base_hash: str  # sha256 hex of the checkpoint that it was adapted from
    k: int  # examples
    steps: int  # inner steps of the phi that was kept (0: the zero-step style)
    seed: int
    losses: dict[str, dict[str, float]] = field(default_factory=dict)  # {"start": {...}, "end": {...}}
    licence: str = ""  # of the checkpoint
    format: str = STYLE_FORMAT
    modality: str = "image"  # what the examples were: "image", "music", "poems" or "stories"
    rights: str = ""  # whose the examples are
    examples_licence: str = ""  # under which they may be learned from
    surface: Surface = field(default_factory=Surface)  # of pictures

    def to_json(self) -> str:
        """As stored in the file."""
        return json.dumps(asdict(self), sort_keys=True)


def default_checkpoint(name: str = "base") -> Path:
    """A checkpoint that is shipped with the package: the base of pictures, or of another modality by name."""
    return Path(__file__).parent / "weights" / f"{name}.safetensors"


def checkpoint_hash(path: Path | None = None) -> str:
    """SHA-256 (hex) of a base checkpoint file.

    Raises ``CheckpointMissingError``, and ``CheckpointFormatError`` for what is no file or cannot be read.
    """
    path = path or default_checkpoint()
    try:
        stat = path.stat()
        if not S_ISREG(stat.st_mode):
            raise CheckpointFormatError(
                f"{path} is no file: name the checkpoint itself, e.g. {path / 'base.safetensors'}"
            )
        return _hash(str(path), stat.st_mtime_ns, stat.st_size)
    except (FileNotFoundError, NotADirectoryError):
        raise CheckpointMissingError(
            f"no base checkpoint at {path}: train one with `fewstroke meta-train`, or point the setting "
            "`checkpoint` at one"
        ) from None
    except OSError as error:
        raise CheckpointFormatError(
            f"{path} cannot be read ({error.strerror or error}): check its permissions, or name another file"
        ) from error


@lru_cache(maxsize=8)
def _hash(path: str, mtime_ns: int, size: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def read_style_header(data: bytes) -> StyleHeader:
    """The header of a style file; raises ``StyleFormatError`` when the bytes are not one."""
    meta = read_metadata(data, what="style")
    if meta.get("format") != STYLE_FORMAT:
        raise StyleFormatError(
            f"the style has format {str(meta.get('format'))[:40]!r}, and this version reads "
            f"{STYLE_FORMAT!r}: learn it again from its examples (`fewstroke adapt`)"
        )
    try:
        return StyleHeader(
            base_hash=_text(meta["base_hash"]),
            k=int(meta["k"]),
            steps=int(meta["steps"]),
            seed=int(meta["seed"]),
            losses={
                _text(when): {_text(name): float(value) for name, value in terms.items()}
                for when, terms in meta["losses"].items()
            },
            licence=_text(meta.get("licence", "")),
            modality=_text(meta.get("modality", "image")),
            rights=_text(meta.get("rights", "")),
            examples_licence=_text(meta.get("examples_licence", "")),
            surface=_surface(meta),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise StyleFormatError(f"the style's header is incomplete: {error!r}") from error


def read_metadata(data: bytes, *, what: str = "file") -> dict[str, Any]:
    """The ``fewstroke`` object in a safetensors header; raises ``StyleFormatError``."""
    if len(data) < 8:
        raise StyleFormatError(f"the {what} is empty or truncated")
    (length,) = struct.unpack("<Q", data[:8])
    if length > min(_MAX_HEADER_BYTES, len(data) - 8):
        raise StyleFormatError(f"the {what} is no safetensors file, or truncated")
    try:
        header = json.loads(data[8 : 8 + length])
        meta = json.loads(header["__metadata__"][METADATA_KEY])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StyleFormatError(
            f"the {what} has no readable header: it was not written by Fewstroke"
        ) from error
    if not isinstance(meta, dict):
        raise StyleFormatError(f"the {what} has no readable header: it was not written by Fewstroke")
    return meta


def _surface(meta: dict[str, Any]) -> Surface:
    older = {"evenness": meta.get("evenness", 0.0)}  # all that files had before surfaces were measured
    found = meta.get("surface", older)
    names = {f.name for f in fields(Surface)}
    values = {name: _share(value) for name, value in found.items() if name in names}
    if values.get("brushwork", 0.0) > MOST_BRUSHWORK:
        raise ValueError(f"expected a brushwork of at most {MOST_BRUSHWORK}")
    return Surface(**values)


def _share(value: object) -> float:
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"expected a number from 0 to 1, not {value!r}")
    return float(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, not {type(value).__name__}")
    value.encode()  # JSON can write half a character (a lone surrogate), which nobody can store or send on
    if "\0" in value:
        raise ValueError("a NUL in a text")
    return value
