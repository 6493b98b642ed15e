"""MusicXML: read into a score (also compressed, MXL), and written from one."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement
from xml.parsers import expat

from model.music.assemble import MAX_NOTES, assemble, snap
from model.music.errors import DamagedWorkError, EmptyWorkError, UnsafeXmlError, WorkTooLargeError
from model.music.notation import Symbol, bars_of, spell
from model.music.parts import Track
from model.music.score import QUARTER, Meter, Note, Score, Staff

MAX_XML_BYTES = 24 * 2**20
MAX_PARTS = 64
_MAX_DEPTH = 40
_MAX_ELEMENTS = 1_500_000
_MAX_MEMBERS = 200
_MAX_CONTAINER = 100_000
_ALTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def read_mxl(data: bytes, *, title: str = "") -> Score:
    """The score of a compressed MusicXML file.

    Raises:
        WorkError: one of its kinds; nothing is unpacked beyond the bounds of a plain file.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if len(names) > _MAX_MEMBERS:
                raise WorkTooLargeError(
                    f"The MXL file holds {len(names):,} files, at most {_MAX_MEMBERS} are read."
                )
            root = None
            if "META-INF/container.xml" in names:
                container = parse_xml(_member(archive, "META-INF/container.xml", _MAX_CONTAINER))
                root = next((e.get("full-path") for e in container.iter() if _name(e) == "rootfile"), None)
            if root is None:
                plain = [
                    n for n in names if n.lower().endswith((".xml", ".musicxml")) and "META-INF" not in n
                ]
                root = plain[0] if plain else None
            if root is None or root not in names:
                raise DamagedWorkError("The MXL file holds no score.")
            return read_musicxml(_member(archive, root, MAX_XML_BYTES), title=title)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        raise DamagedWorkError(
            f"The MXL file cannot be unpacked ({str(error) or 'it is cut off'})."
        ) from error


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """One file of an archive; what its header promises is not believed."""
    with archive.open(name) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise WorkTooLargeError(f"{name[:80]} unpacks to more than {limit:,} bytes.")
    return data


def parse_xml(data: bytes) -> Element:
    """The tree of an XML document that defines no entities and loads nothing.

    Raises:
        UnsafeXmlError: it declares entities.
        DamagedWorkError: not well-formed, or nested too deeply.
        WorkTooLargeError: too many elements.
    """
    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate()
    depth = count = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, count
        depth += 1
        count += 1
        if depth > _MAX_DEPTH:
            raise DamagedWorkError("The XML is nested too deeply for a score.")
        if count > _MAX_ELEMENTS:
            raise WorkTooLargeError(f"The score has more than {_MAX_ELEMENTS:,} elements.")
        builder.start(name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name)

    def declared(*_: object) -> None:
        raise UnsafeXmlError("The XML declares entities, which no score needs.")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = declared
    try:
        parser.Parse(data, True)
        return builder.close()
    except expat.ExpatError as error:
        raise DamagedWorkError(f"The XML is damaged ({error}).") from error
    except (ValueError, LookupError) as error:  # an encoding that does not exist
        raise DamagedWorkError(f"The XML cannot be read ({error}).") from error


@dataclass
class _Reading:
    """What is gathered over all parts."""

    meters: dict[int, Meter] = field(default_factory=dict)
    tempos: list[tuple[int, float]] = field(default_factory=list)
    fifths: int | None = None
    drums: int = 0


def read_musicxml(data: bytes, *, title: str = "") -> Score:
    """The score of a MusicXML document (partwise). Repeats are not played again, grace notes left out.

    Raises:
        WorkError: one of its kinds.
    """
    if len(data) > MAX_XML_BYTES:
        raise WorkTooLargeError(f"The file has {len(data):,} bytes, and at most {MAX_XML_BYTES:,} are read.")
    root = parse_xml(data)
    if _name(root) == "score-timewise":
        raise DamagedWorkError("The MusicXML is timewise: save it as a partwise score.")
    if _name(root) != "score-partwise":
        raise DamagedWorkError(f"The XML is no MusicXML score (its root is {_name(root)[:40]!r}).")
    try:
        return _read_partwise(root, title)
    except (ValueError, ZeroDivisionError, OverflowError, KeyError) as error:
        raise DamagedWorkError(f"The MusicXML holds numbers that make no sense ({error}).") from error


