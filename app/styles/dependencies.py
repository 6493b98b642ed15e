"""Route dependencies of styles: the services that they use."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from app.auth.dependencies import services_of
from app.styles.checkpoint import Checkpoint
from app.submission.dependencies import SubmissionServices


@dataclass(frozen=True, kw_only=True)
class StyleServices(SubmissionServices):
    """With the checkpoint that styles are adapted from."""

    checkpoint: Checkpoint


Services = Annotated[StyleServices, Depends(services_of(StyleServices))]
