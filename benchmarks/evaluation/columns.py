"""What is measured, each named for what it is. The report prints this as its glossary."""

from dataclasses import dataclass
from enum import Enum


class Better(Enum):
    """Which way a column is read."""

    LOWER = "lower"
    HIGHER = "higher"
    ONE = "nearest to 1"


@dataclass(frozen=True)
class Column:
    """One figure of a row."""

    key: str
    heading: str
    meaning: str
    blind_to: str
    better: Better = Better.LOWER

    def improved(self, after: float, before: float) -> bool:
        """Whether ``after`` is better; equal values have not improved."""
        if self.better is Better.HIGHER:
            return after > before
        if self.better is Better.ONE:
            return abs(after - 1) < abs(before - 1)
        return after < before


_UNSEEN = "the same to works of the artist that no method saw"

_ALL = (
    Column(
        "vgg_examples",
        "VGG16 Gram, examples",
        "relative Gram distance to the mean Gram matrices of the examples: relu1_2, relu2_2, relu3_3, "
        "relu4_1 of VGG16, the first network of our losses",
        "ruled by loud channels, and our losses use this network: it can be pleased without pleasing anyone",
    ),
    Column("vgg_unseen", "VGG16 Gram, unseen", _UNSEEN, "as above"),
    Column(
        "eff_examples",
        "EffNet Gram, examples",
        "relative Gram distance on EfficientNet-Lite0 (stem and blocks 0, 2, 4), which no loss uses",
        "ruled by loud channels; blind to where things lie",
    ),
    Column("eff_unseen", "EffNet Gram, unseen", _UNSEEN, "as above"),
    Column(
        "top1_examples",
        "top-1 artist, examples",
        "share of results whose nearest artist, of all artists of the gallery, is the right one: distance of "
        "channel means and log deviations of EfficientNet-Lite0 (stem, blocks 0, 2, 4; standardized over "
        "the gallery) to the mean of each artist's examples",
        "chance is one in the number of artists; artists of one school are taken for each other",
        Better.HIGHER,
    ),
    Column(
        "top1_unseen",
        "top-1 artist, unseen",
        "the same, each artist being the mean of works that no method saw",
        "as above",
        Better.HIGHER,
    ),
    Column(
        "content",
        "content",
        "relative squared distance to the photo at relu3_3 of VGG16",
        "a photo in other colors counts as changed",
    ),
    Column(
        "structure",
        "structure",
        "1 - cosine of EfficientNet-Lite0's last feature map to the photo's",
        "fine detail",
    ),
    Column(
        "edges",
        "edges",
        "Pearson correlation of gradient magnitudes (Sobel, luma smoothed by 1 px) with the photo's",
        "counts brush strokes as damage; blind to color",
        Better.HIGHER,
    ),
    Column(
        "shallow_examples",
        "EffNet SW, examples",
        "sliced 2-Wasserstein distance of EfficientNet-Lite0's stem and block 0, channels standardized over "
        "the gallery, 32 directions",
        "where things lie, and everything larger than a few pixels",
    ),
    Column("shallow_unseen", "EffNet SW, unseen", _UNSEEN, "as above"),
    Column(
        "color_examples",
        "color SW, examples",
        "sliced 2-Wasserstein distance of RGB colors, 0..1, 32 directions",
        "where colors lie",
    ),
    Column("color_unseen", "color SW, unseen", _UNSEEN, "as above"),
    Column(
        "mmd_examples",
        "EffNet MMD, examples",
        "squared maximum mean discrepancy, cubic polynomial kernel (as in KID), between all results and the "
        "examples: channel means and log deviations of EfficientNet-Lite0 (stem, blocks 0, 2, 4) in patches "
        "of a quarter of the short side; unbiased over pictures, so it may be negative",
        "few pictures a side: the noise of a single artist is large; needs two works and two photos",
    ),
    Column("mmd_unseen", "EffNet MMD, unseen", _UNSEEN, "as above"),
    Column(
        "saturation",
        "saturation",
        "mean chroma (largest minus smallest of R, G, B) of the result, divided by the examples'",
        "which colors they are",
        Better.ONE,
    ),
    Column(
        "contrast",
        "contrast",
        "standard deviation of luma of the result, divided by the examples' mean",
        "at which scale the contrast is",
        Better.ONE,
    ),
    Column(
        "objective",
        "objective",
        "the adaptation's own loss of the result at the level of its size, against all examples",
        "everything that the loss is blind to: it is what was optimized",
    ),
)
COLUMNS = {column.key: column for column in _ALL}
DISTANCES = ("vgg", "eff", "shallow", "color")  # measured picture by picture, to examples and unseen works

TABLES = {
    "Style: distance on two networks, and the artist found": (
        "vgg_examples",
        "vgg_unseen",
        "eff_examples",
        "eff_unseen",
        "top1_examples",
        "top1_unseen",
    ),
    "What is kept of the photo": ("content", "structure", "edges", "objective"),
    "Distributions that nothing optimizes": (
        "shallow_examples",
        "shallow_unseen",
        "mmd_examples",
        "mmd_unseen",
    ),
    "Colors, and whether results go faded": ("color_examples", "color_unseen", "saturation", "contrast"),
}
