"""The smallest modality: letters that follow letters, learned from texts. Model side and service side.

phi is a table of logits, a row for each letter; the inner loop of ``model.maml`` moves it from the
checkpoint's. It stands for whatever comes after pictures and music, and knows nothing of either.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import Field

from app.errors import WorkDamagedError, WorkEmptyError
from app.generations.schemas import GenerationOptions, GenerationOut
from app.http.forms import FileRule
from app.medium import Medium, Resource
from app.settings import Settings
from model.errors import AdaptationCanceled, StyleBaseMismatchError, StyleFormatError
from model.formats import METADATA_KEY, StyleHeader, checkpoint_hash, read_style_header
from model.modality import Generation, Learning, Piece, Progress, ResultFile, adapt_one_by_one

NAME = "text"
LETTERS = " abcdefghijklmnopqrstuvwxyz"
DEFAULT_STEPS = 6
CHECKPOINT = "text.safetensors"


# The service's side: no torch.


class TextOptions(GenerationOptions):
    """The fields of `POST /v1/texts` besides the files."""

    length: int = Field(40, ge=1, le=2000, description="Letters.")


class TextOut(GenerationOut):
    """A request for texts in a style."""


def claims(head: bytes, name: str) -> bool:
    """Text is what is called so."""
    return name.endswith(".txt")


def read_text(source: Path, target: Path, name: str) -> tuple[str, str]:
    """Called in the decoder process: small letters and spaces are left."""
    try:
        text = source.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise WorkDamagedError("It is no UTF-8 text: save it as such.") from error
    letters = "".join(letter if letter in LETTERS else " " for letter in text.lower())
    letters = " ".join(letters.split())
    if len(letters) < 2:
        raise WorkEmptyError("It has no letters: send a text of a sentence at least.")
    target.write_text(letters)
    return "text/plain", "txt"


def checkpoint_of(settings: Settings) -> Path:
    """Beside the data of the service under test."""
    return settings.data_dir / CHECKPOINT


def check_style(style: bytes, checkpoint: Path | None) -> None:
    """A worker looks closer."""


def beginning(settings: Settings) -> Mapping[str, FileRule]:
    """A text to go on from."""
    return {"beginning": FileRule(0, 1, 1000, what="Text", sample="beginning.txt")}


TEXT = Medium(
    name=NAME,
    works="Text",
    sample="poem.txt",
    claims=claims,
    checkpoint=checkpoint_of,
    check_style=check_style,
    reader="tests.app.modalities.text:read_text",
    max_steps=50,
    cost=lambda steps, examples: 1.0,
    resource=Resource(
        path="texts",
        noun="text",
        prefix="txt",
        options=TextOptions,
        out=TextOut,
        forms={"txt": "text/plain"},
        cost=lambda options: 1.0,
        files=beginning,
    ),
)


# The model's side.


def write_checkpoint(path: Path) -> None:
    """A start from which every letter is as likely as every other."""
    import torch
    from safetensors.torch import save_file

    save_file({"logits": torch.zeros(len(LETTERS), len(LETTERS))}, path)


def load(checkpoint: Path | None, device: str) -> Letters:
    """For ``model.modalities.LOADERS``."""
    return Letters(checkpoint or Path(os.environ["FEWSTROKE_DATA_DIR"]) / CHECKPOINT)


@dataclass(frozen=True)
class TextStyle:
    """A table of logits."""

    logits: Any
    header: StyleHeader

    def to_bytes(self) -> bytes:
        """safetensors."""
        from safetensors.torch import save

        return save({"logits": self.logits}, metadata={METADATA_KEY: self.header.to_json()})


class Letters:
    """Learns which letter follows which."""

    default_steps = DEFAULT_STEPS

    def __init__(self, checkpoint: Path) -> None:
        from safetensors.torch import load_file

        self.start = load_file(checkpoint)["logits"]
        self.base_hash = checkpoint_hash(checkpoint)

    def read_example(self, data: bytes) -> str:
        """Letters, as ``read_text`` leaves them."""
        return data.decode()

    def adapt_many(
        self, requests: Sequence[Learning], *, steps: int | None = None, preview_every: int = 5
    ) -> list[Any]:
        """One after the other."""
        taken = DEFAULT_STEPS if steps is None else steps
        return adapt_one_by_one(requests, lambda request: self._adapt(request, taken))

    def _adapt(self, request: Learning, steps: int) -> TextStyle:
        import torch
        from torch.nn.functional import cross_entropy

        from model.maml import SGD, InnerStep, LearningRates, inner_loop

        pairs = [(LETTERS.index(a), LETTERS.index(b)) for text in request.examples for a, b in pairwise(text)]
        support = torch.tensor(pairs)

        def visit(at: InnerStep) -> None:
            if request.should_stop is not None and request.should_stop():
                raise AdaptationCanceled
            loss = {} if at.support_loss is None else {"nats": float(at.support_loss)}
            if request.on_progress is not None:
                request.on_progress(Progress(at.step, steps, loss))

        rates = LearningRates({"logits": self.start.shape}, 30.0)
        result = inner_loop(
            lambda phi, batch: cross_entropy(phi["logits"][batch[:, 0]], batch[:, 1]),
            {"logits": self.start},
            support,
            SGD(rates),
            steps,
            on_step=visit,
        )
        losses = [float(loss) for loss in result.support_losses]
        header = StyleHeader(
            base_hash=self.base_hash,
            k=len(request.examples),
            steps=steps,
            seed=request.seed,
            losses={"start": {"nats": losses[0]}, "end": {"nats": losses[-1]}} if losses else {},
            modality=NAME,
        )
        return TextStyle(result.params["logits"].detach(), header)

    def read_style(self, data: bytes) -> TextStyle:
        """A style file."""
        from safetensors.torch import load as load_tensors

        header = read_style_header(data)
        if header.modality != NAME:
            raise StyleFormatError("the style is not one of text")
        if header.base_hash != self.base_hash:
            raise StyleBaseMismatchError("the style is of another base: learn it again")
        return TextStyle(load_tensors(data)["logits"], header)

    def blend(self, parts: Sequence[tuple[TextStyle, float]]) -> TextStyle:
        """The weighted mean."""
        total = sum(weight for _, weight in parts)
        logits = sum(weight / total * style.logits for style, weight in parts)
        return TextStyle(logits, parts[0][0].header)

    def generate(self, request: Generation) -> Iterator[Piece]:
        """Letter by letter."""
        import torch

        length, count = request.options["length"], request.options["count"]
        beginning = request.files.get("beginning", b" ").decode()
        for number in range(count):
            generator = torch.Generator().manual_seed(request.options["seed"] + number)
            text = beginning[-1]
            for i in range(length):
                if request.should_stop is not None and request.should_stop():
                    raise AdaptationCanceled
                odds = torch.softmax(request.style.logits[LETTERS.index(text[-1])], 0)
                text += LETTERS[int(torch.multinomial(odds, 1, generator=generator))]
                if request.on_progress is not None and (i + 1) % 10 == 0:
                    request.on_progress(number * length + i + 1, count * length)
            about = {"letters": length, "seed": request.options["seed"] + number}
            data = text[1:].encode()
            yield Piece(
                [ResultFile("txt", "text/plain", data), ResultFile("json", "application/json",
                 json.dumps({"text": text[1:]}).encode())],
                about,
            )  # fmt: skip
