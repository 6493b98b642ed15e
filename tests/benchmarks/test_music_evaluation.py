import numpy as np
import pytest
import torch

from benchmarks.evaluation.music import (
    STEPS,
    EvaluationOptions,
    Method,
    best_rates,
    evaluate_music,
    make_folds,
    measure,
    summarize,
    table,
)
from benchmarks.evaluation.music_classifier import (
    divide,
    evaluate_classifier,
    excerpts,
    named,
    train_classifier,
)
from benchmarks.evaluation.music_fragments import others_complaints
from model.music.limits import MAX_COUNT
from model.music.musicxml import write_musicxml
from model.music.ngrams import NgramCache, mixed_nats
from model.music.works import HELD_OUT, VALIDATION
from tests.model.music.conftest import checkpoint, make_song, make_works  # noqa: F401


def folds(names=HELD_OUT[:3]):
    return make_folds(make_works(names, songs=6), names, EvaluationOptions(windows=4))


def test_what_is_predicted_is_from_other_cycles_than_what_was_learned():
    works = {id(work.song): work for work in make_works(HELD_OUT[:1], songs=6)}
    (fold,) = make_folds(list(works.values()), HELD_OUT[:1], EvaluationOptions(windows=50))
    learned = {works[id(song)].cycle for song in fold.support}
    assert len(learned) == 1
    notes = {tuple(window[-40:]) for window in fold.sequences}
    for work in works.values():
        if work.cycle in learned:
            flat = [token for bar in work.song.bars for token in bar]
            assert not any(tuple(flat[i : i + 40]) in notes for i in range(len(flat)))


def test_right_and_wrong_are_told_apart():
    known = folds()

    def adapt(songs, seed):
        mine = next(i for i, fold in enumerate(known) if fold.support[0] is songs[0])
        return {step: {"who": torch.tensor(mine), "step": torch.tensor(step)} for step in STEPS}

    def loss(params, batch):
        right = known[int(params["who"])].query is batch
        return torch.tensor([2.0 - 0.01 * int(params["step"]) if right else 2.0 + 0.01 * int(params["step"])])

    summary = summarize(measure(Method(adapt, loss), known))
    assert summary["8"]["right"][0] == pytest.approx(1.92)
    assert summary["8"]["wrong_minus_right"][0] == pytest.approx(0.16)
    assert summary["8"]["better_than_before"] == 1.0
    assert summary["0"]["right_beats_wrong"] == 0.0


def test_each_number_of_steps_has_its_own_best_rate():
    def make(rate):
        return Method(
            lambda songs, seed: {step: {"step": torch.tensor(step)} for step in STEPS},
            lambda params, batch: torch.tensor([abs(float(params["step"]) * rate - 4.0)]),
        )

    best = best_rates(make, (0.25, 1.0, 4.0), folds())
    assert (best[1], best[4], best[16]) == (4.0, 1.0, 0.25)


def test_a_cache_of_ngrams_knows_what_it_has_seen():
    cache = NgramCache([[1, 2, 3, 4], [1, 2, 3, 5]], order=3)
    assert cache.weight_and_share([1, 2], 3) == (2, 1.0)
    assert cache.weight_and_share([9, 2, 3], 4) == (2, 0.5)
    assert cache.weight_and_share([7, 8], 4) == (0, 0.0)
    nats = mixed_nats(np.array([0.5, 0.1]), [1, 2, 3, 4], [2, 3], cache, 0.5)
    assert nats == pytest.approx(-np.log(0.75) - np.log(0.3))


def test_all_rows_are_measured_on_composers_that_are_kept_apart(checkpoint, monkeypatch):  # noqa: F811
    monkeypatch.setattr("benchmarks.evaluation.music.STEPS", (0, 1))
    monkeypatch.setattr("benchmarks.evaluation.music.LENGTH", 96)
    works = make_works((*HELD_OUT[:2], *VALIDATION[:2], "Ann"))
    seen = []
    results = evaluate_music(
        checkpoint,
        checkpoint,
        works,
        EvaluationOptions(windows=2, stretches=1),
        on_row=lambda so_far: seen.append(list(so_far["rows"])),
    )
    assert results["composers"] == list(HELD_OUT[:2])
    assert seen[-1] == ["meta-learned", "n-gram cache", "fine-tuned phi", "fine-tuned weights"]
    text = table(results)
    assert text.count("| fine-tuned phi |") == 2
    start = results["rows"]["meta-learned"]["steps"]["0"]
    assert start["wrong_minus_right"][0] == pytest.approx(0, abs=1e-6)


def test_a_classifier_names_the_composers_of_real_songs_and_of_fragments(checkpoint, monkeypatch):  # noqa: F811
    monkeypatch.setattr("benchmarks.evaluation.music_classifier.BARS", 2)
    works = make_works(HELD_OUT[:3], songs=6)
    rates = evaluate_classifier(checkpoint, works, fragments=MAX_COUNT + 1, steps=0)
    assert (rates["composers"], rates["chance"]) == (3, 0.3333)
    songs = [(i, e) for i, part in enumerate(divide(works, 0)) for w in part.known for e in excerpts(w.song)]
    linear = train_classifier(songs, 3)
    assert named(linear, [song for _, song in songs]).tolist() == [label for label, _ in songs]


def test_others_open_what_is_written_without_a_word():
    assert others_complaints(write_musicxml(make_song(1))) == []


def test_what_others_say_against_a_score_is_heard():
    text = write_musicxml(make_song(1)).decode()
    broken = text.replace("<duration>24</duration>", "<duration>20</duration>", 1)
    assert others_complaints(broken.encode())
