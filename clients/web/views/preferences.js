/** What the person chose last time, kept in this browser. Never a key, never a word said. */

const NAME = 'streamkit';

/** @returns {object} all preferences. */
function read() {
  try {
    return JSON.parse(localStorage.getItem(NAME)) ?? {};
  } catch {
    return {};
  }
}

/**
 * @template T
 * @param {string} name
 * @param {T} otherwise where nothing was chosen.
 * @returns {T}
 */
export function preference(name, otherwise) {
  return read()[name] ?? otherwise;
}

/** Remember what was chosen, where the browser lets us. */
export function prefer(name, value) {
  try {
    localStorage.setItem(NAME, JSON.stringify({ ...read(), [name]: value }));
  } catch {
    // A browser that keeps nothing shows the defaults again next time.
  }
}

/**
 * Give a form's fields the values that they had last time, and remember what they become.
 *
 * @param {HTMLFormElement} form
 * @param {string} name under which they are kept.
 * @returns {(field: string) => string | undefined} what a field had last time: for lists that are
 *   filled later.
 */
export function keepForm(form, name) {
  const kept = preference(name, {});
  for (const field of form.elements) {
    if (field.name && field.name in kept) {
      restore(field, kept[field.name]);
    }
  }
  form.addEventListener('change', () => {
    const values = {};
    for (const field of form.elements) {
      if (field.type === 'checkbox') {
        values[field.name] = field.checked;
      } else if (field.name && (field.type !== 'radio' || field.checked)) {
        values[field.name] = field.value;
      }
    }
    prefer(name, values);
  });
  form.addEventListener('submit', (event) => event.preventDefault());
  return (field) => kept[field];
}

function restore(field, value) {
  if (field.type === 'checkbox') {
    field.checked = value === true;
  } else if (field.type === 'radio') {
    field.checked = field.value === value;
  } else {
    field.value = value;
    if (field.value !== value) {
      field.selectedIndex = 0;
    }
  }
}
