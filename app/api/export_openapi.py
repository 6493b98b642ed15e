"""Write the OpenAPI description of the default settings as JSON: the content of ``docs/openapi.json``."""

import json

from app.api.main import create_app
from app.settings import Settings


def contract() -> str:
    """The OpenAPI description as JSON, with the limits of the default settings, whatever is set here."""
    app = create_app(Settings.model_construct())
    return json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n"