def _read_partwise(root: Element, title: str) -> Score:
    names: dict[str, str] = {}
    programs: dict[str, int] = {}
    for part in _children(root, "part-list"):
        for one in _children(part, "score-part"):
            key = one.get("id", "")
            names[key] = _text(one, "part-name")
            program = next((e.text for e in one.iter() if _name(e) == "midi-program"), None)
            programs[key] = int(program) - 1 if program and program.strip().isdigit() else 0
    title = _text(root, "movement-title") or next(
        (e.text or "" for e in root.iter() if _name(e) == "work-title"), ""
    ) or title  # fmt: skip
    reading = _Reading()
    tracks: list[Track] = []
    parts = _children(root, "part")
    if len(parts) > MAX_PARTS:
        raise WorkTooLargeError(f"The score has {len(parts)} parts, and at most {MAX_PARTS} are read.")
    for part in parts:
        key = part.get("id", "")
        staves = _read_part(part, reading)
        for number in sorted(staves):
            track = Track(names.get(key, ""), programs.get(key, 0), staves[number])
            if len(staves) > 1:
                track.name = f"{track.name or 'Piano'} {'right' if number == 1 else 'left'} hand"
            tracks.append(track)
    if not any(track.notes for track in tracks):
        raise EmptyWorkError("The score has no notes.")
    return assemble(
        tracks, sorted(reading.meters.items()), reading.fifths, reading.tempos, title=title.strip()
    )


def _read_part(part: Element, reading: _Reading) -> dict[int, list[Note]]:
    """The notes of each staff of a part."""
    staves: dict[int, list[Note]] = {}
    open_ties: dict[tuple[int, int, str], int] = {}  # place in the list of its staff
    divisions, transpose = Fraction(1), 0
    bar = Fraction(0)
    meter = Meter(4, 4)
    for measure in _children(part, "measure"):
        at = longest = previous = Fraction(0)
        for element in measure:
            name = _name(element)
            if name == "attributes":
                if value := _text(element, "divisions"):
                    divisions = Fraction(value)
                    if divisions <= 0:
                        raise ValueError("divisions must be positive")
                for one in _children(element, "time"):
                    beats, unit = _text(one, "beats"), _text(one, "beat-type")
                    if beats and unit:
                        meter = Meter(sum(int(x) for x in beats.split("+")), int(unit))
                        if not 0 < meter.unit <= 32 or not 0 < meter.beats <= 64:
                            raise ValueError(f"a meter of {meter}")
                        reading.meters[snap((bar + at) * QUARTER)] = meter
                for one in _children(element, "key"):
                    if reading.fifths is None and (value := _text(one, "fifths")):
                        reading.fifths = max(-7, min(7, int(value)))
                for one in _children(element, "transpose"):
                    transpose = int(_text(one, "chromatic") or 0) + 12 * int(_text(one, "octave-change") or 0)
            elif name in ("backup", "forward"):
                length = Fraction(_text(element, "duration") or 0) / divisions
                at += -length if name == "backup" else length
                longest = max(longest, at)
            elif name in ("direction", "sound"):
                for one in element.iter():
                    if _name(one) == "sound" and one.get("tempo"):
                        reading.tempos.append((snap((bar + at) * QUARTER), float(one.get("tempo", "100"))))
            elif name == "note":
                if any(_name(e) in ("grace", "cue") for e in element):
                    continue
                length = Fraction(_text(element, "duration") or 0) / divisions
                chord = any(_name(e) == "chord" for e in element)
                onset = previous if chord else at
                if not chord:
                    previous, at = at, at + length
                    longest = max(longest, at)
                _read_note(element, bar + onset, length, transpose, staves, open_ties)
        if (measure.get("implicit") == "yes" and bar == 0) or longest == 0:
            full = Fraction(meter.ticks, QUARTER)
            if 0 < longest < full:  # a pickup is filled up before it, so that bars stay bars
                shift = (full - longest) * QUARTER
                for notes in staves.values():
                    notes[:] = [_moved(note, snap(shift)) for note in notes]
            longest = full
        bar += longest
        if bar > 20_000:
            raise WorkTooLargeError("The score is longer than 20,000 quarters.")
    return staves


