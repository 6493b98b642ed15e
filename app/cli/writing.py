"""``fewstroke adapt`` for texts and ``fewstroke write``."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.bounds import MAX_SEED
from app.cli.common import InputError, err_console, reported_errors, tell
from app.cli.rights import NO_RIGHTS, Rights

if TYPE_CHECKING:
    from model.text.reading import Text

_SUFFIXES = {".txt", ".md", ".docx", ".epub"}
LM_FOLDER = "models"  # in the data folder: the language model of stories
_FORMS = ("txt", "md", "json")


def are_texts(examples: Sequence[Path]) -> bool:
    """All of the files (also in folders, hidden ones aside) are called .txt, .md, .docx or .epub.

    A note beside pictures does not make texts of them.
    """
    files = [file for path in examples for file in (path.iterdir() if path.is_dir() else [path])]
    seen = [file for file in files if not file.name.startswith(".")]
    return bool(seen) and all(file.suffix.lower() in _SUFFIXES for file in seen)


def adapt_texts(
    examples: Sequence[Path],
    output: Path,
    *,
    steps: int | None,
    seed: int,
    checkpoint: Path | None,
    rights: Rights = NO_RIGHTS,
) -> None:
    """Learn an author from a few texts and write the style to a file."""
    with text_errors():
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        from app.cli.results import write_bytes
        from app.settings import load_settings
        from model.text.learning import learn
        from model.text.reading import MAX_TEXTS

        files = _files(examples)
        if len(files) > MAX_TEXTS:
            raise InputError(f"{len(files)} texts are too many: choose at most {MAX_TEXTS} of them")
        if output.resolve() in {path.resolve() for path in files}:
            raise InputError(f"{output} is one of the inputs and would be overwritten: choose another -o")
        if output.is_dir() or output.suffix != ".safetensors":
            raise InputError(f"{output}: name the style file, e.g. mine.safetensors")
        texts = [_read(path) for path in files]
        started = time.perf_counter()
        with Progress(
            TextColumn("learning"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[loss]}"),
            TimeElapsedColumn(),
            console=err_console(),
        ) as bar:
            task = bar.add_task("learning", total=steps, loss="")

            def on_progress(done: int, total: int, loss: float | None) -> None:
                told = f"{loss:.3f} nats" if loss is not None else ""
                bar.update(task, completed=done, total=total, loss=told)

            folder = load_settings().data_dir / LM_FOLDER
            style = learn(
                texts, folder, steps=steps, seed=seed, checkpoint=checkpoint, on_progress=on_progress
            )
        write_bytes(output, rights.written_in(style).to_bytes())
        seconds = time.perf_counter() - started
        tell(f"{output}: style of {len(texts)} texts in {seconds:.1f} s")
        tell(json.dumps(style.description, ensure_ascii=False))


def write(
    style: Annotated[
        list[Path],
        typer.Option("--style", "-s", help="Style file of `fewstroke adapt`; given again, a blend."),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="File: .txt .md .json.", show_default="standard output"),
    ] = None,
    weights: Annotated[str | None, typer.Option(help="Weights of a blend, such as 0.7,0.3.")] = None,
    form: Annotated[
        str, typer.Option(help="Of poems: jueju, lushi, wujue, qijue, wulu, qilu, ci, or in Chinese.")
    ] = "jueju",
    title: Annotated[str, typer.Option(help="What it is about; of a ci, its tune.")] = "",
    script: Annotated[
        str | None, typer.Option(help="simplified or traditional.", show_default="as the examples")
    ] = None,
    opening: Annotated[str, typer.Option(help="Of stories: how it begins.")] = "",
    length: Annotated[int, typer.Option(help="Of stories: words, 30 to 600.")] = 250,
    person: Annotated[
        str | None, typer.Option(help="Of stories: first or third.", show_default="as the examples")
    ] = None,
    tense: Annotated[str, typer.Option(help="Of stories: past or present.")] = "past",
    mood: Annotated[str, typer.Option(help="Of stories: in a few words.")] = "",
    temperature: Annotated[
        float | None,
        typer.Option(
            min=0.1, max=2.0, help="Above 1: more surprising.", show_default="poems 0.9, stories 0.7"
        ),
    ] = None,
    top_p: Annotated[float, typer.Option(min=0.01, max=1.0, help="Leave out what is unlikely.")] = 0.92,
    max_copied: Annotated[
        int | None,
        typer.Option(
            help="Longest run shared with others' texts.", show_default="poems 4 characters, stories 8 words"
        ),
    ] = None,
    avoid: Annotated[str, typer.Option(help="Characters, or words with commas, that do not occur.")] = "",
    count: Annotated[int, typer.Option(min=1, max=16, help="How many.")] = 1,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Same seed, same text.")] = 0,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Another checkpoint.", show_default="the one in the package")
    ] = None,
) -> None:
    """Write poems or stories in a style, as its examples were.

    Prints them, or with -o one line of JSON for each that says how original it is.
    """
    with text_errors():
        if output is not None and output.suffix.lstrip(".").lower() not in _FORMS:
            raise InputError(f"{output}: name a file that ends in one of .{', .'.join(_FORMS)}")
        files = [_bytes(path) for path in style]
        shares = _weights(weights, len(files))
        common: dict[str, Any] = {"title": title, "count": count, "seed": seed, "top_p": top_p}
        common |= {} if temperature is None else {"temperature": temperature}
        common |= {} if max_copied is None else {"max_copied": max_copied}
        from model.formats import read_style_header

        if read_style_header(files[0]).modality == "stories":
            words = tuple(word.strip() for word in avoid.split(",") if word.strip())
            common |= {"opening": opening, "length": length, "person": person, "tense": tense, "mood": mood}
            made = _stories(files, shares, checkpoint, common | {"avoid": words})
        else:
            made = _poems(
                files, shares, checkpoint, common | {"form": form, "avoid": avoid, "script": script}
            )
        for number, (text, about) in enumerate(made):
            _tell(text, about, output if output is None or count == 1 else _numbered(output, number))


def _poems(
    files: Sequence[bytes], shares: Sequence[float], checkpoint: Path | None, asked: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    from model.text.poems.checkpoint import load_poems
    from model.text.poems.modality import PoemsModality, about
    from model.text.poems.writing import PoemRequest, PoemWriter

    if asked["script"] not in (None, "simplified", "traditional"):
        raise InputError(f"--script is simplified or traditional, not {asked['script']}")
    request = PoemRequest(**asked)
    modality = PoemsModality(load_poems(checkpoint))
    learned = modality.blend(
        [(modality.read_style(f), share) for f, share in zip(files, shares, strict=True)]
    )
    with err_console().status("writing") as status:
        for made in PoemWriter(modality.base).write(
            learned, request, on_progress=lambda done, of: status.update(f"character {done} of {of}")
        ):
            yield made.text, about(made)


def _stories(
    files: Sequence[bytes], shares: Sequence[float], checkpoint: Path | None, asked: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    from app.settings import load_settings
    from model.text.stories.base import load_stories
    from model.text.stories.style import StoryStyle, blend_story_styles
    from model.text.stories.writing import StoryRequest, StoryWriter

    if asked["person"] not in (None, "first", "third") or asked["tense"] not in ("past", "present"):
        raise InputError("--person is first or third, --tense is past or present")
    request = StoryRequest(**asked)
    base = load_stories(load_settings().data_dir / LM_FOLDER, checkpoint)
    shapes = {name: value.shape for name, value in base.phi.items()}
    styles = [StoryStyle.from_bytes(f, base_hash=base.hash, shapes=shapes) for f in files]
    learned = styles[0] if len(styles) == 1 else blend_story_styles(list(zip(styles, shares, strict=True)))
    with err_console().status("writing") as status:
        for made in StoryWriter(base).write(
            learned, request, on_text=lambda row, text: status.update(f"{len(text.split())} words")
        ):
            about = {"ended": made.ended, "seed": made.seed, "originality": made.report.to_dict()}
            yield made.text, {"title": made.title, "text": made.text, **about}


def _tell(text: str, about: dict[str, Any], output: Path | None) -> None:
    from app.cli.results import write_bytes

    if output is None:
        tell(text + "\n")
        return
    if output.suffix.lower() == ".json":
        write_bytes(output, (json.dumps(about, ensure_ascii=False, indent=1) + "\n").encode())
    else:
        write_bytes(output, (text + "\n").encode())
    short = {name: value for name, value in about.items() if name != "text"}
    tell(json.dumps({"file": str(output), **short}, ensure_ascii=False))


def _numbered(path: Path, number: int) -> Path:
    return path.with_stem(f"{path.stem}-{number + 1}")


def _files(examples: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in examples:
        if path.is_dir():
            files += sorted(p for p in path.iterdir() if p.suffix.lower() in _SUFFIXES)
        else:
            files.append(path)
    return files


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def _read(path: Path) -> Text:
    from model.text.documents import MAX_FILE
    from model.text.errors import ReadingError
    from model.text.reading import read_text

    try:
        with path.open("rb") as file:
            return read_text(file.read(MAX_FILE + 1), path.stem)
    except ReadingError as error:
        raise InputError(f"{path}: {error}") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def _weights(text: str | None, count: int) -> list[float]:
    if text is None:
        return [1.0] * count
    try:
        shares = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(f"--weights are numbers such as 0.7,0.3, not {text}") from error
    if len(shares) != count:
        raise InputError(f"--weights names {len(shares)} numbers for {count} styles")
    return shares


@contextmanager
def text_errors() -> Iterator[None]:
    """As for pictures; what a caller can change is an error of the input."""
    from model.text.errors import ReadingError, WritingError

    with reported_errors():
        try:
            yield
        except (ReadingError, WritingError) as error:
            raise InputError(str(error)) from error
