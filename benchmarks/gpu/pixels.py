"""Between files, pictures and the device: JPEG on the CPU and the GPU, floats and bytes over the bus."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.bench.pictures import photo
from benchmarks.gpu.clock import Clock
from benchmarks.gpu.record import Record, Row
from model.image.media.folders import to_image, to_tensor

_QUALITY = 92  # what the service writes


def jpeg(record: Record, clock: Clock, *, sizes: Sequence[int], batches: Sequence[int]) -> None:
    """Milliseconds a picture for every size, direction and codec."""
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        for side in sizes:
            pictures = [photo(side, i) for i in range(4)]
            files = [_encode(each) for each in pictures]
            for direction, subjects in (
                ("decode", _decoders(clock, files, pool, batches)),
                ("encode", _encoders(clock, pictures, pool, batches)),
            ):
                for name, count, call in subjects:
                    if record.late():
                        record.skipped(f"JPEG {direction} at {side} px: {name}")
                        continue
                    row: Row = {"side": side, "direction": direction, "codec": name}

                    def one(count: int = count, call: Callable[[], object] = call) -> Row:
                        took = clock.calls(call, seconds=0.15, least=2)
                        return {"milliseconds": 1e3 * took.median / count}

                    record.tried(row, "call", one)
                    record.add(row)
    finally:
        pool.shutdown()


Subjects = list[tuple[str, int, Callable[[], object]]]  # name, pictures in a call, call


def _decoders(clock: Clock, files: list[bytes], pool: ThreadPoolExecutor, batches: Sequence[int]) -> Subjects:
    raw = [torch.from_numpy(np.frombuffer(each, np.uint8).copy()) for each in files]

    def on_cpu() -> object:
        from torchvision.io import ImageReadMode, decode_jpeg

        return decode_jpeg(raw[0], mode=ImageReadMode.RGB)

    def on_gpu(count: int) -> object:
        from torchvision.io import ImageReadMode, decode_jpeg

        given = [raw[i % len(raw)] for i in range(count)]
        return decode_jpeg(given, mode=ImageReadMode.RGB, device=clock.device)

    many = [files[i % len(files)] for i in range(32)]
    return [
        ("Pillow", 1, lambda: _decode(files[0])),
        ("Pillow, threads", 32, lambda: list(pool.map(_decode, many))),
        ("torchvision, CPU", 1, on_cpu),
        *_batched(clock, batches, on_gpu),
    ]


def _encoders(
    clock: Clock, pictures: list[Image.Image], pool: ThreadPoolExecutor, batches: Sequence[int]
) -> Subjects:
    tensors = [torch.from_numpy(np.array(each)).permute(2, 0, 1).contiguous() for each in pictures]
    near = [each.to(clock.device) for each in tensors]

    def on_cpu() -> object:
        from torchvision.io import encode_jpeg

        return encode_jpeg(tensors[0], quality=_QUALITY)

    def on_gpu(count: int) -> object:
        from torchvision.io import encode_jpeg

        files: list[Tensor] = encode_jpeg([near[i % len(near)] for i in range(count)], quality=_QUALITY)
        return [each.cpu() for each in files]

    many = [pictures[i % len(pictures)] for i in range(32)]
    return [
        ("Pillow", 1, lambda: _encode(pictures[0])),
        ("Pillow, threads", 32, lambda: list(pool.map(_encode, many))),
        ("torchvision, CPU", 1, on_cpu),
        *_batched(clock, batches, on_gpu),
    ]


def _batched(clock: Clock, batches: Sequence[int], on_gpu: Callable[[int], object]) -> Subjects:
    """nvJPEG on so many pictures at once, where there is a GPU."""
    if not clock.cuda:
        return []
    return [(f"torchvision, GPU, batch {n}", n, partial(on_gpu, n)) for n in batches]


def _encode(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def _decode(file: bytes) -> Image.Image:
    return Image.open(io.BytesIO(file)).convert("RGB")


def transfer(record: Record, clock: Clock, *, cases: Sequence[tuple[int, int]]) -> None:
    """Pictures to a float tensor on the device and back: as floats, and as bytes through pinned memory."""
    for side, batch in cases:
        if record.late():
            record.skipped(f"transfer of {batch} at {side} px")
            continue
        pictures = [photo(side, i % 4) for i in range(batch)]
        images = to_tensor(pictures).to(clock.device)
        ways: tuple[tuple[str, Callable[[], object]], ...] = (
            ("to the device as floats", lambda pictures=pictures: to_tensor(pictures).to(clock.device)),  # type: ignore[misc]
            ("to the device as bytes", lambda pictures=pictures: up(pictures, clock.device)),  # type: ignore[misc]
            ("back one by one", lambda images=images: [to_image(each) for each in images]),  # type: ignore[misc]
            ("back together", lambda images=images: down(images)),  # type: ignore[misc]
        )
        for name, call in ways:
            row: Row = {"side": side, "batch": batch, "way": name}

            def one(call: Callable[[], object] = call, batch: int = batch) -> Row:
                return {"milliseconds": 1e3 * clock.calls(call, seconds=0.15).median / batch}

            record.tried(row, "call", one)
            record.add(row)
        row = {"side": side, "batch": batch, "way": "equal"}

        def equal(pictures: list[Image.Image] = pictures, images: Tensor = images) -> Row:
            same = torch.equal(up(pictures, clock.device), images)
            back = zip(down(images), images, strict=True)
            return {"equal": same and all(a.tobytes() == to_image(b).tobytes() for a, b in back)}

        record.tried(row, "call", equal)
        record.add(row)


def up(pictures: Sequence[Image.Image], device: torch.device) -> Tensor:
    """``to_tensor`` on the device, from bytes."""
    arrays = torch.from_numpy(np.stack([np.asarray(each) for each in pictures]))
    if device.type == "cuda":
        arrays = arrays.pin_memory().to(device, non_blocking=True)
    return arrays.permute(0, 3, 1, 2).float().div_(255).contiguous()


def down(images: Tensor) -> list[Image.Image]:
    """``to_image`` of many, with one copy of bytes."""
    levels = images.float().clamp(0, 1).mul(255).round().byte().permute(0, 2, 3, 1).contiguous()
    return [Image.fromarray(each) for each in levels.cpu().numpy()]
