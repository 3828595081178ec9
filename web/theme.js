// Runs before the first paint, so that a remembered theme does not flash the other one. A plain script, no module, for that reason.
(() => {
  try {
    const theme = localStorage.getItem('eidetic.theme');
    if (theme === 'dark' || theme === 'light') document.documentElement.dataset.theme = theme;
  } catch {
    // Storage may be forbidden; the system's theme applies then.
  }
})();
