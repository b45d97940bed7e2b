/** Pictures of a delay: its parts behind one another in a strip, or as stairs. */

import { create, draw } from './dom.js';
import { durationText } from './times.js';

/** Units that a whole strip is wide. */
const WIDTH = 1000;

/** Steps of which an axis takes the first that gives it few enough marks. */
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000];

/** Marks of an axis beside its zero. */
const MARKS = 5;

/**
 * Where each part lies.
 *
 * @param {import('./parts.js').Part[]} parts in their order.
 * @param {Object<string, number>} values milliseconds; a part without one is left out.
 * @returns {{part: import('./parts.js').Part, from: number, value: number}[]} milliseconds.
 */
export function places(parts, values) {
  let from = 0;
  return parts
    .filter(({ id }) => Number.isFinite(values[id]))
    .map((part) => {
      const place = { part, from, value: values[part.id] };
      from += place.value;
      return place;
    });
}

/**
 * A scale with round marks.
 *
 * @param {number} longest milliseconds that have to fit.
 * @returns {{end: number, marks: number[]}}
 */
export function axisFor(longest) {
  const step = STEPS.find((each) => longest / each <= MARKS) ?? STEPS[STEPS.length - 1];
  const count = Math.max(1, Math.ceil(longest / step));
  return { end: count * step, marks: Array.from({ length: count + 1 }, (_, at) => at * step) };
}

/**
 * One delay as one strip.
 *
 * @param {SVGElement} svg is drawn anew.
 * @param {ReturnType<typeof places>} placed
 * @param {number} end milliseconds that the whole width stands for.
 */
export function drawStrip(svg, placed, end) {
  svg.setAttribute('viewBox', `0 0 ${WIDTH} 10`);
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('aria-hidden', 'true');
  const bars = placed.map(({ part, from, value }) => {
    const x = Math.max(0, (from / end) * WIDTH);
    // A part that took no time still leaves a line, so that it is seen to be there.
    const width = Math.max(1.5, (Math.max(0, value) / end) * WIDTH - 1.5);
    const place = { x: x.toFixed(2), y: '0', width: width.toFixed(2), height: '10' };
    return draw('rect', { 'data-part': part.id, ...place });
  });
  svg.replaceChildren(...bars);
}

/**
 * One delay as stairs, each part on a line of its own with its name and its length.
 *
 * @param {ReturnType<typeof places>} placed
 * @param {ReturnType<typeof axisFor>} axis
 * @returns {HTMLElement[]} lines, and the axis below them.
 */
export function stairs(placed, axis) {
  const lines = placed.map((place) => {
    const swatch = create('span', { class: 'swatch', 'data-part': place.part.id });
    const name = create('span', { class: 'name', title: place.part.meaning }, swatch);
    name.append(place.part.name);
    const svg = draw('svg');
    drawStrip(svg, [place], axis.end);
    const value = create('span', { class: 'milliseconds' }, durationText(place.value));
    return create('div', { class: 'stair' }, name, svg, value);
  });
  return [...lines, axisLine(axis)];
}

function axisLine({ end, marks }) {
  const labels = marks.map((mark) => {
    const label = create('span', {}, mark >= 1000 ? `${mark / 1000} s` : `${mark}`);
    label.style.left = `${(mark / end) * 100}%`;
    return label;
  });
  const line = create('div', { class: 'axis-marks' }, ...labels);
  return create('div', { class: 'axis', 'aria-hidden': 'true' }, line);
}
