"""Read the heartbeats of workers: which of them are alive."""

from __future__ import annotations

import json
from typing import Any

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from app.infra.broker import topology


async def heartbeats(js: JetStreamContext) -> list[dict[str, Any]]:
    """The latest heartbeat of each live worker: its ``info`` with ``worker_id``.

    Messages without content are no workers: one that left, or a probe of the stream. Raises what the client
    raises: NotFoundError when nobody has made the stream.
    """
    every = topology.worker_subject(">")
    stream = await js.stream_info(topology.WORKERS_STREAM, subjects_filter=every)
    found = []
    for subject in sorted(stream.state.subjects or {}):
        try:
            entry = await js.get_msg(topology.WORKERS_STREAM, subject=subject, direct=True)
        except NotFoundError:
            continue  # expired between the two calls
        if entry.data:
            worker_id = subject.removeprefix(topology.worker_subject(""))
            found.append({**json.loads(entry.data), "worker_id": worker_id})
    return found
