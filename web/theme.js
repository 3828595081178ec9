// Applies the stored theme. A classic script instead of a module, so that it runs before the first paint.
(() => {
  try {
    const theme = localStorage.getItem('eidetic.theme');
    if (theme === 'dark' || theme === 'light') document.documentElement.dataset.theme = theme;
  } catch {
    // Without access to storage the system's theme applies.
  }
})();
