// A composition: its sound, its score, a piano roll with a cursor that moves, what it is, and its files.
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../../i18n";
import { send } from "../../api/http";
import { saveBlob } from "../../lib/files";
import type { Notes, Shown } from "../../state/music";
import { sayError } from "../../state/toast";
import { Icon } from "../../ui/icons";

const OFFERED = ["mid", "musicxml", "pdf", "opus", "svg"];
const QUARTER = 24; // units of the roll
const ROW = 4;

export function Song({ song }: { song: Shown }) {
  const { about, files } = song.piece;
  const sound = useRef<HTMLAudioElement>(null);
  const [at, setAt] = useState(0); // quarters
  const { examples, training, human } = about.originality;
  const longest = Math.max(examples.longest, training.longest);

  useEffect(() => {
    let frame = 0;
    const look = () => {
      if (sound.current && !sound.current.paused) setAt((sound.current.currentTime * song.notes.tempo) / 60);
      frame = requestAnimationFrame(look);
    };
    frame = requestAnimationFrame(look);
    return () => cancelAnimationFrame(frame);
  }, [song]);

  async function download(form: string, url: string) {
    try {
      saveBlob(await (await send(url)).blob(), `${about.title}.${form}`);
    } catch (error) {
      sayError(error);
    }
  }

  return (
    <article class="song" aria-label={about.title}>
      <h2>{about.title}</h2>
      <p class="help">{t.music.about(about.key, about.meter, about.bars, about.tempo)}</p>
      {song.sound ? <audio ref={sound} controls src={song.sound} /> : <p class="help">{t.music.soundless}</p>}
      <Roll notes={song.notes} at={at} />
      {song.score && <img class="score" src={song.score} alt={t.music.score(about.title)} />}
      <p>{longest ? t.music.shared(longest, human.longest_95 ?? 0) : t.music.original}</p>
      <div class="row">
        {files
          .filter(({ form }) => OFFERED.includes(form))
          .map(({ id, form, url }) => (
            <button key={id} type="button" aria-label={t.music.download(form)} onClick={() => void download(form, url)}>
              <Icon name="download" />
              {form}
            </button>
          ))}
      </div>
    </article>
  );
}

function Roll({ notes, at }: { notes: Notes; at: number }) {
  const pitches = notes.notes.map(({ pitch }) => pitch);
  const [low, high] = [Math.min(...pitches), Math.max(...pitches)];
  const end = Math.max(...notes.notes.map(({ onset, duration }) => onset + duration)) * QUARTER;
  const height = (high - low + 1) * ROW;
  return (
    <svg class="roll" viewBox={`0 0 ${end} ${height}`} preserveAspectRatio="none" role="img" aria-label={t.music.roll}>
      {notes.bars.map(({ onset }) => (
        <line key={onset} class="bar" x1={onset * QUARTER} x2={onset * QUARTER} y1="0" y2={height} />
      ))}
      {notes.notes.map(({ onset, duration, pitch, staff }) => (
        <rect
          key={`${onset} ${pitch} ${staff}`}
          class={staff}
          x={onset * QUARTER}
          y={(high - pitch) * ROW}
          width={Math.max(2, duration * QUARTER - 1)}
          height={ROW - 0.5}
        />
      ))}
      <line class="now" x1={at * QUARTER} x2={at * QUARTER} y1="0" y2={height} />
    </svg>
  );
}
