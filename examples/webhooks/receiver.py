"""Receive Fewstroke's webhooks: ``WEBHOOK_SECRET=whsec_... uvicorn receiver:app --port 9000``.

The secret is in the answer to ``POST /v1/webhooks``.
"""

import base64
import hashlib
import hmac
import json
import os
import time

from fastapi import FastAPI, HTTPException, Request

TOLERANCE = 300  # s between a message's time and ours: an older one may be played back by somebody

app = FastAPI()
seen: set[str] = set()  # ids; in earnest a table, since a message comes again until it is answered with 2xx


def verified(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Whether the message was signed with ``secret``, lately (standard-webhooks 1.0)."""
    stamp = headers.get("webhook-timestamp", "")
    if not stamp.isdigit() or abs(time.time() - int(stamp)) > TOLERANCE:
        return False
    signed = f"{headers.get('webhook-id', '')}.{stamp}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    wanted = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    # Several, while a secret is being rolled.
    return any(
        hmac.compare_digest(wanted.encode(), given.encode())
        for given in headers.get("webhook-signature", "").split()
    )


@app.post("/", status_code=204)
async def receive(request: Request) -> None:
    """Take one message."""
    body = await request.body()
    if not verified(os.environ["WEBHOOK_SECRET"], dict(request.headers), body):
        raise HTTPException(401, "the signature is wrong")
    if request.headers["webhook-id"] in seen:
        return
    seen.add(request.headers["webhook-id"])
    message = json.loads(body)
    print(message["type"], message["data"]["id"], flush=True)
