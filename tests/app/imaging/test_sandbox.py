"""The decoder's process: what it can do no more."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from app.imaging.decoder_pool import Decoder
from app.imaging.limits import Ground, Limits
from app.infra.python_processes import python_command
from tests.support.pictures import encoded, picture

pytestmark = pytest.mark.process

LIMITS = Limits(min_side=16, max_side=8192, max_pixels=40_000_000, target_side=2048, ground=Ground.KEPT)

_TRIES = """
import json, os, socket, sys, tempfile
from app.imaging.sandbox import confine
secret, port = sys.argv[1], int(sys.argv[2])
held = confine()
def tries(act):
    try:
        act()
    except OSError as error:
        return type(error).__name__
    return "done"
def write():
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"x")
print(json.dumps({
    "held": held,
    "secret": tries(lambda: open(secret).read()),
    "home": tries(lambda: os.listdir(os.path.expanduser("~"))),
    "connect": tries(lambda: socket.create_connection(("127.0.0.1", port), timeout=2).close()),
    "write": tries(write),
}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Landlock is Linux's")
def test_secrets_are_not_read_and_nothing_is_called() -> None:
    secret = Path.home() / f".fewstroke-test-{socket.gethostname()}"
    secret.write_text("secret")
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            script = [sys.executable, *python_command("x")[1:2], "-c", _TRIES]
            done = subprocess.run(
                [*script, str(secret), str(server.getsockname()[1])],
                capture_output=True,
                text=True,
                check=True,
                cwd=Path(__file__).parents[3],
                env={"PYTHONPATH": str(Path(__file__).parents[3])},
            )
    finally:
        secret.unlink()
    found = json.loads(done.stdout)
    if not found["held"]:
        pytest.skip("this kernel has no Landlock")
    assert found["secret"] == "PermissionError"
    assert found["connect"] in ("PermissionError", "done")  # kernels before 6.7 cannot deny it
    assert found["write"] == "done"


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
async def test_every_format_is_decoded_all_the_same(format: str, tmp_path: Path) -> None:
    """Also what is loaded late: codecs, profiles."""
    decoder = Decoder(processes=1)
    (tmp_path / "in").write_bytes(encoded(picture(), format))
    done = await decoder.normalize(tmp_path / "in", tmp_path / "out", LIMITS, label="it")
    assert done.width == 64
    await decoder.close()
