/** The page: makes what it is made of, and ties it together. */

import { SessionTrace } from './app/session_trace.js';
import { catalogue } from './net/catalogue.js';
import { Credentials, KeyNeeded } from './net/credentials.js';
import { Microphone } from './sound/microphone.js';
import { Speaker } from './sound/speaker.js';
import { CaptionSettings } from './views/caption_settings.js';
import { beginCaptionTools } from './views/caption_tools.js';
import { CaptionView } from './views/captions.js';
import { DevicePicker } from './views/devices.js';
import { Dock } from './views/dock.js';
import { byId } from './views/dom.js';
import { KeyForm } from './views/key.js';
import { beginLevel } from './views/level.js';
import { dismiss, notify } from './views/notices.js';
import { PushToTalk } from './views/push.js';
import { Session } from './views/session.js';
import { Tabs } from './views/tabs.js';
import { TalkSettings } from './views/talk_settings.js';
import { beginTheme } from './views/theme.js';
import { TurnsView } from './views/turns.js';

/** Width from which settings stand beside the text; style.css has the same. */
const WIDE = matchMedia('(min-width: 60.01rem)');

const credentials = new Credentials();
const microphone = new Microphone();
const speaker = new Speaker();
const trace = new SessionTrace();

const tabs = new Tabs();
const captions = new CaptionView();
const turns = new TurnsView();
const captionSettings = new CaptionSettings();
const talkSettings = new TalkSettings();
const devices = new DevicePicker();
const keyForm = new KeyForm(credentials);
const session = new Session({ microphone, speaker, credentials, trace }, () => devices.deviceId);
const dock = new Dock({
  session,
  microphone,
  pushes: () => talkSettings.pushToTalk,
  toggle: () => (session.runs ? session.stop() : start(offered())),
  offered,
});
let latency = null;

/** What the person wanted when a key was missing. */
let wanted = null;

function offered() {
  return tabs.shown === 'captions' ? 'captions' : 'talk';
}

function start(kind) {
  dismiss('start');
  return kind === 'captions'
    ? session.startCaptions(captionSettings.options)
    : session.startTalk(talkSettings.options);
}

async function learn() {
  try {
    const known = await catalogue(credentials);
    captionSettings.offer(known);
    talkSettings.offer(known);
    trace.facts = { version: known.version, recognizer: known.recognizer };
    dismiss('server');
    return true;
  } catch (error) {
    tell(error, 'server');
    return false;
  }
}

function tell(error, topic) {
  if (error instanceof KeyNeeded) {
    keyForm.ask(error.given ? error.message : '');
    return;
  }
  notify('error', error.message, topic);
}

/** What a session cannot change needs a new one; the agent is told what was said before. */
function changeTalk(options) {
  const before = session.talker.options;
  const optional = ['voice', 'language', 'instructions'];
  const taken = optional.some((name) => before[name] && !options[name]);
  if (taken || before.model !== options.model) {
    void session.restart(options);
  } else {
    session.talker.configure(options);
  }
}

async function showLatency() {
  if (tabs.shown !== 'latency') {
    return;
  }
  if (!latency) {
    const { LatencyView } = await import('./views/latency.js');
    latency ??= new LatencyView(trace);
  }
  latency.draw();
}

/**
 * The button that was pressed may be gone, or not be the one that is wanted next.
 *
 * @param {boolean} fresh whether something has just begun or ended.
 */
function passFocusOn(fresh) {
  const focused = document.activeElement;
  const holds = !byId('hold').hidden && !session.opening;
  if (!focused.checkVisibility() || (holds && focused === byId('toggle') && fresh)) {
    byId(holds ? 'hold' : 'toggle').focus();
  }
}

function foldSettings() {
  for (const settings of document.querySelectorAll('.settings')) {
    settings.open = WIDE.matches;
  }
}

beginTheme();
beginCaptionTools(captions);
beginLevel(microphone);
foldSettings();
WIDE.addEventListener('change', foldSettings);

const push = new PushToTalk(() =>
  session.kind === 'talk' && session.state !== 'connecting' ? session.talker : null
);

byId('start-captions').addEventListener('click', () => start('captions'));
byId('start-talk').addEventListener('click', () => start('talk'));
byId('lag').addEventListener('click', () => tabs.show('latency'));

tabs.addEventListener('change', () => {
  dock.show();
  void showLatency();
});
document.addEventListener('visibilitychange', () => latency?.draw());
void showLatency();

session.addEventListener('problem', ({ error }) => {
  wanted = error instanceof KeyNeeded ? offered() : null;
  tell(error, 'start');
});
session.addEventListener('notice', ({ level, text }) => notify(level, text));
session.addEventListener('captioner', () => {
  const { captioner } = session;
  captions.show(captioner);
  captioner.addEventListener('latency', () => dock.showDelay(captioner.lag));
});
session.addEventListener('talker', () => {
  const { talker } = session;
  turns.show(talker);
  talker.addEventListener('latency', () => {
    dock.showDelay(talker.turns.findLast((turn) => turn.latency)?.latency.total);
  });
});
let running = null;
session.addEventListener('change', () => {
  byId('composer').hidden = session.kind !== 'talk' || session.opening;
  const now = session.opening ? null : session.kind;
  const fresh = now !== running;
  if (fresh) {
    running = now;
    push.release();
    void devices.refresh();
  }
  passFocusOn(fresh);
});
microphone.addEventListener('muted', () => dock.show());
speaker.addEventListener('blocked', () => {
  const text = 'The browser wants a click before it makes a sound. Click anywhere in the page.';
  notify('warning', text, 'blocked');
  const open = () => {
    dismiss('blocked');
    void speaker.open();
  };
  document.addEventListener('click', open, { once: true });
});

turns.addEventListener('latency', async ({ turn }) => {
  tabs.show('latency');
  await showLatency();
  latency.choose(turn);
});
byId('composer').addEventListener('submit', (event) => {
  event.preventDefault();
  const field = byId('composer').elements.text;
  const text = field.value.trim();
  if (text && session.talker) {
    session.talker.write(text);
    field.value = '';
  }
});

captionSettings.addEventListener('change', () => {
  if (session.kind === 'captions') {
    void session.restart(captionSettings.options);
  }
});
talkSettings.addEventListener('change', () => {
  push.release();
  if (session.kind === 'talk' && session.talker) {
    changeTalk(talkSettings.options);
  }
  dock.show();
});
devices.addEventListener('change', () => {
  if (session.runs) {
    const { deviceId } = devices;
    if (!deviceId) {
      // To whoever holds a device, any device is right: so that it is chosen anew.
      microphone.close();
    }
    microphone.open({ deviceId }).catch((error) => tell(error, 'start'));
  }
});
keyForm.addEventListener('given', async () => {
  if ((await learn()) && wanted) {
    const kind = wanted;
    wanted = null;
    await start(kind);
  }
});

// For tests and for the curious; nothing of the page reads it.
window.streamkit = {
  microphone,
  speaker,
  trace,
  get captioner() {
    return session.captioner;
  },
  get talker() {
    return session.talker;
  },
};

void learn();
