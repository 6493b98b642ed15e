"""Typed errors of the model side; importable without torch."""


class ModelError(Exception):
    """Base of every error that ``model`` raises on purpose; its text says what to do next."""


class CheckpointMissingError(ModelError):
    """Weights that the engine needs are not where they should be."""


class CheckpointFormatError(ModelError):
    """A checkpoint file cannot be read or does not fit the network."""


class StyleFormatError(ModelError):
    """A style file is truncated, not safetensors, or of an unknown format version."""


class StyleBaseMismatchError(ModelError):
    """A style was adapted from another base checkpoint than the one that is loaded."""


class AdaptationCanceled(ModelError):  # noqa: N818 - a request that was honoured, not a fault
    """``should_stop`` answered True between two inner steps."""


class DeviceUnavailableError(ModelError):
    """The requested device does not exist on this machine."""


class RendererUnavailableError(ModelError):
    """The requested renderer does not exist on this machine."""


class ExportUnavailableError(ModelError):
    """The package ``onnx`` is not installed."""
