/**
 * Injected before the page's own scripts: when the page can be used, and that it can be.
 *
 * The last thing that the page's main script does is to set `window.streamkit`, so that is noticed.
 * In the first task after that script the start button is clicked, and what the page then says of
 * its state is waited for, and for the frame in which that is painted.
 */
(() => {
  const found = { ready: null, clicked: null, reacted: null, painted: null };
  window.benchmarkReady = found;

  /** Call back when what is being done now is done. */
  function later(work) {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      work();
    };
    port2.postMessage(null);
  }

  function click() {
    const observer = new MutationObserver(() => {
      observer.disconnect();
      found.reacted = performance.now();
      requestAnimationFrame(() => later(() => (found.painted = performance.now())));
    });
    const state = document.getElementById('state');
    observer.observe(state, { childList: true, characterData: true, subtree: true });
    found.clicked = performance.now();
    document.getElementById('start-captions').click();
  }

  let given;
  Object.defineProperty(window, 'streamkit', {
    configurable: true,
    get: () => given,
    set: (value) => {
      given = value;
      found.ready = performance.now();
      later(click);
    },
  });
})();
