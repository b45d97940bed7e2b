/** Two harmless tools that the page offers to the agent, so that tool calls can be seen. */

const THEMES = ['light', 'dark'];

/** As the protocol wants them declared. */
export const TOOLS = Object.freeze([
  {
    name: 'get_time',
    description: 'Tells the date and the time where the person is.',
    parameters: { type: 'object', properties: {}, additionalProperties: false },
  },
  {
    name: 'set_page_theme',
    description: 'Makes the page that the person looks at light or dark.',
    parameters: {
      type: 'object',
      properties: { theme: { type: 'string', enum: THEMES } },
      required: ['theme'],
      additionalProperties: false,
    },
  },
]);

/**
 * Do what a tool is for.
 *
 * @param {string} name
 * @param {string} given JSON, as the model wrote it.
 * @returns {string} what the model is told, JSON too; errors are told in the same way.
 */
export function useTool(name, given) {
  try {
    return JSON.stringify(use(name, JSON.parse(given || '{}')));
  } catch (error) {
    return JSON.stringify({ error: error.message });
  }
}

function use(name, { theme }) {
  switch (name) {
    case 'get_time':
      return { time: new Date().toLocaleString('en', { dateStyle: 'full', timeStyle: 'short' }) };
    case 'set_page_theme':
      if (!THEMES.includes(theme)) {
        throw new Error(`the theme ${JSON.stringify(theme)} was given; accepted: light, dark`);
      }
      document.documentElement.dataset.theme = theme;
      return { theme };
    default:
      throw new Error(`there is no tool ${name}; there are get_time and set_page_theme`);
  }
}
