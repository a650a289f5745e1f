/** The types of states: how each is drawn and called. */
export const STATES: Record<string, { name: string; sign: string; color: string }> = {
  COMPLETED: { name: 'Completed', sign: '✓', color: 'completed' },
  FAILED: { name: 'Failed', sign: '✕', color: 'failed' },
  CRASHED: { name: 'Crashed', sign: '!', color: 'crashed' },
  RUNNING: { name: 'Running', sign: '▶', color: 'running' },
  PENDING: { name: 'Pending', sign: '◌', color: 'pending' },
  SCHEDULED: { name: 'Scheduled', sign: '◷', color: 'scheduled' },
  PAUSED: { name: 'Paused', sign: 'Ⅱ', color: 'paused' },
  CANCELLING: { name: 'Cancelling', sign: '⊘', color: 'cancelled' },
  CANCELLED: { name: 'Cancelled', sign: '⊘', color: 'cancelled' },
}

export const TERMINAL = ['COMPLETED', 'FAILED', 'CRASHED', 'CANCELLED']

/** Return the value of a token, for drawing on a canvas. */
export function tokenColor(name: string): string {
  const probe = document.createElement('i')
  probe.style.color = `var(--${name})`
  document.body.append(probe)
  const color = getComputedStyle(probe).color
  probe.remove()
  return color
}

/** Return the fill colours of all types of states, as they are in the current theme. */
export function stateColors(): Record<string, string> {
  return Object.fromEntries(Object.entries(STATES).map(([type, { color }]) => [type, tokenColor(`${color}-fill`)]))
}
