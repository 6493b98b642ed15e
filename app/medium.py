"""Says what the service needs of a kind of works: the files that it takes and gives; no torch.

A ``Medium`` stands beside the ``model.modality.Modality`` of the same name, and is entered in
``app.api.media.MEDIA``. Pictures have routes of their own (``/v1/stylizations``); for the others a
``Resource`` describes the calls under which results are asked for, which ``app.generations`` makes for each
alike: ``POST``, list, read, delete, and all files in one archive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from app.http.forms import FileRule
from app.ids import Prefix
from app.settings import Settings
from model.formats import checkpoint_hash


@dataclass(frozen=True)
class Resource:
    """The calls that ask for results of a modality, such as ``/v1/compositions``.

    Attributes:
        path: the collection's name in the path, a plural.
        noun: one of them, in sentences, fields of answers and operation ids, such as "composition".
        prefix: of its ids.
        options: the fields of the form besides the files; extends ``app.generations.schemas.
            GenerationOptions``, which has the style or the blend.
        out: one of them as JSON; extends ``app.generations.schemas.GenerationOut``.
        forms: media types of result files, by their extension.
        cost: what a request takes from the others, in renderings of a photo (0.2 s on two cores).
        files: file fields besides, of one file each; the medium's reader reads them.
        repeated: options that may come several times; their values are lists.
        check: raises AppError for options that do not fit together: ``(options, names of the files sent)``.
        about: what POST does, for the reference.
    """

    path: str
    noun: str
    prefix: Prefix
    options: type[BaseModel]
    out: type[BaseModel]
    forms: Mapping[str, str]
    cost: Callable[[Mapping[str, Any]], float]
    files: Callable[[Settings], Mapping[str, FileRule]] = lambda settings: {}
    repeated: frozenset[str] = frozenset()
    check: Callable[[Any, frozenset[str]], None] = lambda options, files: None
    about: str = ""


@dataclass(frozen=True)
class Medium:
    """Which files a modality takes, and how.

    Attributes:
        name: as in ``model.modalities.LOADERS``.
        works: the formats of examples in words, such as "MIDI, MusicXML or MXL".
        sample: a file's name for curl lines, such as "song.mid".
        claims: whether a file is for this medium, by its first ``HEAD`` bytes and its name. Also of a file
            that it will refuse, if its sentence about it says more than that of others.
        reader: "module:function", called in the sandboxed decoder process as ``(source, target, name)``: it
            reads the upload at ``source``, writes what a worker gets to ``target``, and returns its media
            type and extension; ``name`` is the upload's, without extension. Raises an
            ``app.errors.WorkError``. None: pictures, which have their own way in (``app.images.upload``).
        checkpoint: the checkpoint file that the workers of this service run.
        hash_of: of the checkpoint file; raises CheckpointMissingError, CheckpointFormatError.
        made_on_use: a worker makes the checkpoint when its first job comes: it may be missing.
        check_style: raises StyleFormatError for the bytes of a style file that no worker could use:
            ``(style, checkpoint)``; the checkpoint is None when the style belongs to another one.
        resource: see ``Resource``; None for pictures.
        max_steps: inner steps that a request may ask for, at most; None: as the settings say.
        cost: of learning: ``(steps or None, examples)``, in renderings of a photo.
    """

    name: str
    works: str
    sample: str
    claims: Callable[[bytes, str], bool]
    checkpoint: Callable[[Settings], Path]
    check_style: Callable[[bytes, Path | None], None]
    reader: str | None = None
    resource: Resource | None = None
    max_steps: int | None = None
    hash_of: Callable[[Path], str] = checkpoint_hash
    made_on_use: bool = False
    cost: Callable[[int | None, int], float] = field(default=lambda steps, examples: 80.0)

    def base_hash(self, settings: Settings) -> str:
        """Of the checkpoint, which is read once. Raises CheckpointMissingError, CheckpointFormatError."""
        return self.hash_of(self.checkpoint(settings))


HEAD = 512
"""Bytes of a file that ``claims`` sees."""

Media = Mapping[str, Medium]
"""The media of a service by name, in the order in which they are asked whether they claim a file."""
