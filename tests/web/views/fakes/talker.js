/** A talker whose turns a test writes. */

export class Talker extends EventTarget {
  constructor({ options }) {
    super();
    this.options = options;
    this.state = 'idle';
    this.turns = [];
    this.calls = [];
  }

  async start() {
    this.become('listening');
  }

  async stop() {
    this.become('idle');
  }

  press() {
    this.calls.push('press');
    this.become('you');
  }

  release() {
    this.calls.push('release');
    this.become('thinking');
  }

  interrupt() {
    this.calls.push('interrupt');
    this.become('listening');
  }

  write(text) {
    this.calls.push(`write ${text}`);
    this.add({ role: 'user', text, closed: true });
  }

  configure(options) {
    this.options = options;
    this.calls.push('configure');
  }

  become(state) {
    this.state = state;
    this.dispatchEvent(new Event('state'));
  }

  /** @param {...object} turns as `Talker.turns` has them; what is missing is the usual. */
  add(...turns) {
    for (const turn of turns) {
      const id = `turn-${this.turns.length}`;
      const usual = { id, text: '', heard: turn.text ?? '', unheard: '', closed: true, at: 1.7e9 };
      this.turns.push({ ...usual, ...turn });
    }
    this.dispatchEvent(new Event('change'));
  }
}
