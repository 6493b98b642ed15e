"""The manifests: valid by Kubernetes's own schemas, and in line with the code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from app.infra.broker.topology import JOBS, LANES
from app.settings import Settings
from app.settings_report import environment_names

DEPLOY = Path(__file__).parents[2] / "deploy"
FOLDER = DEPLOY / "kubernetes"
VERSION = "1.32"
KEDA = "keda.sh/v1alpha1"


def documents(name: str) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all((FOLDER / name).read_text()) if document]


def everything() -> list[dict[str, Any]]:
    return [document for path in sorted(FOLDER.glob("*.yaml")) for document in documents(path.name)]


def deployments() -> dict[str, dict[str, Any]]:
    return {d["metadata"]["name"]: d for d in everything() if d["kind"] == "Deployment"}


@pytest.mark.parametrize(
    "document",
    [document for document in everything() if document["apiVersion"] != KEDA],
    ids=lambda document: f"{document['kind']}-{document['metadata']['name']}",
)
def test_manifests_are_valid(document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, VERSION, strict=True)


def test_the_validator_finds_mistakes() -> None:
    broken = deployments()["fewstroke-api"]
    broken["spec"]["template"]["spec"]["containers"][0]["imagee"] = "x"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSION, strict=True)


def test_every_variable_is_a_setting() -> None:
    known = {name for field in Settings.model_fields for name in environment_names(field)}
    for document in everything():
        variables = {**document.get("data", {}), **document.get("stringData", {})}
        assert set(variables) <= known, document["metadata"]["name"]


@pytest.mark.parametrize("name", ["fewstroke-api", "fewstroke-worker"])
def test_pods_may_do_little(name: str) -> None:
    deployment = deployments()[name]
    pod = deployment["spec"]["template"]["spec"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    # The Service `fewstroke` would make Kubernetes set FEWSTROKE_PORT, which is a setting of ours.
    assert pod["enableServiceLinks"] is False
    (container,) = pod["containers"]
    assert container["args"] == [name.removeprefix("fewstroke-")]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {"memory"} <= container["resources"]["limits"].keys()
    assert {"cpu", "memory"} <= container["resources"]["requests"].keys()


def test_probes_ask_what_the_api_answers() -> None:
    (container,) = deployments()["fewstroke-api"]["spec"]["template"]["spec"]["containers"]
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_there_is_time_to_end_in_good_order() -> None:
    from app.cli.http import _GRACEFUL
    from app.worker.main import _LEAVE, _STOP

    pods = {name: deployment["spec"]["template"]["spec"] for name, deployment in deployments().items()}
    api, worker = pods["fewstroke-api"], pods["fewstroke-worker"]
    pause = api["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert api["terminationGracePeriodSeconds"] > pause + _GRACEFUL
    assert worker["terminationGracePeriodSeconds"] > _STOP + _LEAVE


def test_the_autoscaler_looks_at_every_queue() -> None:
    (scaled,) = documents("autoscale.yaml")
    assert (scaled["apiVersion"], scaled["kind"]) == (KEDA, "ScaledObject")
    assert scaled["spec"]["scaleTargetRef"]["name"] in deployments()
    assert "replicas" not in deployments()["fewstroke-worker"]["spec"], "two owners of one number"
    triggers = scaled["spec"]["triggers"]
    assert {trigger["type"] for trigger in triggers} == {"nats-jetstream"}
    assert sorted(trigger["metadata"]["consumer"] for trigger in triggers) == sorted(LANES)
    for trigger in triggers:
        assert trigger["metadata"]["stream"] == JOBS
        assert {"natsServerMonitoringEndpoint", "account", "lagThreshold"} <= trigger["metadata"].keys()
        assert all(isinstance(value, str) for value in trigger["metadata"].values()), "KEDA takes text alone"


def test_the_dashboard_asks_for_figures_that_exist() -> None:
    import re

    folder = DEPLOY.parent / "app"
    source = "".join((folder / name).read_text() for name in ("metrics/jobs.py", "http/request_metrics.py"))
    source = source.replace("{loss}", "style") + source.replace("{loss}", "content")
    dashboard = json.loads((DEPLOY / "grafana" / "fewstroke.json").read_text())
    asked = set(re.findall(r"fewstroke_\w+", json.dumps([panel["targets"] for panel in dashboard["panels"]])))
    assert len(asked) > 8
    for name in asked:
        assert re.sub(r"_(bucket|total)$", "", name) in source, name
