"""Where the broker of a data folder listens: a small file that only its owner can read."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from app.infra.broker.errors import BrokerUnavailableError


@dataclass(frozen=True)
class BrokerAddress:
    """How to reach a broker: its URL, the token that it asks for, and the process (embedded only)."""

    url: str
    token: str | None = None
    pid: int | None = None


def broker_dir(data_dir: Path) -> Path:
    """The folder of the embedded broker: configuration, log, address and streams."""
    return data_dir / "broker"


def write_private(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` atomically, readable by the owner alone (0600)."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    temporary.replace(path)


def save_address(data_dir: Path, address: BrokerAddress) -> None:
    """Make ``address`` known to the other processes of this data folder."""
    write_private(broker_dir(data_dir) / "address.json", json.dumps(asdict(address)))


def load_address(data_dir: Path) -> BrokerAddress | None:
    """The address that was saved last, or None. The process behind it may be gone."""
    try:
        return BrokerAddress(**json.loads((broker_dir(data_dir) / "address.json").read_text("utf-8")))
    except (FileNotFoundError, json.JSONDecodeError, TypeError):
        return None


def find_broker(data_dir: Path, *, url: str | None = None, token: str | None = None) -> BrokerAddress:
    """The broker to join: ``url`` when a cluster is configured, else the embedded one of ``data_dir``.

    Raises BrokerUnavailableError when neither is known.
    """
    if url:
        return BrokerAddress(url=url, token=token)
    address = load_address(data_dir)
    if address is None:
        raise BrokerUnavailableError(
            f"no broker is known in {data_dir}: start `fewstroke serve` on this data folder first, "
            "or set FEWSTROKE_NATS_URL to join a NATS cluster"
        )
    return address
