"""A demo page of Fewstroke: ``python app.py``. The service: FEWSTROKE_URL and FEWSTROKE_KEY."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image

from fewstroke_client import ApiError, Client, JobFailedError


def redraw(photo: str, examples: Sequence[str], strength: float = 1.0) -> Image.Image:
    """The photo in the style of the examples; all are paths. Raises ValueError, with a sentence."""
    if not photo or not examples:
        raise ValueError("Choose a photo, and at least one example.")
    try:
        with Client() as client:
            made = client.stylize_photo(photo, examples=[Path(path) for path in examples], strength=strength)
    except (ApiError, JobFailedError) as error:
        raise ValueError(str(error)) from error
    return Image.open(BytesIO(made.data))


def page() -> object:
    """The page; Gradio is imported here, so that ``redraw`` can be used without it."""
    import gradio

    def shown(*given: object) -> Image.Image:
        try:
            return redraw(*given)  # type: ignore[arg-type]
        except ValueError as error:
            raise gradio.Error(str(error)) from error

    inputs = [
        gradio.Image(type="filepath", label="Photo"),
        gradio.File(file_count="multiple", file_types=["image"], label="Examples of a style"),
        gradio.Slider(0, 1.5, value=1, label="Strength"),
    ]
    return gradio.Interface(shown, inputs, gradio.Image(label="In that style"), title="Fewstroke")


if __name__ == "__main__":
    page().launch()  # type: ignore[attr-defined]
