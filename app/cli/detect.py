"""``fewstroke detect``: what files tell of where they come from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from app.cli.common import ExitCode, InputError, about, complain, reported_errors
from app.cli.service import DataDir


def detect(
    files: Annotated[list[Path], typer.Argument(help="Pictures; of other files the manifest is read.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Tell where files come from: invisible watermark, signed manifest (C2PA), XMP.

    A watermark stays in a picture that was scaled, compressed or taken from a screen. Whether it is of the
    service whose data folder is here is told, too, and which of its results it is.
    """
    from app.settings import load_settings

    with reported_errors():
        settings = load_settings(**({"data_dir": data_dir} if data_dir else {}))
        bad = 0
        for path in files:
            try:
                said = _told(path, _known_here(settings))
            except InputError as error:
                if len(files) == 1:
                    raise
                complain(str(error))
                bad += 1
                continue
            if as_json:
                typer.echo(json.dumps({"file": str(path), **said}))
            else:
                _print(path, said)
        if bad:
            raise typer.Exit(ExitCode.INPUT)


def _told(path: Path, known: Any) -> dict[str, Any]:
    from mimetypes import guess_type

    from app.cli.pictures import read_picture
    from app.imaging.sniff import HEAD, media_type_of, sniff
    from app.provenance.marks import read_marks, read_record
    from app.provenance.watermark.detect import find

    with about(path):
        with path.open("rb") as file:
            picture = sniff(file.read(HEAD)) is not None
        kind = media_type_of(path) if picture else guess_type(path)[0] or "application/octet-stream"
        marks, _ = read_marks(path, kind)
        record = read_record(path, kind)
    found = find(read_picture(path)) if picture else None
    signed = marks.manifest is not None and marks.manifest["state"] == "valid" and record is not None
    mark = None
    if found is not None:
        maker, result = known(found.payload)
        mark = {"maker": maker, "result_id": result, "scale": round(found.scale, 3)}
    return {
        "made_by_fewstroke": found is not None or signed,
        "watermark": mark,
        "manifest": marks.manifest,
        "record": record,
        "digital_source_type": marks.digital_source_type,
    }


def _known_here(settings: Any) -> Any:
    """Who has made what a watermark names: a function of its payload."""
    import asyncio

    from sqlalchemy import select

    from app.detections.schemas import Maker
    from app.images.tables import ImageRow
    from app.infra.db import create_engine, create_sessions, is_away
    from app.provenance.watermark.payload import Payload
    from app.provenance.watermark.service import own_number

    database = settings.database
    if database.get_backend_name() == "sqlite" and not Path(database.database or "").is_file():
        return lambda payload: (Maker.of(payload.service, None), None)  # no service was ever started here

    async def ask(payload: Payload) -> tuple[str, str | None]:
        engine = create_engine(database)
        try:
            sessions = create_sessions(engine)
            maker = Maker.of(payload.service, await own_number(sessions))
            if maker is not Maker.THIS_SERVICE:
                return maker, None
            async with sessions() as session:
                query = select(ImageRow.id).where(ImageRow.watermark == payload.result)
                return maker, await session.scalar(query.order_by(ImageRow.id.desc()).limit(1))
        except Exception as error:
            if not is_away(error):
                raise
            return Maker.of(payload.service, None), None
        finally:
            await engine.dispose()

    return lambda payload: asyncio.run(ask(payload))


def _print(path: Path, said: dict[str, Any]) -> None:
    console = Console(highlight=False, emoji=False)
    made = "made by Fewstroke" if said["made_by_fewstroke"] else "nothing says that Fewstroke has made it"
    console.print(f"[bold]{escape(str(path))}[/]: {made}", soft_wrap=True)
    for name, text in _lines(said):
        console.print(f"  {name:<12} {escape(text)}", soft_wrap=True)


def _lines(said: dict[str, Any]) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    if mark := said["watermark"]:
        result = f", result {mark['result_id']}" if mark["result_id"] else ""
        lines.append(("watermark", f"of {_MAKERS[mark['maker']]}{result}"))
    if manifest := said["manifest"]:
        signer = manifest["signer"] or "somebody unnamed"
        lines.append(("manifest", f"{manifest['state']}, signed by {signer} ({manifest['generator']})"))
    if record := said["record"]:
        lines.append(("record", json.dumps(record)))
    if kind := said["digital_source_type"]:
        lines.append(("source type", kind.rpartition("/")[2]))
    return lines


_MAKERS = {
    "this_service": "the service here",
    "other_service": "another service",
    "command_line": "the command line",
}
