/** Keys that work on every page, unless something is being typed. */
import { address } from '../routing/router.svelte'
import { NAVIGATION } from './navigation'
import { choose, preferences } from './preferences.svelte'

export interface KeyActions {
  openPalette: () => void
  openShortcuts: () => void
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
}

/** Listen to keys; return what ends it. */
export function listenToKeys(actions: KeyActions): () => void {
  let goUntil = 0
  function key(event: KeyboardEvent) {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
      event.preventDefault()
      actions.openPalette()
      return
    }
    if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return
    if (Date.now() < goUntil) {
      const page = NAVIGATION.find((each) => each.key === event.key)
      goUntil = 0
      if (page) {
        address.go(page.path)
        return
      }
    }
    if (event.key === 'g') goUntil = Date.now() + 2500
    else if (event.key === '?') actions.openShortcuts()
    else if (event.key === '/') focusFilter(event, actions)
    else if (event.key === 'u') choose({ zone: preferences.zone === 'utc' ? 'local' : 'utc' })
    else if (press(event.key)) event.preventDefault()
    else if (event.key === 'j' || event.key === 'k') moveRow(event.key === 'j' ? 1 : -1)
  }
  addEventListener('keydown', key)
  return () => removeEventListener('keydown', key)
}

/** Press what a page has for a key. */
function press(key: string): boolean {
  const target = /^[a-z]$/.test(key) ? document.querySelector<HTMLElement>(`main [data-key="${key}"]:not(:disabled)`) : null
  target?.click()
  return Boolean(target)
}

function focusFilter(event: KeyboardEvent, actions: KeyActions) {
  event.preventDefault()
  const field = document.querySelector<HTMLInputElement>('main [data-shortcut]')
  if (field) field.focus()
  else actions.openPalette()
}

/** Move the focus to the link that a row of a table is about. */
function moveRow(by: number) {
  const links = [...document.querySelectorAll<HTMLElement>('main tbody tr')].flatMap((row) => row.querySelector<HTMLElement>('a.run') ?? row.querySelector<HTMLElement>('td a') ?? [])
  const at = links.findIndex((link) => link === document.activeElement)
  links[Math.min(links.length - 1, Math.max(0, at + by))]?.focus()
}
