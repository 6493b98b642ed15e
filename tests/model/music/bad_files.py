"""Files that are no works: what people send, and what attackers send."""

import io
import struct
import wave
import zipfile

import mido


def midi_of(*messages, tracks=1):
    file = mido.MidiFile(type=1, ticks_per_beat=480)
    for _ in range(tracks):
        file.tracks.append(mido.MidiTrack(messages))
    out = io.BytesIO()
    file.save(file=out)
    return out.getvalue()


def drums():
    beats = []
    for _ in range(40):
        beats.append(mido.Message("note_on", channel=9, note=38, velocity=90, time=0))
        beats.append(mido.Message("note_off", channel=9, note=38, time=240))
    return midi_of(*beats)


def recording():
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000))
    return out.getvalue()


def many_tracks():
    return (
        b"MThd"
        + struct.pack(">IHHH", 6, 1, 10_000, 480)
        + (b"MTrk" + struct.pack(">I", 4) + b"\0\xff\x2f\0") * 10
    )


def zipped(**files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "/").replace("_xml", ".xml"), data)
    return out.getvalue()


ENTITIES = (
    b'<?xml version="1.0"?><!DOCTYPE score-partwise [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    b"<score-partwise><part-list/>&b;</score-partwise>"
)
OUTSIDE = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><score-partwise>&a;</score-partwise>'
