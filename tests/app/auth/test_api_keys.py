"""Keys: what is stored, what opens the door, what does not."""

from __future__ import annotations

import socket
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select
from starlette.requests import Request

from app.auth.api_keys import digest, matches, new_secret, public_part
from app.auth.authenticator import Authenticator, require
from app.auth.principal import LOCAL_OWNER, Scope
from app.auth.repository import create_key, list_keys, record_use, revoke_key
from app.auth.tables import ApiKeyRow
from app.errors import KeyNotFoundError, ScopeMissingError, UnauthenticatedError, ValidationError
from app.infra.db import Sessions, utcnow
from app.settings import Settings

READ_WRITE = (Scope.READ, Scope.WRITE)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def asking(authorization: str | None = None, *, client: str = "127.0.0.1", **headers: str) -> Request:
    named = {"host": "localhost:8000"} | {name.replace("_", "-"): text for name, text in headers.items()}
    if authorization is not None:
        named["authorization"] = authorization
    raw = [(name.encode(), text.encode()) for name, text in named.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": raw, "client": (client, 1)})


def test_a_key_holds_256_random_bits_and_a_prefix_that_can_be_looked_for() -> None:
    one, two = new_secret(), new_secret()
    assert one.text.startswith(f"fsk_{one.public}_")
    assert len(one.text) == 4 + 12 + 1 + 43
    assert one.text != two.text
    assert one.public != two.public
    assert one.text not in repr(one)
    assert public_part(one.text) == one.public
    for other in (one.text[:-1], one.text + "a", one.text.replace("fsk_", "fsk-"), one.text + "\n", ""):
        assert public_part(other) is None


def test_only_the_same_key_matches() -> None:
    one = new_secret()
    assert matches(one.text, digest(one.text))
    assert not matches(one.text, digest(new_secret().text))
    assert not matches(one.text, None)


async def test_the_key_itself_is_stored_nowhere(sessions: Sessions) -> None:
    row, text = await create_key(sessions, owner="ada", name="laptop", scopes=READ_WRITE)
    secret = text.rpartition("_")[2]
    async with sessions() as session:
        stored = (await session.execute(select(ApiKeyRow.__table__))).one()
    assert not any(secret in str(value) for value in stored)
    assert (row.owner, row.scopes, row.last_used_at) == ("ada", "read write", None)


@pytest.mark.parametrize("owner", ["", "a b", "-x", "a/b", "x" * 65])
async def test_owners_that_cannot_be(sessions: Sessions, owner: str) -> None:
    with pytest.raises(ValidationError, match="cannot be an owner"):
        await create_key(sessions, owner=owner, name="", scopes=READ_WRITE)


async def test_keys_that_could_do_nothing_are_not_made(sessions: Sessions) -> None:
    with pytest.raises(ValidationError, match="without scopes"):
        await create_key(sessions, owner="ada", name="", scopes=())
    with pytest.raises(ValidationError, match="expired already"):
        await create_key(sessions, owner="ada", name="", scopes=READ_WRITE, expires_at=utcnow())
    assert await list_keys(sessions) == []


async def test_a_key_tells_its_owner_and_its_scopes(sessions: Sessions) -> None:
    authenticator = Authenticator(sessions, Settings(auth="keys"))
    row, text = await create_key(sessions, owner="ada", name="", scopes=[Scope.READ], requests_per_minute=7)
    for scheme in ("Bearer", "bearer"):
        principal = await authenticator.authenticate(asking(f"{scheme} {text}"))
        assert (principal.owner, principal.key_id) == ("ada", row.id)
        assert (principal.scopes, principal.requests_per_minute) == (frozenset({Scope.READ}), 7)
    require(principal, Scope.READ)
    with pytest.raises(ScopeMissingError, match="`write`") as refused:
        require(principal, Scope.WRITE)
    assert 'scope="write"' in refused.value.headers["WWW-Authenticate"]
    await authenticator.close()


async def test_what_is_no_key_is_refused(sessions: Sessions) -> None:
    authenticator = Authenticator(
        sessions, Settings(auth="open")
    )  # open: yet a key that is sent must be right
    _, text = await create_key(sessions, owner="ada", name="", scopes=READ_WRITE)
    wrong = text[:-1] + ("a" if text[-1] != "a" else "b")
    for given in (wrong, new_secret().text, "fsk_x", "", "hunter2"):
        with pytest.raises(UnauthenticatedError) as refused:
            await authenticator.authenticate(asking(f"Bearer {given}"))
        assert refused.value.headers["WWW-Authenticate"].startswith("Bearer ")
        assert 'error="invalid_token"' in refused.value.headers["WWW-Authenticate"]
    with pytest.raises(UnauthenticatedError):
        await authenticator.authenticate(asking(f"Basic {text}"))


async def test_an_expired_key_is_refused_at_once(sessions: Sessions) -> None:
    authenticator = Authenticator(sessions, Settings(auth="keys"))
    row, text = await create_key(
        sessions, owner="ada", name="", scopes=READ_WRITE, expires_at=utcnow() + timedelta(hours=1)
    )
    await authenticator.authenticate(asking(f"Bearer {text}"))
    await authenticator.close()
    row_now = authenticator._rows[row.public][1]
    row_now.expires_at = utcnow()
    with pytest.raises(UnauthenticatedError, match="expired"):
        await authenticator.authenticate(asking(f"Bearer {text}"))


async def test_a_revoked_key_is_refused_within_seconds_in_every_process(sessions: Sessions) -> None:
    clock = Clock()
    authenticator = Authenticator(sessions, Settings(auth="keys"), clock=clock)
    row, text = await create_key(sessions, owner="ada", name="", scopes=READ_WRITE)
    await authenticator.authenticate(asking(f"Bearer {text}"))
    await authenticator.close()
    first = await revoke_key(sessions, row.id)
    again = await revoke_key(sessions, f"fsk_{row.public}_")
    assert first.revoked_at == again.revoked_at is not None
    clock.now += 2.1
    with pytest.raises(UnauthenticatedError, match="revoked"):
        await authenticator.authenticate(asking(f"Bearer {text}"))
    with pytest.raises(KeyNotFoundError):
        await revoke_key(sessions, "key_none")


async def test_the_last_use_is_kept_to_the_minute(sessions: Sessions) -> None:
    authenticator = Authenticator(sessions, Settings(auth="keys"))
    row, text = await create_key(sessions, owner="ada", name="", scopes=READ_WRITE)
    await authenticator.authenticate(asking(f"Bearer {text}"))
    await authenticator.close()
    (stored,) = await list_keys(sessions, "ada")
    assert stored.last_used_at is not None
    soon, later = (stored.last_used_at + timedelta(seconds=seconds) for seconds in (30, 90))
    await record_use(sessions, row.id, soon, at_least=timedelta(minutes=1))
    assert (await list_keys(sessions))[0].last_used_at == stored.last_used_at
    await record_use(sessions, row.id, later, at_least=timedelta(minutes=1))
    assert (await list_keys(sessions))[0].last_used_at == later


# Who gets in without a key: settings, and what the request looks like.
OPEN_DOORS = [
    ({}, {}),
    ({"host": "::1"}, {"client": "::1", "host": "[::1]:8000"}),
    ({"auth": "open", "host": "0.0.0.0"}, {"client": "10.0.0.9", "host": "10.0.0.1:8000"}),
    ({"auth": "open", "host": "0.0.0.0"}, {"client": "10.0.0.9", "host": f"{socket.gethostname()}:8000"}),
    ({"auth": "open", "hosts": "Styles.example"}, {"client": "10.0.0.9", "host": "styles.example"}),
    ({"auth": "open", "hosts": "styles.example"},
     {"host": "styles.example", "origin": "https://styles.example", "x_forwarded_for": "10.0.0.9"}),
    ({"host": "0.0.0.0", "publish": "127.0.0.1:8000"}, {"client": "172.17.0.1"}),
    ({"auth": "open", "cors_origins": "https://a.example"},
     {"sec_fetch_site": "cross-site", "origin": "https://a.example"}),
]  # fmt: skip
CLOSED_DOORS = [
    ({"auth": "keys"}, {}),
    ({"host": "0.0.0.0"}, {}),
    ({"host": "192.168.1.5"}, {}),
    ({"host": "0.0.0.0", "publish": "8000"}, {}),
    ({"host": "0.0.0.0", "publish": "0.0.0.0:8000"}, {}),
    ({}, {"client": "10.0.0.9"}),
    ({}, {"x_forwarded_for": "10.0.0.9"}),
    ({}, {"host": "rebound.example"}),
    ({}, {"sec_fetch_site": "cross-site", "origin": "https://b.example"}),
    ({"auth": "open"}, {"sec_fetch_site": "cross-site", "origin": "https://b.example"}),
    ({"auth": "open"}, {"host": "rebind.example"}),
    ({"auth": "open", "hosts": "fewstroke.lan"},
     {"host": "fewstroke.lan:8765", "origin": "http://evil.example:3000"}),  # http has no Sec-Fetch-Site
    *(({}, {name: "1"}) for name in ("x_real_ip", "via", "cf_connecting_ip", "x_forwarded_host",
                                     "x_forwarded_proto", "forwarded", "true_client_ip")),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "request_"), OPEN_DOORS)
