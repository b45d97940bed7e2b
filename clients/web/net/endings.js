/** Why a connection ended or never began: what to say, and whether to come back. Pure. */

/**
 * @typedef {object} Ending
 * @property {string} text for people, with what they can do.
 * @property {boolean} fatal coming back would change nothing.
 * @property {boolean} renew a new client secret is needed.
 */

const REFUSED = new Set([1002, 1003, 1007, 1009, 1010]);

/**
 * @param {number} code of the closing.
 * @param {string} reason as the server gave it; may be empty.
 * @param {string | null} said the newest error that the server told before it.
 * @returns {Ending}
 */
export function endingOf(code, reason, said = null) {
  const words = said ?? reason;
  const details = words ? ` (${words})` : '';
  if (code === 1012 || code === 1001) {
    return ending(`The server is being restarted${details}.`);
  }
  if (code === 1013) {
    return ending(`The server is busy${details}.`);
  }
  if (code === 3000) {
    // A secret may be too old by now. If the key itself is wrong, asking for a new one tells.
    return { ...fatal(`The server did not accept the key${details}.`), renew: true };
  }
  if (code === 4000) {
    return fatal(`The server refuses this page${details}. Load the page again.`);
  }
  if (code === 1008 && /lasts (an hour|at most)|expired|session_expired/.test(words)) {
    return ending(`The session was as long as the server allows${details}; a new one begins.`);
  }
  if (code === 1008 || REFUSED.has(code)) {
    return fatal(`The server ended the session${details}. Start again.`);
  }
  if (code === 1011) {
    return ending(`The server could not go on${details}.`);
  }
  return ending(`The connection was lost${details}.`);
}

/**
 * Why a connection was not let in. A page is not told, so the server is asked another way.
 *
 * @param {{status: number, sessions?: number, max_sessions?: number} | null} ready what `/readyz`
 *   said; null: nothing.
 * @returns {Ending}
 */
export function refusalOf(ready) {
  if (ready === null) {
    return ending('The server does not answer. Check that it runs and that you are online.');
  }
  if (ready.status === 503) {
    return ending('The server is starting or going down.');
  }
  if (ready.sessions >= ready.max_sessions) {
    return ending(
      `All ${ready.max_sessions} places of the server are taken; it is tried again. ` +
        '(The setting max_sessions allows more.)'
    );
  }
  return fatal(
    'The server refuses this session although it has room. Its model may not know the language ' +
      'or the task that was chosen; or a proxy before it does not pass WebSockets on. Choose ' +
      'others, or look into the server’s log.'
  );
}

function ending(text) {
  return { text, fatal: false, renew: false };
}

function fatal(text) {
  return { text, fatal: true, renew: false };
}
