// The colours that the visitor chose, before anything is painted. A classic script
// of a few lines: a module would come after the first picture.
(() => {
  'use strict';
  let chosen = null;
  try {
    chosen = localStorage.getItem('voile-demo-theme');
  } catch { /* storage is blocked: the system's colours */ }
  document.documentElement.dataset.theme = chosen === 'light' || chosen === 'dark' ? chosen : 'auto';
  // Ada's tab and Ben's have colours of their own, so that they are told apart.
  const who = new URLSearchParams(location.search).get('who') ?? 'a';
  document.documentElement.dataset.person = String(Math.max(0, 'abcd'.indexOf(who[0])));
})();