async def test_open_to_the_people_of_this_machine(
    sessions: Sessions, settings: dict[str, Any], request_: dict[str, str]
) -> None:
    principal = await Authenticator(sessions, Settings(**settings)).authenticate(asking(**request_))
    assert (principal.owner, principal.key_id) == (LOCAL_OWNER, None)
    assert principal.scopes == set(Scope)


@pytest.mark.parametrize(("settings", "request_"), CLOSED_DOORS)
async def test_closed_to_everybody_else(
    sessions: Sessions, settings: dict[str, Any], request_: dict[str, str]
) -> None:
    with pytest.raises(UnauthenticatedError) as refused:
        await Authenticator(sessions, Settings(**settings)).authenticate(asking(**request_))
    assert refused.value.headers == {"WWW-Authenticate": 'Bearer realm="fewstroke"'}


OWN, FOREIGN = "http://localhost:8000", "http://localhost:3000"
PAGES = [  # Origin, Sec-Fetch-Site, whether it is a page of the service itself
    (None, None, True),  # no browser
    (None, "none", True),  # typed into the address bar
    (None, "same-origin", True),
    (OWN, "same-origin", True),
    (OWN, None, True),
    (None, "same-site", False),
    (None, "cross-site", False),
    (FOREIGN, None, False),
    (FOREIGN, "same-site", False),  # a port makes no other site
    (FOREIGN, "same-origin", False),  # a proxy that hides the name under which it is reached
    ("null", None, False),
    ("null", "none", False),
    ("https://evil.example", None, False),
    ("https://evil.example", "none", False),
    ("localhost:8000", None, False),
    ("http://localhost", None, False),
    ("http://[::1", None, False),
]


