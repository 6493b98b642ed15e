"""``fewstroke adapt`` for works of music, ``fewstroke compose`` and ``fewstroke music-train``."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from app.bounds import MAX_SEED
from app.cli.common import InputError, err_console, reported_errors, tell
from app.cli.rights import NO_RIGHTS, Rights
from app.cli.train_options import BeginFrom, JointShare, Minutes, Out, RateScale, Seed, Threads, train
from model.music.sniffing import sniff

if TYPE_CHECKING:
    from model.music.composition import Composition
    from model.music.score import Score

_SUFFIXES = {".mid", ".midi", ".musicxml", ".xml", ".mxl"}
_FORMS = ("mid", "musicxml", "mxl", "wav", "opus", "svg", "pdf", "png", "json")


def are_works(examples: Sequence[Path]) -> bool:
    """Some of the files (also in folders) is MIDI, MusicXML, MXL or a recording by its first bytes."""
    for path in _files(examples):
        try:
            with path.open("rb") as file:
                if sniff(file.read(64)) is not None:
                    return True
        except OSError:
            continue
    return False


def adapt_works(
    examples: Sequence[Path],
    output: Path,
    *,
    steps: int | None,
    seed: int,
    checkpoint: Path | None,
    rights: Rights = NO_RIGHTS,
) -> None:
    """Learn a composer from a few works and write the style to a file."""
    with _errors():
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        from app.cli.results import write_bytes
        from model.music.adaptation import DEFAULT_STEPS, MAX_EXAMPLES, adapt
        from model.music.checkpoint import load_music

        files = _files(examples)
        if len(files) > MAX_EXAMPLES:
            raise InputError(f"{len(files)} works are too many: choose at most {MAX_EXAMPLES} of them")
        if output.resolve() in {path.resolve() for path in files}:
            raise InputError(f"{output} is one of the inputs and would be overwritten: choose another -o")
        if output.is_dir() or output.suffix != ".safetensors":
            raise InputError(f"{output}: name the style file, e.g. mine.safetensors")
        scores = [_read(path) for path in files]
        base = load_music(checkpoint)
        steps = DEFAULT_STEPS if steps is None else steps
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
                told = f"{loss:.3f} nats a token" if loss is not None else ""
                bar.update(task, completed=done, total=total, loss=told)

            style = adapt(base, scores, steps=steps, seed=seed, on_progress=on_progress)
        write_bytes(output, rights.written_in(style).to_bytes())
        seconds = time.perf_counter() - started
        tell(f"{output}: style of {len(scores)} works in {seconds:.1f} s")


def compose(
    style: Annotated[
        list[Path],
        typer.Option("--style", "-s", help="Style file of `fewstroke adapt`; given again, a blend."),
    ],
    output: Annotated[
        list[Path],
        typer.Option(
            "-o",
            "--output",
            help="File to write: .mid .musicxml .mxl .wav .opus .svg .pdf .png .json; again.",
        ),
    ],
    weights: Annotated[str | None, typer.Option(help="Weights of a blend, such as 0.7,0.3.")] = None,
    bars: Annotated[int, typer.Option(min=2, max=64, help="Length.")] = 16,
    key: Annotated[str | None, typer.Option(help="Such as C, F#, Eb or 'Eb minor'.")] = None,
    mode: Annotated[str | None, typer.Option(help="major or minor.")] = None,
    tempo: Annotated[float | None, typer.Option(help="Quarters a minute.")] = None,
    meter: Annotated[str | None, typer.Option(help="Such as 3/4 or 6/8.")] = None,
    density: Annotated[int | None, typer.Option(min=0, max=4, help="0: very sparse; 4: very dense.")] = None,
    valence: Annotated[float | None, typer.Option(min=-1, max=1, help="Mood: -1 sad, 1 glad.")] = None,
    arousal: Annotated[float | None, typer.Option(min=-1, max=1, help="Mood: -1 calm, 1 stirred.")] = None,
    voice: Annotated[bool | None, typer.Option(help="With a singer, or for piano alone.")] = None,
    temperature: Annotated[float, typer.Option(min=0.1, max=2.0, help="Above 1: more surprising.")] = 0.95,
    top_p: Annotated[float, typer.Option(min=0.01, max=1.0, help="Leave out what is unlikely.")] = 0.95,
    max_copied: Annotated[
        int | None,
        typer.Option(
            min=8,
            help="Longest run of notes shared with the examples or training works.",
            show_default="what songs of different composers share",
        ),
    ] = None,
    ending: Annotated[str, typer.Option(help="cadence or open.")] = "cadence",
    primer: Annotated[Path | None, typer.Option(help="A work to go on from.")] = None,
    infill: Annotated[str | None, typer.Option(help="Bars of the primer to write anew, such as 5-8.")] = None,
    count: Annotated[int, typer.Option(min=1, max=8, help="How many.")] = 1,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Same seed, same notes.")] = 0,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Another checkpoint.", show_default="the one in the package")
    ] = None,
) -> None:
    """Compose a song for voice and piano (or a piano piece) in a style.

    Prints one line of JSON for each: key, tempo, meter, what the mood moved, and how original it is.
    """
    with _errors():
        from app.cli.results import write_bytes
        from app.provenance.signer import Claim, Signer
        from app.provenance.xmp import tool
        from app.settings import load_settings
        from model.music.checkpoint import load_music
        from model.music.composition import Composer
        from model.music.controls import Controls, Mood
        from model.music.export import export
        from model.music.limits import MEDIA_TYPES
        from model.music.style import MusicStyle, blend_music_styles

        for path in output:
            if path.suffix.lstrip(".").lower() not in _FORMS:
                raise InputError(f"{path}: name a file that ends in one of .{', .'.join(_FORMS)}")
        base = load_music(checkpoint)
        shapes = {name: value.shape for name, value in base.phi.items()}
        styles = []
        for path in style:
            try:
                data = path.read_bytes()
            except OSError as error:
                raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
            styles.append(MusicStyle.from_bytes(data, base_hash=base.hash, shapes=shapes))
        shares = _weights(weights, len(styles))
        learned = (
            styles[0] if len(styles) == 1 else blend_music_styles(list(zip(styles, shares, strict=True)))
        )
        mood = None if valence is None and arousal is None else Mood(valence or 0.0, arousal or 0.0)
        controls = Controls(
            bars=bars, key=key, mode=mode, tempo=tempo, meter=meter, density=density, mood=mood, voice=voice,
            temperature=temperature, top_p=top_p, seed=seed, count=count, max_copied=max_copied,
            ending=_ending(ending), primer=None if primer is None else _read(primer), infill=_bars(infill),
        )  # fmt: skip
        signer = Signer.of(load_settings())
        claim = Claim(
            {"app": tool(), "modality": "music", "base_hash": base.hash, "seed": seed, "bars": bars},
            composed=True,
        )
        with err_console().status("composing") as status:
            for number, result in enumerate(
                Composer(base).compose(
                    learned, controls, on_progress=lambda done, of: status.update(f"bar {done} of {of}")
                )
            ):
                names = []
                for path in output:
                    target = path if count == 1 else path.with_stem(f"{path.stem}-{number + 1}")
                    form = path.suffix[1:].lower()
                    data = export(result.whole or result.score, form)
                    if signer.signs(MEDIA_TYPES[form]):
                        data = signer.sign(data, MEDIA_TYPES[form], claim)
                    write_bytes(target, data)
                    names.append(str(target))
                tell(json.dumps({"files": names, **_about(result)}))


def _about(result: Composition) -> dict[str, Any]:
    settled = result.settled
    return {
        "key": settled.key.name,
        "tempo": settled.tempo,
        "meter": str(settled.meter),
        "bars": len(result.score.bars),
        "moved_by_mood": settled.moved,
        "seed": result.seed,
        "originality": result.report.to_dict(),
    }


def music_train(
    works: Annotated[Path, typer.Option(help="Folder with a folder of .mid files for each composer.")],
    out: Out,
    minutes: Minutes = 60.0,
    joint_share: JointShare = 0.5,
    rate_scale: RateScale = 1.0,
    begin_from: BeginFrom = None,
    seed: Seed = 0,
    threads: Threads = 1,
) -> None:
    """Train a music checkpoint; called again with the same --out, it goes on where it stood.

    Writes music.safetensors and log.csv to --out, and a state every minute.
    """
    with _errors():
        if not works.is_dir():
            raise InputError(f"{works} is no folder: check the name")
        import torch

        from model.music.training import MusicTraining, MusicTrainingConfig
        from model.music.works import cached_works

        torch.set_num_threads(threads)
        config = MusicTrainingConfig(
            out=out,
            begin_from=begin_from,
            minutes=minutes,
            joint_share=joint_share,
            seed=seed,
            rate_scale=rate_scale,
        )
        with err_console().status("reading the works"):
            training = MusicTraining(config, cached_works(works, out / "works.npz"))
        train(training, out)


def evaluate_music(
    works: Path | None,
    checkpoint: Path | None,
    joint: Path | None,
    out: Path,
    cache: Path,
    *,
    fragments: int = 0,
) -> None:
    """Right against wrong composer, over those that no training saw; music.json and music.md in ``out``."""
    with _errors():
        if works is None or not works.is_dir():
            raise InputError("--works names a folder with a folder of .mid files for each composer")
        from benchmarks.evaluation import music, music_classifier, music_fragments
        from model.music.works import cached_works

        with err_console().status("measuring"):
            known = cached_works(works, Path("runs/evaluate/music.npz"))
            results = music.evaluate_music(
                checkpoint,
                joint,
                known,
                music.EvaluationOptions(),
                on_row=lambda so_far: music.write_results(so_far, out),
                cache=cache,
            )
        tell(music.table(results))
        if fragments:
            with err_console().status("composing"):
                results["fragments"] = music_fragments.evaluate_fragments(checkpoint, works, fragments)
                results["classifier"] = music_classifier.evaluate_classifier(
                    checkpoint, known, fragments=max(1, fragments // len(results["composers"]))
                )
            music.write_results(results, out)
            for name in ("fragments", "classifier"):
                tell(json.dumps({name: results[name]}))


def _files(examples: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in examples:
        if path.is_dir():
            files += sorted(p for p in path.iterdir() if p.suffix.lower() in _SUFFIXES)
        else:
            files.append(path)
    return files


def _read(path: Path) -> Score:
    from model.music.errors import WorkError
    from model.music.reading import read_work

    try:
        return read_work(path.read_bytes(), title=path.stem)
    except WorkError as error:
        raise InputError(f"{path}: {error}") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def _ending(text: str) -> Literal["cadence", "open"]:
    if text == "cadence":
        return "cadence"
    if text == "open":
        return "open"
    raise InputError(f"--ending is cadence or open, not {text}")


def _bars(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    first, _, last = text.partition("-")
    if not first.isdigit() or (last and not last.isdigit()):
        raise InputError(f"--infill names bars such as 5-8, not {text}")
    return int(first), int(last or first)


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
def _errors() -> Iterator[None]:
    """As for pictures; what a caller can change is an error of the input."""
    from model.music.errors import ControlsError, WorkError

    with reported_errors():
        try:
            yield
        except (ControlsError, WorkError) as error:
            raise InputError(str(error)) from error
