/** Captions as files: SRT, WebVTT and plain text. Pure. */

/** Characters of a line of subtitles, and lines of a cue; beyond it gets another cue. */
const LINE = 42;
const LINES = 2;

/** A cue is read for so many seconds at least, if the next one lets it. */
const SHORTEST = 1;

/**
 * @typedef {object} Cue
 * @property {number} start seconds.
 * @property {number} end seconds.
 * @property {string[]} lines
 */

/**
 * @param {import('./captions.js').Line[]} captions
 * @returns {Cue[]} of at most two lines each; only words longer than a line make longer ones.
 */
export function cues(captions) {
  const made = [];
  for (const { words } of captions) {
    let cue = null;
    for (const word of words) {
      if (!cue || !fits(cue.lines, word.text)) {
        cue = { start: word.start, end: word.end, lines: [''] };
        made.push(cue);
      }
      put(cue.lines, word.text);
      cue.end = word.end;
    }
  }
  return made.map((cue, index) => {
    const next = made[index + 1]?.start ?? Infinity;
    const end = Math.min(Math.max(cue.end, cue.start + SHORTEST), Math.max(cue.end, next));
    return { ...cue, end: Math.max(end, cue.start + 0.001) };
  });
}

/**
 * @param {import('./captions.js').Line[]} captions
 * @returns {string} a SubRip file.
 */
export function srt(captions) {
  return cues(captions)
    .map((cue, index) => `${index + 1}\n${range(cue, ',')}\n${cue.lines.join('\n')}\n\n`)
    .join('');
}

/**
 * @param {import('./captions.js').Line[]} captions
 * @returns {string} a WebVTT file.
 */
export function vtt(captions) {
  const blocks = cues(captions).map((cue) => {
    const text = cue.lines.join('\n').replace(/[&<>]/g, (sign) => ESCAPES[sign]);
    return `${range(cue, '.')}\n${text}\n\n`;
  });
  return `WEBVTT\n\n${blocks.join('')}`;
}

/**
 * @param {import('./captions.js').Line[]} captions
 * @returns {string} the text, a line for each.
 */
export function text(captions) {
  return captions.map((line) => `${line.text}\n`).join('');
}

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

function fits(lines, word) {
  const last = lines[lines.length - 1];
  return last === '' || last.length + 1 + word.length <= LINE || lines.length < LINES;
}

function put(lines, word) {
  const last = lines.length - 1;
  if (lines[last] === '') {
    lines[last] = word;
  } else if (lines[last].length + 1 + word.length <= LINE) {
    lines[last] += ` ${word}`;
  } else {
    lines.push(word);
  }
}

function range(cue, point) {
  return `${clock(cue.start, point)} --> ${clock(cue.end, point)}`;
}

function clock(time, point) {
  const milliseconds = Math.max(0, Math.round(time * 1000));
  const two = (number) => String(number).padStart(2, '0');
  const hours = Math.floor(milliseconds / 3_600_000);
  const minutes = Math.floor(milliseconds / 60_000) % 60;
  const seconds = Math.floor(milliseconds / 1000) % 60;
  const rest = String(milliseconds % 1000).padStart(3, '0');
  return `${two(hours)}:${two(minutes)}:${two(seconds)}${point}${rest}`;
}
