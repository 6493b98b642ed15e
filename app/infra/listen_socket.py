"""Open the listening socket of the service, or say why that fails."""

from __future__ import annotations

import errno
import socket

from app.errors import AppError

_BACKLOG = 512  # connections that wait while the API starts or restarts
_NO_ADDRESS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EINVAL)
_FORBIDDEN = (errno.EACCES, errno.EPERM)


class ListenError(AppError):
    """Nobody can listen there; ``mend`` says what to do."""

    title = "The service cannot listen"

    def __init__(self, where: str, why: str, mend: str, *, taken: bool = False) -> None:
        super().__init__(f"cannot listen on {where} ({why}): {mend}")
        self.where, self.why, self.mend = where, why, mend
        self.taken = taken  # by another process, which may let go of it


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ListenError."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except (OSError, UnicodeError) as error:
        listener.close()
        raise _explained(host, port, error) from error
    return listener


def _explained(host: str, port: int, error: OSError | UnicodeError) -> ListenError:
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    why = str(getattr(error, "strerror", None) or error)
    number = getattr(error, "errno", None)
    if isinstance(error, UnicodeError | socket.gaierror) or number in _NO_ADDRESS:
        mend = (
            "choose an address of this machine with --host, without a port: 127.0.0.1 for this machine "
            "alone, 0.0.0.0 or :: for everybody"
        )
    elif number in _FORBIDDEN:
        mend = "choose a port from 1024 on with --port: smaller ones are for administrators"
    else:
        mend = "choose another port with --port, or stop what uses this one"
    return ListenError(where, why, mend, taken=number == errno.EADDRINUSE)
