/** A captioner that says what a test tells it. */

export class Captioner extends EventTarget {
  constructor({ options }) {
    super();
    this.options = options;
    this.state = 'idle';
    this.lag = 286;
    this.overload = null;
    this.painted = [];
    this.captions = { lines: [], committed: '', tentative: '' };
  }

  async start() {
    this.become('live');
  }

  async stop() {
    this.become('idle');
  }

  shown(caption) {
    this.painted.push(caption);
  }

  become(state) {
    this.state = state;
    this.dispatchEvent(new Event('state'));
  }

  /** @param {object} captions `lines` are added, the others replaced. */
  say({ lines = [], committed = '', tentative = '' }) {
    for (const text of lines) {
      const id = this.captions.lines.length;
      const start = id * 4 + 0.5;
      const words = text.split(' ').map((word, place) => ({
        text: word,
        start: start + place * 0.3,
        end: start + place * 0.3 + 0.25,
      }));
      const end = words[words.length - 1].end;
      this.captions.lines.push({ id, start, end, text, words, language: 'en', at: 1.7e9 + end });
    }
    this.captions.committed = committed;
    this.captions.tentative = tentative;
    this.dispatchEvent(Object.assign(new Event('change'), { caption: this.painted.length + 1 }));
    this.dispatchEvent(new Event('latency'));
  }

  notice(level, text) {
    this.dispatchEvent(Object.assign(new Event('notice'), { level, text }));
  }
}
