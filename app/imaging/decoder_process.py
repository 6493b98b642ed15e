"""The decoder process: decodes untrusted uploads outside the HTTP process.

A picture, or a score, that crashes, bloats or stalls a decoder then costs one refused upload. One JSON
request a line on stdin, one JSON answer a line on stdout; it ends when stdin closes, so also when its parent
is killed. Run by :mod:`app.imaging.decoder_pool`.

What takes long gives way: each picture has a thread of its own, which becomes nicer after a moment, so that
where cores are few the quick pictures of one owner do not wait for the slow ones of another.
"""

import hashlib
import json
import os
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from PIL import Image

from app.errors import AppError
from app.imaging.cost_limits import keep_small, refuse_costly
from app.imaging.limits import Limits, Normalized, Stored, manifest_beside
from app.imaging.normalize import normalize
from app.imaging.sandbox import confine
from app.imaging.sniff import media_type_of
from app.infra.thread_priority import give_way
from app.provenance.marks import read_marks, read_record
from app.provenance.watermark.detect import find

_MEMORY = 3 * 1024**3  # bytes of address space; the largest accepted picture needs about a fifth
_MOMENT = 0.2  # s
_NICER = 5
_READY = "ready"


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Do what one request asks."""
    source, target = Path(request["source"]), Path(request["target"])
    if "reader" in request:
        return _read(request, source, target)
    try:
        refuse_costly(source, request["label"])
        limits = Limits(**request["limits"])
        done = normalize(source, target, limits, label=request["label"])
        done = _marked(keep_small(done, source, target), source, target)
        if limits.detect:
            done = _detected(done, source, target)
    except AppError as error:
        return {"error": type(error).__name__, "detail": error.detail}
    except OSError as error:  # no room for the result; what a picture itself raises is an AppError
        return {"unavailable": str(error)}
    except MemoryError:
        return {"error": "ImageTooLargeError", "detail": "A picture needs too much memory: scale it down."}
    return {"done": asdict(done)}


def _marked(done: Normalized, source: Path, target: Path) -> Normalized:
    """With what the upload says of itself; its own manifest goes beside the picture."""
    marks, manifest = read_marks(source, media_type_of(source))
    if manifest is not None:
        manifest_beside(target).write_bytes(manifest)
    return replace(done, marks=asdict(marks) if marks else None)


def _detected(done: Normalized, source: Path, target: Path) -> Normalized:
    """With what else tells where it comes from."""
    with Image.open(target) as picture:
        found = find(picture)
    record = read_record(source, media_type_of(source))
    return replace(done, record=record, watermark=asdict(found) if found else None)


def _read(request: dict[str, Any], source: Path, target: Path) -> dict[str, Any]:
    """A file that is no picture, by the reader of its medium."""
    try:
        module, _, function = request["reader"].partition(":")
        media_type, extension = getattr(import_module(module), function)(source, target, request["name"])
        data = target.read_bytes()
    except AppError as error:
        return {"error": type(error).__name__, "detail": f"{request['label']}: {error.detail}"}
    except OSError as error:
        return {"unavailable": str(error)}
    except (MemoryError, RecursionError):
        return {
            "error": "WorkTooLargeError",
            "detail": f"{request['label']} needs too much memory to read: send a smaller one.",
        }
    digest = hashlib.sha256(data).hexdigest()
    return {"done": asdict(Stored(media_type, extension, len(data), digest))}


def main() -> None:
    """Answer requests until stdin ends."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # each would reserve some of the memory below
    _limit_memory()
    confine()
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not look like an answer
    print(json.dumps(_READY), file=replies, flush=True)
    for line in sys.stdin:
        reply = _done_in_thread(json.loads(line))
        print(json.dumps(reply), file=replies, flush=True)
        if "late" in reply:
            os._exit(1)  # the thread is still at it


def _done_in_thread(request: dict[str, Any]) -> dict[str, Any]:
    """The answer, with the ``seconds`` of processor time that it took; only ``late`` when that are more than
    it may have. Of a thread that gives way after a moment: niceness cannot be taken back, a thread can."""
    replies: list[dict[str, Any]] = []

    def work() -> None:
        reply = answer(request)
        replies.append({**reply, "seconds": time.thread_time()})

    thread = threading.Thread(target=work, name="picture", daemon=True)
    before = time.process_time()
    thread.start()
    thread.join(_MOMENT)
    if thread.is_alive() and sys.platform == "linux":  # elsewhere only whole processes can be nicer
        with suppress(ProcessLookupError):  # done at this moment
            give_way(os.getpriority(os.PRIO_PROCESS, 0) + _NICER, thread.native_id)
    while thread.is_alive():
        if time.process_time() - before > request["seconds"]:
            return {"late": True}
        thread.join(_MOMENT)
    return replies[0]


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # not on this platform; the parent's limits on pixels and time remain
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    ceiling = _MEMORY if hard == resource.RLIM_INFINITY else min(_MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_AS, (ceiling, hard))


if __name__ == "__main__":
    main()