@pytest.mark.parametrize("auth", ["auto", "open"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(("origin", "site", "welcome"), PAGES)
async def test_only_the_services_own_pages(
    sessions: Sessions, auth: Any, method: str, origin: str | None, site: str | None, welcome: bool
) -> None:
    headers = {"origin": origin, "sec_fetch_site": site}
    request = asking(**{name: value for name, value in headers.items() if value is not None})
    request.scope["method"] = method
    authenticator = Authenticator(sessions, Settings(auth=auth))
    if welcome:
        await authenticator.authenticate(request)
    else:
        with pytest.raises(UnauthenticatedError, match="pages of other sites"):
            await authenticator.authenticate(request)


async def test_ports_that_need_no_saying(sessions: Sessions) -> None:
    authenticator = Authenticator(sessions, Settings())
    await authenticator.authenticate(asking(host="localhost", origin="http://localhost:80"))
    await authenticator.authenticate(asking(host="localhost:80", origin="http://localhost"))
    await authenticator.authenticate(asking(host="[::1]", origin="http://[::1]"))


async def test_the_first_key_closes_the_door_for_good(sessions: Sessions) -> None:
    clock = Clock()
    authenticator = Authenticator(sessions, Settings(), clock=clock)
    await authenticator.authenticate(asking())
    row, _ = await create_key(sessions, owner="ada", name="", scopes=READ_WRITE)
    clock.now += 2.1
    with pytest.raises(UnauthenticatedError, match="fewstroke keys create"):
        await authenticator.authenticate(asking())
    await revoke_key(sessions, row.id)
    for other in (authenticator, Authenticator(sessions, Settings(), clock=clock)):
        with pytest.raises(UnauthenticatedError):
            await other.authenticate(asking())


def test_an_open_service_says_so(caplog: pytest.LogCaptureFixture) -> None:
    sessions: Sessions = SimpleNamespace()  # type: ignore[assignment]  # not looked at
    Authenticator(sessions, Settings(auth="open", host="0.0.0.0"))
    assert "everybody who can reach this service" in caplog.text
    caplog.clear()
    Authenticator(sessions, Settings())
    assert "everybody on this machine" in caplog.text
    caplog.clear()
    Authenticator(sessions, Settings(host="0.0.0.0"))
    assert not caplog.text