def _moved(note: Note, ticks: int) -> Note:
    return Note(note.onset + ticks, note.staff, note.pitch, note.duration)


def _read_note(
    element: Element,
    onset: Fraction,
    length: Fraction,
    transpose: int,
    staves: dict[int, list[Note]],
    open_ties: dict[tuple[int, int, str], int],
) -> None:
    pitched = next((e for e in element if _name(e) == "pitch"), None)
    if pitched is None or length <= 0:
        return
    step, octave = _text(pitched, "step").strip(), int(_text(pitched, "octave"))
    alter = round(float(_text(pitched, "alter") or 0))
    pitch = _ALTERS[step] + alter + 12 * (octave + 1) + transpose
    if not 0 <= pitch <= 127:
        raise ValueError(f"a pitch of {pitch}")
    staff = int(_text(element, "staff") or 1)
    voice = _text(element, "voice")
    notes = staves.setdefault(staff, [])
    if len(notes) > MAX_NOTES:
        raise WorkTooLargeError(f"A staff has more than {MAX_NOTES:,} notes.")
    start, end = snap(onset * QUARTER), snap((onset + length) * QUARTER)
    ties = {e.get("type") for e in element if _name(e) == "tie"}
    place = (staff, pitch, voice)
    if "stop" in ties and place in open_ties and notes[open_ties[place]].end == start:
        tied = notes[open_ties[place]]
        notes[open_ties[place]] = Note(tied.onset, tied.staff, pitch, end - tied.onset)
    else:
        open_ties[place] = len(notes)
        notes.append(Note(start, Staff.RIGHT, pitch, max(3, end - start)))
    if "start" not in ties:
        open_ties.pop(place, None)


def _name(element: Element) -> str:
    return element.tag.rsplit("}", 1)[-1]


def _children(element: Element, name: str) -> list[Element]:
    return [child for child in element if _name(child) == name]


def _text(element: Element, name: str) -> str:
    return next((child.text or "" for child in element if _name(child) == name), "")


# Writing

_DIVISIONS = QUARTER


def write_musicxml(score: Score) -> bytes:
    """A MusicXML 4.0 document: the voice (where there is one) above a piano on two staves."""
    root = Element("score-partwise", version="4.0")
    if score.title:
        SubElement(SubElement(root, "work"), "work-title").text = score.title
    encoding = SubElement(SubElement(root, "identification"), "encoding")
    SubElement(encoding, "software").text = "Fewstroke"
    part_list = SubElement(root, "part-list")
    sung = any(note.staff is Staff.VOICE for note in score.notes)
    parts = [("P1", "Voice", [Staff.VOICE])] if sung else []
    parts.append(("P2", "Piano", [Staff.RIGHT, Staff.LEFT]))
    for number, (key, name, _) in enumerate(parts):
        part = SubElement(part_list, "score-part", id=key)
        SubElement(part, "part-name").text = name
        instrument = SubElement(part, "score-instrument", id=f"{key}-I1")
        SubElement(instrument, "instrument-name").text = name
        midi = SubElement(part, "midi-instrument", id=f"{key}-I1")
        SubElement(midi, "midi-channel").text = str(number + 1)
        SubElement(midi, "midi-program").text = "53" if name == "Voice" else "1"
    for number, (key, _, staves) in enumerate(parts):
        _write_part(SubElement(root, "part", id=key), score, staves, first=number == 0)
    ElementTree.indent(root, " ")
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _write_part(part: Element, score: Score, staves: list[Staff], *, first: bool) -> None:
    rows = [bars_of(score, staff) for staff in staves]
    meter: Meter | None = None
    for number, bar in enumerate(score.bars):
        measure = SubElement(part, "measure", number=str(number + 1))
        if number == 0 or bar.meter != meter:
            attributes = SubElement(measure, "attributes")
            if number == 0:
                SubElement(attributes, "divisions").text = str(_DIVISIONS)
                key = SubElement(attributes, "key")
                SubElement(key, "fifths").text = str(score.key.fifths)
                SubElement(key, "mode").text = score.key.mode
            time = SubElement(attributes, "time")
            SubElement(time, "beats").text = str(bar.meter.beats)
            SubElement(time, "beat-type").text = str(bar.meter.unit)
            if number == 0:
                if len(staves) > 1:
                    SubElement(attributes, "staves").text = str(len(staves))
                for i, staff in enumerate(staves):
                    _write_clef(attributes, score, staff, i + 1 if len(staves) > 1 else None)
            meter = bar.meter
        if number == 0 and first:
            _write_tempo(measure, score.tempo)
        voices = 0
        for i, staff_bars in enumerate(rows):
            for layer, symbols in enumerate(staff_bars[number]):
                if voices:
                    backup = SubElement(measure, "backup")
                    SubElement(backup, "duration").text = str(bar.meter.ticks)
                voices += 1
                for symbol in symbols:
                    for element in _write_symbol(symbol, score, layer, i, len(staves)):
                        measure.append(element)
        if number + 1 == len(score.bars):
            barline = SubElement(measure, "barline", location="right")
            SubElement(barline, "bar-style").text = "light-heavy"


