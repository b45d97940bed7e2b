/* Not a module, so that it runs before the first paint: the colours that the person chose. */
try {
  const chosen = JSON.parse(localStorage.getItem('streamkit'))?.theme;
  if (chosen === 'dark' || chosen === 'light') {
    document.documentElement.dataset.theme = chosen;
  }
} catch {
  // Without storage the page looks as the system does.
}
