// Keys, for those who do not use a pointer.

/**
 * listen makes single letters do things, outside text fields and only while the
 * visitor wants it; Escape leaves a text field.
 * @param {Record<string, () => void>} does by letter
 * @param {{home: Element, dialog: HTMLDialogElement, letters: HTMLInputElement}} parts
 */
export function listen(does, { dialog, letters }) {
  const kept = 'voile-demo-letters';
  try {
    letters.checked = localStorage.getItem(kept) !== 'off';
  } catch { /* storage is blocked */ }
  letters.addEventListener('change', () => {
    try {
      localStorage.setItem(kept, letters.checked ? 'on' : 'off');
    } catch { /* as long as the page lives, then */ }
  });
  document.addEventListener('keydown', (e) => {
    const field = e.target.closest?.('input:not([type=checkbox]), textarea');
    if (e.key === 'Escape' && field) {
      field.closest('section')?.focus();
      return;
    }
    if (field || dialog.open || e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return;
    if (!letters.checked && e.key !== '?') return;
    const act = does[e.key.toLowerCase()];
    if (!act) return;
    e.preventDefault();
    act();
  });
}
