"""Where webhooks may go, and that a connection goes to the address that was checked."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

import pytest

from app.errors import WebhookUrlRefusedError
from app.webhooks.http_post import Sender
from app.webhooks.signing import new_secret, signature
from app.webhooks.ssrf import AddressPolicy
from tests.app.webhooks.receiver import Names, receiving

PRIVATE = [
    "127.0.0.1",
    "127.255.0.1",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",  # metadata of the big clouds
    "100.100.100.200",  # Alibaba's
    "168.63.129.16",  # Azure's
    "192.0.0.192",  # Oracle's
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fec0::1",
    "fd00:ec2::254",  # AWS's over IPv6
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::7f00:1",  # NAT64
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::",  # 6to4
    "2001:0:4136:e378:8000:63bf:80ff:fffe",  # Teredo, with 127.0.0.1 inside
    "2001:db8::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    assert not AddressPolicy().allows(ip_address(address))


@pytest.mark.parametrize(
    "address",
    ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_public_addresses_are_allowed(address: str) -> None:
    assert AddressPolicy().allows(ip_address(address))


def test_names_of_allowed_networks() -> None:
    inside = AddressPolicy(["10.1.0.0/16"])
    for name in ("https://receiver/", "https://receiver.internal/"):
        inside.check_url(urlsplit(name), allow_http=False)
        with pytest.raises(WebhookUrlRefusedError):
            AddressPolicy().check_url(urlsplit(name), allow_http=False)
    here = urlsplit("https://localhost:8443/")
    AddressPolicy(["::1/128"]).check_url(here, allow_http=False)
    with pytest.raises(WebhookUrlRefusedError):
        inside.check_url(here, allow_http=False)


def test_networks_can_be_allowed() -> None:
    policy = AddressPolicy(["10.1.0.0/16", "fd00::/8"])
    assert policy.allows(ip_address("10.1.2.3"))
    assert policy.allows(ip_address("::ffff:10.1.2.3"))
    assert policy.allows(ip_address("fd12::1"))
    assert not policy.allows(ip_address("10.2.0.1"))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://example.com/", "https://"),
        ("ftp://example.com/", "https://"),
        ("https://user:secret@example.com/", "no user"),
        ("https://example.com/#here", "fragment"),
        ("https://127.0.0.1/", "public internet"),
        ("https://[::1]:8443/", "public internet"),
        ("https://[::ffff:10.0.0.1]/", "public internet"),
    ],
)
def test_what_an_address_says_of_itself(url: str, says: str) -> None:
    with pytest.raises(WebhookUrlRefusedError, match=says):
        AddressPolicy().check_url(urlsplit(url), allow_http=False)
    AddressPolicy().check_url(urlsplit("https://example.com:8443/path?x=1"), allow_http=False)
    AddressPolicy().check_url(urlsplit("http://example.com/"), allow_http=True)


def test_the_signature_is_that_of_the_standard() -> None:
    """The vector in the tests of the reference implementations."""
    assert (
        signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1614265330,
            '{"test": 2432232314}',
        )
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )
    assert len(new_secret()) == len("whsec_") + 44
    assert new_secret() != new_secret()


async def test_a_message_arrives_under_the_name_at_the_checked_address() -> None:
    names = Names({"hooks.example.com": [["127.0.0.1"]]})
    async with receiving("200 OK") as receiver:
        sender = Sender(AddressPolicy(["127.0.0.0/8"]), seconds=10, resolve=names)
        answer = await sender.send(
            f"http://hooks.example.com:{receiver.port}/in?x=1", new_secret(), "msg_1", '{"type":"x"}'
        )
        await sender.close()
    assert answer.ok, answer
    (request,) = receiver.requests
    assert request.path == "/in?x=1"
    assert request.headers["host"] == f"hooks.example.com:{receiver.port}"
    assert request.headers["webhook-id"] == "msg_1"
    assert request.body == '{"type":"x"}'


async def test_a_name_that_leads_inside_is_refused_without_a_connection() -> None:
    names = Names(
        {"inside.example.com": [["127.0.0.1"]], "both.example.com": [["93.184.215.14", "127.0.0.1"]]}
    )
    async with receiving() as receiver:
        sender = Sender(AddressPolicy(), seconds=10, resolve=names)
        for name in ("inside.example.com", "both.example.com"):
            answer = await sender.send(f"http://{name}:{receiver.port}/", new_secret(), "msg_1", "{}")
            assert not answer.ok
            assert answer.status is None
            assert "public internet" in (answer.error or "")
        await sender.close()
    assert receiver.connections == 0


async def test_the_systems_resolver_is_not_fooled_by_spellings() -> None:
    async with receiving() as receiver:
        sender = Sender(AddressPolicy(), seconds=10)
        for host in ("localhost", "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]"):
            answer = await sender.send(f"http://{host}:{receiver.port}/", new_secret(), "msg_1", "{}")
            assert not answer.ok, host
        await sender.close()
    assert receiver.connections == 0


async def test_each_attempt_is_resolved_once_and_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: the first answer is allowed, every later one leads elsewhere."""
    names = Names({"rebinding.example.com": [["127.0.0.1"], ["10.0.0.1"]]})
    async with receiving("200 OK") as receiver:
        sender = Sender(AddressPolicy(["127.0.0.1/32"]), seconds=10, resolve=names)
        url = f"http://rebinding.example.com:{receiver.port}/"
        first = await sender.send(url, new_secret(), "msg_1", "{}")
        assert first.ok, "connected to the address that was checked, without asking again"
        assert names.asked == ["rebinding.example.com"]
        second = await sender.send(url, new_secret(), "msg_1", "{}")
        await sender.close()
    assert not second.ok, "no connection is kept: the next attempt checks anew"
    assert "public internet" in (second.error or "")
    assert receiver.connections == 1


async def test_redirects_are_not_followed() -> None:
    async with receiving("200 OK") as inside, receiving() as outside:
        outside.statuses = [f"302 Found\r\nLocation: http://127.0.0.1:{inside.port}/"]
        sender = Sender(AddressPolicy(["127.0.0.1/32"]), seconds=10)
        answer = await sender.send(f"http://127.0.0.1:{outside.port}/", new_secret(), "msg_1", "{}")
        await sender.close()
    assert (answer.status, answer.ok) == (302, False)
    assert inside.connections == 0


async def test_a_receiver_that_says_nothing_costs_a_bounded_time() -> None:
    async with receiving("silence") as receiver:
        sender = Sender(AddressPolicy(["127.0.0.1/32"]), seconds=0.2)
        answer = await sender.send(f"http://127.0.0.1:{receiver.port}/", new_secret(), "msg_1", "{}")
        await sender.close()
    assert answer.error == "no answer within 0.2 seconds"
