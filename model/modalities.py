"""The registry of modalities: which are there, and how a worker loads them; importable without torch."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from model.errors import ModelError
from model.modality import Generator, ModalityUnavailableError

Loader = Callable[[Path | None, str], Generator]
"""``load(checkpoint, device)``; ``checkpoint`` None: the packaged one. Raises ``ModelError``."""

LOADERS: dict[str, str] = {
    "music": "model.music.modality:load",
    "poems": "model.text.poems.modality:load",
    "stories": "model.text.stories.modality:load",
}
"""Where the loader of each is, as "module:function". Pictures are not among them: every worker has them
loaded (``model.image.engine.Engine.load``), since it is by their checkpoint that it is known."""


EXTRAS = {"poems": "stories"}
"""The extra that has a modality's packages, where it is called otherwise."""


def load_modality(name: str, checkpoint: Path | None = None, device: str = "auto") -> Generator:
    """Load a modality by its name; imports torch.

    Raises ``ModalityUnavailableError`` for one that is not here, whose packages are missing, or whose
    checkpoint cannot be read.
    """
    if name not in LOADERS:
        raise ModalityUnavailableError(
            f"this worker knows no {name}, only {', '.join(['image', *LOADERS])}: run a newer worker"
        )
    module, _, function = LOADERS[name].partition(":")
    try:
        load: Loader = getattr(import_module(module), function)
        return load(checkpoint, device)
    except ImportError as error:
        raise ModalityUnavailableError(
            f"{name} needs the package {error.name}: install fewstroke[{EXTRAS.get(name, name)}] where the "
            "workers run"
        ) from error
    except ModelError as error:
        raise ModalityUnavailableError(f"{name} cannot be loaded: {error}") from error