def _write_clef(attributes: Element, score: Score, staff: Staff, number: int | None) -> None:
    pitches = [note.pitch for note in score.notes if note.staff is staff] or [
        72 if staff < Staff.LEFT else 48
    ]
    mean = sum(pitches) / len(pitches)
    bass = mean < (56 if staff is Staff.VOICE else 60)
    clef = SubElement(attributes, "clef", {"number": str(number)} if number else {})
    SubElement(clef, "sign").text = "F" if bass else "G"
    SubElement(clef, "line").text = "4" if bass else "2"


def _write_tempo(measure: Element, tempo: float) -> None:
    direction = SubElement(measure, "direction", placement="above")
    metronome = SubElement(SubElement(direction, "direction-type"), "metronome")
    SubElement(metronome, "beat-unit").text = "quarter"
    SubElement(metronome, "per-minute").text = f"{tempo:g}"
    SubElement(direction, "sound", tempo=f"{tempo:g}")


def _write_symbol(symbol: Symbol, score: Score, layer: int, staff: int, staves: int) -> Iterator[Element]:
    """The <note> elements of a chord (lowest note first) or a rest."""
    hidden = not symbol.pitches and layer > 0
    for i, pitch in enumerate(symbol.pitches[::-1] or (None,)):
        note = Element("note", {"print-object": "no"} if hidden else {})
        if i:
            SubElement(note, "chord")
        if pitch is None:
            SubElement(note, "rest", {"measure": "yes"} if symbol.whole_bar else {})
        else:
            step, alter, octave = spell(pitch, score.key)
            element = SubElement(note, "pitch")
            SubElement(element, "step").text = step
            if alter:
                SubElement(element, "alter").text = str(alter)
            SubElement(element, "octave").text = str(octave)
        SubElement(note, "duration").text = str(symbol.ticks)
        for tied, kind in ((symbol.tied_from, "stop"), (symbol.tied_to, "start")):
            if tied:
                SubElement(note, "tie", type=kind)
        SubElement(note, "voice").text = str(1 + layer + 4 * staff)
        if not symbol.whole_bar:
            SubElement(note, "type").text = symbol.kind
            for _ in range(symbol.dots):
                SubElement(note, "dot")
        if pitch is not None and pitch in symbol.accidentals:
            SubElement(note, "accidental").text = symbol.accidentals[pitch]
        if symbol.tuplet is not None:
            modification = SubElement(note, "time-modification")
            SubElement(modification, "actual-notes").text = str(symbol.tuplet[0])
            SubElement(modification, "normal-notes").text = str(symbol.tuplet[1])
        if staves > 1:
            SubElement(note, "staff").text = str(staff + 1)
        for depth, beam in enumerate(symbol.beams if i == 0 else (), 1):
            SubElement(note, "beam", number=str(depth)).text = beam
        if symbol.tied_from or symbol.tied_to or (symbol.tuplet_edge and i == 0):
            notations = SubElement(note, "notations")
            for tied, kind in ((symbol.tied_from, "stop"), (symbol.tied_to, "start")):
                if tied:
                    SubElement(notations, "tied", type=kind)
            if symbol.tuplet_edge and i == 0:
                SubElement(notations, "tuplet", type=symbol.tuplet_edge, number="1")
        yield note
