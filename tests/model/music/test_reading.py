import zipfile
from itertools import pairwise

import mido
import pytest

from model.music.errors import (
    DamagedWorkError,
    DrumsOnlyError,
    EmptyWorkError,
    RecordingError,
    UnknownWorkFormatError,
    UnsafeXmlError,
    WorkError,
    WorkTooLargeError,
)
from model.music.export import write_mxl
from model.music.midi import write_midi
from model.music.musicxml import write_musicxml
from model.music.reading import MAX_MIDI_BYTES, read_work
from model.music.score import Key, Meter, Staff
from tests.model.music.bad_files import (
    ENTITIES,
    OUTSIDE,
    drums,
    many_tracks,
    midi_of,
    recording,
    zipped,
)
from tests.model.music.conftest import make_song


@pytest.mark.parametrize("write", [write_midi, write_musicxml, write_mxl])
@pytest.mark.parametrize(
    ("key", "meter"), [(Key(2), Meter(4, 4)), (Key(10, True), Meter(3, 4)), (Key(6), Meter(6, 8))]
)
def test_what_is_written_is_read_again(write, key, meter):
    song = make_song(3, key=key, meter=meter)
    read = read_work(write(song))
    assert read.notes == song.notes
    assert read.bars == song.bars
    assert read.key == song.key
    assert read.tempo == pytest.approx(song.tempo, abs=0.01)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", EmptyWorkError),
        (midi_of(), EmptyWorkError),
        (drums(), DrumsOnlyError),
        (recording(), RecordingError),
        (b"ID3\x04" + bytes(100), RecordingError),
        (b"OggS" + bytes(100), RecordingError),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), UnknownWorkFormatError),
        (write_midi(make_song()) + bytes(MAX_MIDI_BYTES), WorkTooLargeError),
        (many_tracks(), WorkTooLargeError),
        (write_midi(make_song())[:300], DamagedWorkError),
        (b"MThd" + bytes(10), WorkError),
        (ENTITIES, UnsafeXmlError),
        (OUTSIDE, UnsafeXmlError),
        (b"<?xml version='1.0'?><html/>", DamagedWorkError),
        (b"<?xml version='1.0'?><score-partwise><part></score-partwise>", DamagedWorkError),
        (b"<score-partwise>" + b"<a>" * 500, DamagedWorkError),
        (b"<?xml version='1.0'?><score-timewise/>", DamagedWorkError),
        (zipped(readme_xml=b"hello"), DamagedWorkError),
        (zipped(score_xml=b" " * 30_000_000), WorkTooLargeError),
        (zipped(META__INF=b"x", cover=b"y"), DamagedWorkError),
        (write_mxl(make_song())[:200], DamagedWorkError),
    ],
)
def test_bad_files_are_refused_with_a_sentence_that_says_what_a_good_one_is(data, error):
    with pytest.raises(error, match="A good example is") as refused:
        read_work(data)
    assert "()" not in str(refused.value), "the reason is told"


def test_a_bomb_is_not_unpacked_beyond_its_bound(monkeypatch):
    read = []
    plain = zipfile.ZipExtFile.read

    def counted(self, n=-1):
        data = plain(self, n)
        read.append(len(data))
        return data

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
    with pytest.raises(WorkTooLargeError):
        read_work(zipped(score_xml=b" " * 100_000_000))
    assert sum(read) < 30_000_000


def test_names_of_tracks_say_who_sings():
    read = read_work(write_midi(make_song(5)))
    assert {note.staff for note in read.notes} == set(Staff)
    voice = [note for note in read.notes if note.staff is Staff.VOICE]
    assert all(a.end <= b.onset for a, b in pairwise(voice))


def test_a_piano_on_one_track_is_divided_between_two_hands():
    song = make_song(6)
    messages = []
    changes = []
    for note in song.notes:
        if note.staff is not Staff.VOICE:
            changes += [(note.onset * 20, 1, note.pitch), (note.end * 20, 0, note.pitch)]
    at = 0
    for tick, on, pitch in sorted(changes):
        messages.append(mido.Message("note_on", note=pitch, velocity=64 * on, time=tick - at))
        at = tick
    read = read_work(midi_of(*messages))
    low = {note.pitch for note in read.notes if note.staff is Staff.LEFT}
    high = {note.pitch for note in read.notes if note.staff is Staff.RIGHT}
    assert low
    assert high
    assert max(low) < min(high)
