"""Remove secrets from texts: the one place that knows where a secret can stand.

Addresses and assignments are recognised by their form: of a URL nothing is left before its last `@`, and of
its query only values that are known to be harmless. The secrets of this process's own settings are recognised
word for word besides, whatever text of a driver or server they come in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

MASK = "***"

_HARMLESS = frozenset(
    {
        "application_name",
        "command_timeout",
        "database",
        "host",
        "limit",
        "port",
        "prepared_statement_cache_size",
        "ssl",
        "sslmode",
        "target_session_attrs",
    }
)
_URL = re.compile(r"\b(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<rest>[^\s<>]+)", re.IGNORECASE)
_VALUE = re.compile(r"(?P<name>[^=&?#]+)=(?P<value>[^&#]*)")
_NAMED = re.compile(
    r"(?P<bearer>\bBearer\s+)[^\s'\",]+"
    r"|(?P<prefix>\b(?:whsec|fsk)_)[A-Za-z0-9+/=_-]+"
    r"|(?P<name>\b[\w-]*(?:signature|token|passw(?:or)?d|secret|credential|access_?key|api_?key)[\w-]*=)"
    r"[^\s&'\",]+",
    re.IGNORECASE,
)
_SHORTEST = 6  # characters of a secret that is looked for by itself: shorter ones are parts of words
_known: set[str] = set()


def redact(text: str) -> str:
    """The text without keys, tokens, signatures, and what URLs hold of secrets."""
    for secret in _known:
        if secret in text:
            text = text.replace(secret, MASK)
    if "://" in text:
        text = _URL.sub(_without_secrets, text)
    return _NAMED.sub(lambda found: f"{next(filter(None, found.groups()), '')}{MASK}", text)


def hide(secrets: Iterable[str]) -> None:
    """Keep these words out of every text from now on."""
    _known.update(secret for secret in secrets if len(secret) >= _SHORTEST)


def secrets_of(url: str) -> set[str]:
    """What in a URL is to be kept from others, as it stands there and decoded. A password that is also the
    name of user, host or database is none."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return set()
    userinfo, at, _ = parts.netloc.rpartition("@")
    user, colon, password = userinfo.partition(":")
    found = {password} if colon else {user} if at and parts.scheme in ("nats", "tls") else set()
    for pair in _VALUE.finditer(parts.query):
        if pair["name"].lower() not in _HARMLESS | {"user"}:
            found.add(pair["value"])
    names = {"", host, parts.path.strip("/"), *([user] if colon else [])}
    return {form for secret in found for form in (secret, unquote(secret))} - names


def _without_secrets(found: re.Match[str]) -> str:
    scheme, rest = found["scheme"], found["rest"]
    head, mark, query = rest.partition("?")
    if "@" in query:  # of a password that holds `?`, or of a value: it cannot be told which
        return f"{scheme}://{MASK}"
    before, at, after = head.rpartition("@")
    if at and not before.startswith("/"):  # else a path, of a file
        head = f"{MASK}@{after}"
    return f"{scheme}://{head}{mark}{_VALUE.sub(_harmless, query)}"


def _harmless(found: re.Match[str]) -> str:
    return found.group() if found["name"].lower() in _HARMLESS else f"{found['name']}={MASK}"
