"""Create and change webhooks, and renew their secrets."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from app.errors import WebhookUrlRefusedError
from app.ids import new_id
from app.infra.db import Sessions, utcnow
from app.infra.secrets_at_rest import Seal
from app.settings import Settings
from app.webhooks.repository import change_webhook, insert_webhook
from app.webhooks.schemas import WebhookChange, WebhookNew
from app.webhooks.signing import new_secret
from app.webhooks.ssrf import AddressPolicy
from app.webhooks.tables import MAX_URL, WebhookEvent, WebhookRow


async def create_webhook(
    sessions: Sessions, settings: Settings, owner: str, new: WebhookNew, *, seal: Seal, key_id: str | None
) -> tuple[WebhookRow, str]:
    """It, and its secret. Raises WebhookUrlRefusedError, TooManyWebhooksError."""
    secret = new_secret()
    row = WebhookRow(
        id=new_id("whk"),
        owner=owner,
        url=_checked(str(new.url), settings),
        events=_unique(new.events),
        description=new.description,
        secret=seal.seal(secret),
        key_id=key_id,
        enabled=True,
        failures=0,
        created_at=utcnow(),
    )
    await insert_webhook(sessions, row, limit=settings.max_webhooks)
    return row, secret


async def roll_secret(
    sessions: Sessions, owner: str, webhook_id: str, *, seal: Seal
) -> tuple[WebhookRow, str]:
    """Another secret, that signs from now on. Raises WebhookNotFoundError."""
    secret = new_secret()
    return await change_webhook(sessions, owner, webhook_id, {"secret": seal.seal(secret)}), secret


async def update_webhook(
    sessions: Sessions, settings: Settings, owner: str, webhook_id: str, change: WebhookChange
) -> WebhookRow:
    """Raises WebhookNotFoundError, WebhookUrlRefusedError."""
    values = change.model_dump(exclude_unset=True)
    for name in ("url", "events", "enabled"):
        if values.get(name, ...) is None:
            del values[name]  # null means: as it is
    if change.url is not None:
        values["url"] = _checked(str(change.url), settings)
    if change.events is not None:
        values["events"] = _unique(change.events)
    if change.enabled is not None:
        values.update(failures=0, disabled_reason=None)
    return await change_webhook(sessions, owner, webhook_id, values)


def _checked(url: str, settings: Settings) -> str:
    if len(url) > MAX_URL:  # as it is stored and called: escaped, it is longer than it was sent
        raise WebhookUrlRefusedError(
            f"`url` has {len(url)} characters with all escapes: use an address of at most {MAX_URL}."
        )
    policy = AddressPolicy(settings.webhook_allowed_networks)
    policy.check_url(urlsplit(url), allow_http=settings.webhook_allow_http)
    return url


def _unique(events: Iterable[WebhookEvent]) -> list[str]:
    return sorted({str(event) for event in events})
