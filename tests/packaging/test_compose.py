"""The compose files against the code that they start."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import AliasChoices
from typer.main import get_command

from app.cli import cli
from app.settings import Settings

ROOT = Path(__file__).parents[2]


def load(name: str) -> dict[str, Any]:
    """The file with the defaults of its variables filled in."""
    text = (ROOT / name).read_text()
    return dict(yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)))


COMPOSE, GPU = load("docker-compose.yml"), load("docker-compose.gpu.yml")
OURS = {name: s for name, s in COMPOSE["services"].items() if s["image"].startswith("fewstroke")}


def setting_names() -> set[str]:
    names: set[str] = set()
    for field, info in Settings.model_fields.items():
        alias = info.validation_alias
        choices: Iterable[Any] = alias.choices if isinstance(alias, AliasChoices) else [f"FEWSTROKE_{field}"]
        names |= {str(choice).upper() for choice in choices}
    return names


def test_every_variable_of_our_containers_is_a_setting():
    used = {name for service in OURS.values() for name in service["environment"]}
    assert used
    assert used <= setting_names()


def test_every_variable_of_the_image_is_a_setting():
    image = set(re.findall(r"\b(FEWSTROKE_\w+)=", (ROOT / "Dockerfile").read_text()))
    assert image
    assert image <= setting_names()


@pytest.mark.parametrize("file", [COMPOSE, GPU], ids=["docker-compose.yml", "docker-compose.gpu.yml"])
def test_every_command_parses(file: dict[str, Any]):
    commands = get_command(cli)
    started = {name: s["command"] for name, s in file["services"].items() if name in OURS}
    assert started
    for command, *arguments in started.values():
        subcommand = commands.commands[command]  # type: ignore[attr-defined]
        subcommand.make_context(command, list(arguments), resilient_parsing=False)


def test_the_settings_of_our_containers_name_the_other_services(monkeypatch: pytest.MonkeyPatch):
    for name, value in OURS["worker"]["environment"].items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.database.drivername == "postgresql+asyncpg"
    assert settings.database.host in COMPOSE["services"]
    assert settings.nats_url is not None
    assert settings.nats_url.removeprefix("nats://").split(":")[0] in COMPOSE["services"]
    assert settings.nats_token is not None
    nats = COMPOSE["services"]["nats"]
    assert settings.nats_token.get_secret_value() == nats["environment"]["NATS_TOKEN"].split()[0]
    assert "token: $$NATS_TOKEN" in COMPOSE["configs"]["nats"]["content"]
    assert not any("TOKEN" in argument for argument in nats["command"]), "everybody can list it there"
    assert settings.s3_endpoint is None


def test_only_the_api_is_reachable_and_only_from_this_machine():
    published = {name: service.get("ports", []) for name, service in COMPOSE["services"].items()}
    assert published.pop("api") == ["127.0.0.1:8000:8000"]
    assert not any(published.values())


def test_api_and_workers_share_their_files_and_run_without_privileges():
    api, worker = OURS["api"], OURS["worker"]
    assert api["volumes"] == worker["volumes"]
    for service in (api, worker):
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert all(c == {"condition": "service_healthy"} for c in service["depends_on"].values())


def test_what_is_waited_for_has_a_healthcheck():
    waited = {name for service in OURS.values() for name in service["depends_on"]}
    assert waited == {"nats", "postgres"}
    assert all("test" in COMPOSE["services"][name]["healthcheck"] for name in waited)


def test_volumes_and_restarts_are_declared():
    for service in COMPOSE["services"].values():
        assert service["restart"] == "unless-stopped"
        assert all(volume.partition(":")[0] in COMPOSE["volumes"] for volume in service["volumes"])


def test_the_gpu_override_builds_with_the_argument_that_the_dockerfile_reads():
    arguments = GPU["services"]["worker"]["build"]["args"]
    declared = re.findall(r"^ARG (\w+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert set(arguments) <= set(declared)
    assert GPU["services"]["worker"]["image"] != OURS["worker"]["image"]


def test_a_worker_has_time_to_end_in_good_order():
    from app.worker.main import _LEAVE, _STOP

    assert int(OURS["worker"]["stop_grace_period"].removesuffix("s")) > _STOP + _LEAVE
