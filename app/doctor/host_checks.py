"""Checks of this machine: disk, checkpoint, device, decoder, port."""

import asyncio
import shlex
import shutil
from pathlib import Path
from stat import S_IRWXG, S_IRWXO
from tempfile import TemporaryDirectory

from app.doctor.report import Trouble, Verdict
from app.imaging.decoder_pool import Decoder
from app.imaging.limits import Ground, Limits
from app.infra.listen_socket import ListenError, listen
from app.provenance.certificates import SOON, certificate_of, days_left
from app.settings import Settings
from app.settings_report import remarks

_LITTLE = 2 * 2**30  # bytes; the embedded broker alone may take so much
_TOO_LITTLE = 256 * 2**20
_PICTURE = bytes.fromhex(  # a PNG of 1 x 1 pixel
    "89504e470d0a1a0a0000000d49484452000000010000000108020000009077"
    "53de0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)


async def check_settings() -> str:
    """Every variable that begins like ours is one of ours, and the file is obeyed."""
    found = remarks()
    if found:
        raise Trouble(Verdict.WARN, " ".join(found), "Correct the names of variables, or unset them.")
    return "no variable but those of docs/configuration.md is set"


async def check_modes(settings: Settings) -> str:
    """Database and pictures are for the user of the service alone."""
    database = settings.database.database if settings.database.get_backend_name() == "sqlite" else None
    places = [settings.data_dir, settings.blobs_folder, Path(database) if database else None]
    there = [place for place in places if place is not None and place.exists()]
    wide = [str(place) for place in there if place.stat().st_mode & (S_IRWXG | S_IRWXO)]
    if wide:
        raise Trouble(
            Verdict.WARN,
            f"other users of this machine may look into {', '.join(wide)}",
            shlex.join(["chmod", "-R", "go=", *wide]),
        )
    return "database and pictures are for this user alone"


async def check_certificate(settings: Settings) -> str:
    """What results are signed with can be read, fits, and lasts. Raises ConfigError."""
    path = certificate_of(settings)
    if settings.signing_certificate is None and not path.exists():
        return f"none yet: a worker makes {path} when it starts"
    left = days_left(settings)
    if left < SOON.days:
        raise Trouble(
            Verdict.WARN,
            f"the certificate in {path} expires in {left} days",
            "Get a new one, or make one with `fewstroke certificates create`; then start the workers anew.",
        )
    return f"results are signed with {path}, which lasts {left} days more"


async def check_disk(settings: Settings) -> str:
    """Room for database, queue and pictures, which may be on different disks."""
    places = {settings.data_dir: "FEWSTROKE_DATA_DIR"}
    if settings.blobs_folder is not None:
        places.setdefault(settings.blobs_folder, "FEWSTROKE_BLOBS_URL")
    if settings.database.get_backend_name() == "sqlite" and settings.database.database:
        places.setdefault(Path(settings.database.database).parent, "FEWSTROKE_DATABASE_URL")
    seen: set[int] = set()
    said: list[str] = []
    little: dict[str, Verdict] = {}
    for place, variable in places.items():
        folder = place.absolute()
        while not folder.exists():
            folder = folder.parent
        if (disk := _disk_of(folder)) in seen:
            continue
        seen.add(disk)
        free = shutil.disk_usage(folder).free
        said.append(f"{free / 2**30:.1f} GiB free at {place}")
        if free < _LITTLE:
            little[variable] = Verdict.FAIL if free < _TOO_LITTLE else Verdict.WARN
    says = ", ".join(said)
    if little:
        verdict = Verdict.FAIL if Verdict.FAIL in little.values() else Verdict.WARN
        raise Trouble(verdict, says, f"Make room, or choose another disk with {' and '.join(little)}.")
    return says


def _disk_of(folder: Path) -> int:
    return folder.stat().st_dev


async def check_checkpoint(settings: Settings, device: str) -> str:
    """There, with its hash, and the model can be loaded from it."""
    from model.formats import checkpoint_hash, default_checkpoint

    path = settings.checkpoint or default_checkpoint()
    digest = await asyncio.to_thread(checkpoint_hash, settings.checkpoint)

    def load() -> str:
        from model.image.engine import Engine

        return Engine.load(settings.checkpoint, device="cpu", renderer=settings.renderer).renders_with

    renderer = await asyncio.to_thread(load)
    return f"{path}, SHA-256 {digest[:16]}…, loads; a CPU here renders with {renderer}"


async def check_device(device: str) -> str:
    """The device exists and computes."""

    def compute() -> str:
        import torch

        from model.device import resolve_device, use_available_processors

        use_available_processors()
        where = resolve_device(device)
        if float(torch.ones(8, device=where).sum()) != 8.0:
            raise RuntimeError(f"{where} computes wrongly")
        if where.type != "cuda":
            return f"{where}, {torch.get_num_threads()} threads"
        free, total = torch.cuda.mem_get_info(where)
        name = torch.cuda.get_device_name(where)
        return f"{where}, {name}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free"

    return await asyncio.to_thread(compute)


async def check_decoder(settings: Settings) -> str:
    """A decoder process starts and reads a picture."""
    decoder = Decoder(processes=1, seconds=settings.decode_seconds)
    limits = Limits(min_side=1, max_side=16, max_pixels=256, target_side=16, ground=Ground.WHITE)
    try:
        with TemporaryDirectory(prefix="fewstroke-") as folder:
            source, target = Path(folder, "in"), Path(folder, "out")
            source.write_bytes(_PICTURE)  # noqa: ASYNC240 - seventy bytes
            done = await decoder.normalize(source, target, limits, label="The test picture")
    finally:
        await decoder.close()
    return f"reads a picture ({done.width} x {done.height})"


async def check_port(settings: Settings) -> str:
    """Free, or taken by the service itself."""
    try:
        listen(settings.host, settings.port).close()
    except ListenError as error:
        if error.taken and await _is_ours(settings):
            return f"{error.where}: the service answers there"
        says = f"{error.where} cannot be listened on: {error.why}"
        raise Trouble(Verdict.FAIL, says, f"{error.mend[0].upper()}{error.mend[1:]}.") from error
    return f"{settings.host}:{settings.port} is free"


async def _is_ours(settings: Settings) -> bool:
    import httpx

    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    url = f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
    try:
        async with httpx.AsyncClient(base_url=url, timeout=5.0, trust_env=False) as client:
            return bool((await client.get("/livez")).json() == {"status": "ok"})
    except (httpx.HTTPError, ValueError):
        return False
