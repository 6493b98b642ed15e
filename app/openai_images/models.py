"""Styles as OpenAI's clients list models."""

from app.infra.db import Sessions
from app.openai_images.schemas import LEARN, OpenAIModel
from app.presets.catalogue import style_id_of
from app.styles.repository import StyleRecord, StyleStatus, get_style, list_styles
from app.styles.tables import PRESET_OWNER
from model.modality import IMAGE

_MOST = 1000  # their lists have no pages
_LEARN = OpenAIModel(id=LEARN, created=0, owned_by="fewstroke", name="Learns from examples", modality=IMAGE)


async def openai_models(sessions: Sessions, owner: str) -> list[OpenAIModel]:
    """What an owner may name as ``model``: the one that learns, their newest thousand styles, the presets."""
    found = [
        record
        for whose in (owner, PRESET_OWNER)
        for record in await list_styles(sessions, whose, limit=_MOST, statuses=[StyleStatus.READY])
    ]
    return [_LEARN, *map(_model, found)]


async def openai_model(sessions: Sessions, owner: str, name: str) -> OpenAIModel:
    """One of them, by its id or a preset's short name. Raises StyleNotFoundError."""
    if name == LEARN:
        return _LEARN
    return _model(await get_style(sessions, owner, style_id_of(name)))


def _model(record: StyleRecord) -> OpenAIModel:
    row = record.row
    return OpenAIModel(
        id=row.id,
        created=int(row.created_at.timestamp()),
        owned_by="fewstroke" if row.owner == PRESET_OWNER else row.owner,
        name=row.name,
        modality=row.modality,
    )
