import random

import pytest

from model.sequence.network import NetworkConfig
from model.text.poems.checkpoint import load_poems
from model.text.poems.poem import Poem
from model.text.poems.training import PoemsTraining, PoemsTrainingConfig
from model.text.poems.works import Poet

TINY = NetworkConfig(width=32, layers=2, heads=2, hidden=64, rank=2, dropout=0.0)

# A small rhyme book: two level rhymes of 16 characters, and oblique ones.
BOOK = {
    "上平聲一東": "東同銅桐筒童僮中衷忠蟲終戎崇嵩弓",
    "下平聲七陽": "陽楊揚香鄉光昌堂章張王房芳長霜藏",
    "上聲一董": "董動孔總籠桶蠓空",
    "去聲一送": "送夢鳳洞眾甕弄貢凍痛棟仲中諷",
    "入聲一屋": "屋木竹目服福祿穀熟谷肉族鹿腹菊陸軸逐",
}
LEVEL = BOOK["上平聲一東"] + BOOK["下平聲七陽"]
OBLIQUE = "".join(text for name, text in BOOK.items() if "平" not in name)


def make_poem(seed, lines=4, length=5):
    """Lines of known characters without meaning."""
    rng = random.Random(seed)
    made = tuple("".join(rng.sample(LEVEL + OBLIQUE, length)) for _ in range(lines))
    return Poem("秋夜", made, tuple(i % 2 == 1 for i in range(lines)))


def make_poets(names=("甲", "乙", "丙"), poems=6):
    return [
        Poet(f"tangshi_{name}", "tangshi", "shi", tuple(make_poem(f"{name} {i}") for i in range(poems)))
        for name in names
    ]


def make_config(tmp_path, **changes):
    settings = {
        "out": tmp_path / "run", "minutes": 0.01, "batch": 200, "characters": 200, "inner_steps": 2,
        "tasks": 2, "support": 3, "read": 2, "query": 2, "network": TINY, "amp": False,
    }  # fmt: skip
    return PoemsTrainingConfig(**{**settings, **changes})


def write_poems_checkpoint(folder):
    """Not trained at all: whatever is sound in its poems is the form's doing."""
    training = PoemsTraining(make_config(folder), make_poets(), BOOK)
    training.checkpoint()
    return training.checkpoint_path


@pytest.fixture(scope="session")
def poems_checkpoint(tmp_path_factory):
    return write_poems_checkpoint(tmp_path_factory.mktemp("poems"))


@pytest.fixture(scope="session")
def poems_base(poems_checkpoint):
    return load_poems(poems_checkpoint)
