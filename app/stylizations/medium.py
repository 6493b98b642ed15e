"""Pictures as a medium: the first of ``app.api.media.MEDIA``. Their results have routes of their own."""

from app.imaging.sniff import sniff
from app.medium import Medium
from app.styles.checkpoint import check_picture_style
from model.formats import default_checkpoint
from model.modality import IMAGE

PICTURES = Medium(
    name=IMAGE,
    works="JPEG, PNG, WebP or GIF",
    sample="picture.jpg",
    claims=lambda head, name: sniff(head) is not None,
    checkpoint=lambda settings: settings.checkpoint or default_checkpoint(),
    check_style=check_picture_style,
)
