"""``/metrics``."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from app.auth.dependencies import Admin, Services
from app.http.exception_handlers import problem_responses
from app.metrics.jobs import read_figures

router = APIRouter(tags=["service"])


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={
        200: {"description": "Prometheus's text format", "content": {"text/plain": {}}},
        **problem_responses(503),
    },
)
async def read_metrics(request: Request, services: Services, _asking: Admin) -> Response:
    """For keys with the scope `admin`: they tell when whoever does what.

    Figures about jobs and workers are of the whole service, the same in every replica of the API; those
    about requests (`fewstroke_http_…`, `process_…`) are of the process that answers.
    """
    whole = CollectorRegistry()
    whole.register(await read_figures(services.sessions, services.broker))
    text = generate_latest(whole) + generate_latest(request.app.state.request_figures.registry)
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})
