"""Route dependencies of styles: the services that they use."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from app.auth.dependencies import services_of
from app.medium import Media
from app.styles.checkpoint import Checkpoint
from app.submission.dependencies import SubmissionServices


@dataclass(frozen=True, kw_only=True)
class StyleServices(SubmissionServices):
    """With the checkpoint that styles of pictures are adapted from, and the media that there are."""

    checkpoint: Checkpoint
    media: Media


Services = Annotated[StyleServices, Depends(services_of(StyleServices))]
