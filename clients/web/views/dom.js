/** The few words in which views speak to the page. */

const SVG = 'http://www.w3.org/2000/svg';

/**
 * @param {string} id
 * @returns {HTMLElement} the element with that id, which has to be there.
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) {
    throw new Error(`index.html has no element with the id ${id}`);
  }
  return found;
}

/**
 * @param {string} tag
 * @param {Object<string, string>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElement} a new element.
 */
export function create(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for elements of SVG. */
export function draw(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/**
 * @param {string} name of a symbol in index.html, without `icon-`.
 * @returns {SVGElement} it, for the eyes only.
 */
export function icon(name) {
  const use = draw('use', { href: `#icon-${name}` });
  return draw('svg', { class: 'icon', 'aria-hidden': 'true' }, use);
}

/** Set an element's text, touching the page only where that changes something. */
export function setText(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

/**
 * Do something once in the next frame, however often it is asked for until then.
 *
 * A hidden tab has no frames: there it is done at once, so that nothing piles up.
 *
 * @param {() => void} work
 * @returns {() => void} asks for it.
 */
export function oncePerFrame(work) {
  let asked = false;
  const run = () => {
    if (asked) {
      asked = false;
      work();
    }
  };
  document.addEventListener('visibilitychange', () => document.hidden && run());
  return () => {
    if (asked) {
      return;
    }
    asked = true;
    if (document.hidden) {
      setTimeout(run);
    } else {
      requestAnimationFrame(run);
    }
  };
}

/** Do something when the frame that is being made has been painted. */
export function afterPaint(work) {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    work();
  };
  port2.postMessage(null);
}

/** Put options into a `<select>`, and choose the one that was wanted if it is there. */
export function setOptions(select, options, wanted = select.value) {
  select.replaceChildren(...options.map(({ value, label }) => new Option(label, value)));
  if (options.some(({ value }) => value === wanted)) {
    select.value = wanted;
  }
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}
