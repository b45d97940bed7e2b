/**
 * The key that the person typed, and the short-lived ones that are made with it.
 *
 * Browsers cannot send a key with a WebSocket but among its subprotocols, which servers and proxies
 * like to log. So what goes there is a client secret, which is worth nothing ten minutes later.
 */

const SECONDS = 600;

/** A secret is not used any more when it is so near its end, by the server's clock or ours. */
const MARGIN_SECONDS = 60;

/** A request that takes longer will not be answered. */
const PATIENCE_MS = 10_000;

/** The server wants a key, and this is none of its keys. */
export class KeyNeeded extends Error {
  /** @param {boolean} given whether a key was sent. */
  constructor(given) {
    super(
      given
        ? 'The server does not accept this key. Check it, and enter it again.'
        : 'This server asks for a key. Enter one of the keys that it was started with ' +
            '(its setting api_keys).'
    );
    this.name = 'KeyNeeded';
    this.given = given;
  }
}

/** There is no answer. It may come later. */
export class ServerUnreachable extends Error {
  constructor(text = 'The server does not answer. Check that it runs and that you are online.') {
    super(text);
    this.name = 'ServerUnreachable';
  }
}

export class Credentials {
  #key = '';
  #secret = null;
  #base;

  /** @param {string} [base] address of the server. */
  constructor(base = location.origin) {
    this.#base = base;
  }

  /** Address of the server. @type {string} */
  get base() {
    return this.#base;
  }

  /** The key that the person typed; empty: none. It is kept in memory and nowhere else. */
  get key() {
    return this.#key;
  }

  set key(key) {
    this.#key = key.trim();
    this.#secret = null;
  }

  /** Headers of requests over HTTP. @type {Record<string, string>} */
  get headers() {
    return this.#key ? { Authorization: `Bearer ${this.#key}` } : {};
  }

  /** Forget the secret that there is: the server did not take it. */
  renew() {
    this.#secret = null;
  }

  /**
   * @returns {Promise<string>} a client secret, made anew when the one before is near its end.
   * @throws {KeyNeeded | ServerUnreachable | Error}
   */
  async secret() {
    if (this.#secret && performance.now() < this.#secret.until) {
      return this.#secret.value;
    }
    const asked = performance.now();
    const made = await this.request('/v1/realtime/client_secrets', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ expires_after: { anchor: 'created_at', seconds: SECONDS } }),
    });
    // By our own clock from when it was asked for: the two need not agree on what time it is.
    this.#secret = { value: made.value, until: asked + (SECONDS - MARGIN_SECONDS) * 1000 };
    return made.value;
  }

  /**
   * Ask the server over HTTP.
   *
   * @param {string} path
   * @param {RequestInit} [options] of `fetch`.
   * @returns {Promise<any>} the answer, which is JSON.
   * @throws {KeyNeeded | ServerUnreachable | Error} the last with what the server says.
   */
  async request(path, options = {}) {
    let response;
    try {
      response = await fetch(new URL(path, this.#base), {
        ...options,
        headers: { ...this.headers, ...options.headers },
        credentials: 'omit',
        cache: 'no-store',
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
    } catch {
      throw new ServerUnreachable();
    }
    if (response.status === 401) {
      throw new KeyNeeded(this.#key !== '');
    }
    const body = await response.json().catch(() => null);
    if (response.ok && body !== null) {
      return body;
    }
    const said = body?.error?.message ?? `it answered ${response.status} ${response.statusText}`;
    if (response.status === 503 || response.status === 502 || response.status === 504) {
      throw new ServerUnreachable(`The server takes nobody at the moment: ${said}`);
    }
    throw new Error(`The server refused ${path}: ${said}`);
  }
}
