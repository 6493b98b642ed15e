"""The registry of media: what this service takes examples of; see ``model.modality`` on how to add one."""

from app.medium import Media, Medium
from app.music.medium import MUSIC
from app.poems.medium import POEMS
from app.stories.medium import STORIES
from app.stylizations.medium import PICTURES

MEDIA: Media = {medium.name: medium for medium in (PICTURES, MUSIC, STORIES, POEMS)}


def generating(media: Media) -> list[Medium]:
    """Those with a resource of their own for results."""
    return [medium for medium in media.values() if medium.resource is not None]
