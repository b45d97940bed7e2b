/**
 * Injected before the page's own scripts: when captions come, and when they can be read.
 *
 * Each socket is listened to before the page can do so. What the page writes is noticed by a
 * MutationObserver, which runs before the frame is painted; a message that is posted then comes
 * behind it, and `frame` is when the next frame begins: by then the one before has been painted.
 */
(() => {
  const found = { arrivals: [], paints: [] };
  window.benchmarkCaptions = found;

  window.WebSocket = class extends WebSocket {
    constructor(...given) {
      super(...given);
      this.addEventListener('message', ({ data }) => {
        const at = performance.now();
        const wire = typeof data === 'string' ? JSON.parse(data) : {};
        const words = wire.type === 'Results' ? wire.channel.alternatives[0].words : [];
        if (words.length) {
          const latency = wire.streamkit?.latency;
          found.arrivals.push({
            at,
            text: words.map((word) => word.punctuated_word ?? word.word).join(' '),
            sent: latency ? latency.received_at * 1000 + (latency.emit_ms ?? 0) : null,
          });
        }
      });
    }
  };

  /** The newest line and the one that grows, as a person reads them. */
  function screen() {
    const line = document.getElementById('captions-lines').lastElementChild;
    const parts = line ? [...line.childNodes].filter((node) => node.nodeName !== 'TIME') : [];
    parts.push(document.getElementById('captions-current'));
    return parts.map((part) => part.textContent).join(' ').split(/\s+/).join(' ').trim();
  }

  document.addEventListener('DOMContentLoaded', () => {
    const observer = new MutationObserver(() => {
      const paint = { at: performance.now(), text: screen(), painted: null, frame: null };
      found.paints.push(paint);
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        paint.painted = performance.now();
      };
      port2.postMessage(null);
      requestAnimationFrame((begun) => (paint.frame = Math.max(begun, paint.at)));
    });
    for (const id of ['captions-lines', 'captions-current']) {
      const options = { childList: true, characterData: true, subtree: true };
      observer.observe(document.getElementById(id), options);
    }
  });
})();
