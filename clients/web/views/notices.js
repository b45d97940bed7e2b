/** What the person has to know, and what to do about it. */

import { byId, create, icon } from './dom.js';

/** Notices that are shown at once; the oldest leaves. */
const KEPT = 3;

/** Milliseconds for which what needs no answer stays. */
const INFO_STAYS = 8000;

/**
 * @param {'info' | 'warning' | 'error'} level
 * @param {string} text says what is the matter and what to do.
 * @param {string} [topic] a newer notice of the same topic takes this one's place.
 */
export function notify(level, text, topic = text) {
  dismiss(topic);
  const close = create('button', { type: 'button', class: 'plain', 'aria-label': 'Dismiss' });
  close.append(icon('close'));
  const notice = create(
    'div',
    { class: 'notice', 'data-level': level, role: level === 'error' ? 'alert' : 'status' },
    icon(level === 'info' ? 'info' : 'warning'),
    create('p', {}, text),
    close,
  );
  notice.dataset.topic = topic;
  close.addEventListener('click', () => {
    notice.remove();
    byId('main').focus({ preventScroll: true });
  });
  const all = byId('notices');
  all.append(notice);
  while (all.children.length > KEPT) {
    all.firstChild.remove();
  }
  if (level === 'info') {
    setTimeout(() => notice.remove(), INFO_STAYS);
  }
}

/** Take away what is no longer so. */
export function dismiss(topic) {
  for (const notice of [...byId('notices').children]) {
    if (notice.dataset.topic === topic) {
      notice.remove();
    }
  }
}
