"""``fewstroke demo``: pictures that come along, through a running service."""

from __future__ import annotations

import shlex
import shutil
import time
from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import InputError, about, err_console, reported_errors, tell
from app.cli.remote import USUAL_ADDRESS, Address, Key, checked, service_at
from app.jobs.job import JobState

EXAMPLES = ("great-wave", "ejiri-in-suruga", "kazusa-sea-route", "ryogoku-bridge", "poppies")
PHOTO = "astronaut"
_LOOK_EVERY = 0.5  # s


def demo(
    folder: Annotated[Path, typer.Argument(help="Where the pictures go.")] = Path("fewstroke-demo"),
    address: Address = USUAL_ADDRESS,
    key: Key = None,
) -> None:
    """Have a running service learn from five prints by Hokusai, which come along, and redraw a photo like
    them."""
    with reported_errors():
        with about(folder):
            prints, photo, out = *_pictures(folder), folder / "out.png"
        call = [f"-F examples=@{shlex.quote(str(path))}" for path in prints]
        err_console().print(
            "curl -sS --fail-with-body -H 'Accept: image/png'",
            *call,
            f"-F content=@{shlex.quote(str(photo))} {address}/v1/stylize -o {shlex.quote(str(out))}",
            soft_wrap=True,
            markup=False,
        )
        files = [("examples", (path.name, path.read_bytes())) for path in prints]
        files.append(("content", (photo.name, photo.read_bytes())))
        with service_at(address, key) as http, err_console().status("learning from five prints"):
            job = checked(http.post("/v1/stylize", files=files)).json()["job"]
            while not JobState(job["state"]).terminal:
                time.sleep(_LOOK_EVERY)
                job = checked(http.get(f"/v1/jobs/{job['id']}")).json()
            if job["state"] != "succeeded":
                raise InputError((job["error"] or {}).get("detail", f"job {job['id']} is {job['state']}"))
            out.write_bytes(checked(http.get(job["result"]["images"][0]["url"])).content)
        tell(str(out))


def _pictures(folder: Path) -> tuple[list[Path], Path]:
    """Copies of what comes along: prints, and a photo."""
    shipped = Path(__file__).parents[1] / "studio" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    *prints, photo = (
        Path(shutil.copy(shipped / kind / f"{name}.jpg", folder))
        for kind, name in [*(("examples", name) for name in EXAMPLES), ("photos", PHOTO)]
    )
    return prints, photo
