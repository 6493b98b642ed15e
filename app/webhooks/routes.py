"""``/v1/webhooks``."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response, status

from app.audit.log import note
from app.auth.authenticator import require
from app.auth.dependencies import Asking, Owner, Services
from app.auth.principal import Scope
from app.errors import DeliveryNotFoundError, WebhookNotFoundError
from app.http.body_limits import JsonRoute
from app.http.exception_handlers import problem_responses
from app.http.hrefs import href
from app.http.pages import Paging
from app.http.path_ids import askable
from app.webhooks.repository import (
    delete_webhook,
    get_webhook,
    list_deliveries,
    list_webhooks,
    redeliver,
)
from app.webhooks.schemas import (
    DeliveryOut,
    DeliveryPage,
    WebhookChange,
    WebhookCreated,
    WebhookNew,
    WebhookOut,
    WebhookPage,
)
from app.webhooks.service import create_webhook, roll_secret, update_webhook
from app.webhooks.tables import DeliveryState

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], route_class=JsonRoute)

WebhookId = Annotated[
    str, Path(description="A webhook's id (`whk_…`).", max_length=64), askable(WebhookNotFoundError)
]
DeliveryId = Annotated[
    str, Path(description="A message's id (`msg_…`).", max_length=64), askable(DeliveryNotFoundError)
]


@router.post(
    "",
    summary="Create a webhook",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(403, 409, 422),
)
async def post_webhook(
    new: WebhookNew, request: Request, response: Response, services: Services, asking: Asking
) -> WebhookCreated:
    """Messages about your jobs are POSTed to `url`, signed as standard-webhooks describes. A message that is
    not answered with 2xx comes again, later and later, under the same `webhook-id`. The key needs the scope
    `read` as well: messages tell what it would read."""
    require(asking, Scope.READ)
    row, secret = await create_webhook(
        services.sessions, services.settings, asking.owner, new, seal=services.seal, key_id=asking.key_id
    )
    await note(services.sessions, "webhook.created", asking.owner, row.id, request=request)
    response.headers["Location"] = href(f"/v1/webhooks/{row.id}")
    return WebhookCreated.of(row, secret=secret)


@router.post("/{webhook_id}/secret", summary="Roll a webhook's secret", responses=problem_responses(403, 404))
async def post_secret(
    webhook_id: WebhookId, request: Request, services: Services, asking: Asking
) -> WebhookCreated:
    """Another secret, told once, that signs from now on, also messages that wait."""
    require(asking, Scope.READ)
    row, secret = await roll_secret(services.sessions, asking.owner, webhook_id, seal=services.seal)
    await note(services.sessions, "webhook.secret_rolled", asking.owner, row.id, request=request)
    return WebhookCreated.of(row, secret=secret)


@router.get("", summary="List webhooks", responses=problem_responses(422))
async def read_webhooks(services: Services, owner: Owner, page: Paging) -> WebhookPage:
    """Newest first."""
    rows = await list_webhooks(services.sessions, owner, limit=page.limit + 1, after=page.after)
    items = [WebhookOut.of(row) for row in rows[: page.limit]]
    return WebhookPage(items=items, next=items[-1].id if len(rows) > page.limit else None)


@router.get("/{webhook_id}", summary="Read a webhook", responses=problem_responses(404))
async def read_webhook(webhook_id: WebhookId, services: Services, owner: Owner) -> WebhookOut:
    """What it is told, and whether that arrives."""
    return WebhookOut.of(await get_webhook(services.sessions, owner, webhook_id))


@router.patch("/{webhook_id}", summary="Change a webhook", responses=problem_responses(404, 422))
async def patch_webhook(
    webhook_id: WebhookId, change: WebhookChange, request: Request, services: Services, asking: Asking
) -> WebhookOut:
    """What is left out stays. `enabled: true` brings back a webhook that was disabled."""
    require(asking, Scope.READ)
    row = await update_webhook(services.sessions, services.settings, asking.owner, webhook_id, change)
    await note(services.sessions, "webhook.changed", asking.owner, webhook_id, request=request)
    return WebhookOut.of(row)


@router.delete(
    "/{webhook_id}",
    summary="Delete a webhook",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(404),
)
async def remove_webhook(webhook_id: WebhookId, request: Request, services: Services, owner: Owner) -> None:
    """With its messages, sent or not."""
    await delete_webhook(services.sessions, owner, webhook_id)
    await note(services.sessions, "webhook.deleted", owner, webhook_id, request=request)


@router.get("/{webhook_id}/deliveries", summary="List messages", responses=problem_responses(404, 422))
async def read_deliveries(
    webhook_id: WebhookId,
    services: Services,
    owner: Owner,
    page: Paging,
    state: Annotated[DeliveryState | None, Query(description="Only messages in this state.")] = None,
) -> DeliveryPage:
    """What was sent and what came of it, newest first."""
    await get_webhook(services.sessions, owner, webhook_id)
    rows = await list_deliveries(
        services.sessions, webhook_id, limit=page.limit + 1, after=page.after, state=state
    )
    items = [DeliveryOut.of(row) for row in rows[: page.limit]]
    return DeliveryPage(items=items, next=items[-1].id if len(rows) > page.limit else None)


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/redeliver",
    summary="Send a message again",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problem_responses(404),
)
async def post_redelivery(
    webhook_id: WebhookId, delivery_id: DeliveryId, services: Services, owner: Owner
) -> DeliveryOut:
    """It is sent soon, the same bytes under the same `webhook-id`, with all its attempts before it."""
    await get_webhook(services.sessions, owner, webhook_id)
    return DeliveryOut.of(await redeliver(services.sessions, webhook_id, delivery_id))
