"""Imported by every Python process that has this folder on its path: a resolver that some names hold up.

``*.slow.example`` are told never, after ten seconds, as by a name server that does not answer;
``*.fast.example`` are this machine. The system's resolver would block a thread just so.
"""

import os
import socket
import time
from typing import Any

_SECONDS = 10.0
_ask = socket.getaddrinfo


def _told(host: Any, *arguments: Any, **named: Any) -> Any:
    name = host.decode() if isinstance(host, bytes) else str(host)
    if name.endswith(".slow.example"):
        time.sleep(_SECONDS)
        raise socket.gaierror(socket.EAI_AGAIN, "no name server answers")
    if name.endswith(".fast.example"):
        host = "127.0.0.1"
    return _ask(host, *arguments, **named)


if "FEWSTROKE_TEST_NAMES" in os.environ:
    socket.getaddrinfo = _told
