/** Keys that work on every page, unless something is being typed. */
import { address } from '../routing/router.svelte'
import { NAVIGATION } from './navigation'
import { choose, preferences } from './preferences.svelte'

export interface KeyActions {
  openPalette: () => void
  openShortcuts: () => void
}

function isTyping(target: EventTarget | null): target is HTMLElement {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches('textarea, select, input:not([type=checkbox], [type=radio])'))
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
    if (event.key === 'Escape' && isTyping(event.target) && !event.defaultPrevented && !document.querySelector('dialog[open]')) {
      event.target.blur()
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
    else if (event.key === 'l' || event.key === 'h') moveTab(event.key === 'l' ? 1 : -1)
    else if (event.key === 'b') {
      left = location.pathname
      history.back()
    }
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

/** The path of the page that was left with `b`: `j` and `k` continue from its row. */
let left = ''

/** Move the focus to the link that a row of a table is about. */
function moveRow(by: number) {
  const links = [...document.querySelectorAll<HTMLElement>('main tbody tr')].flatMap((row) => row.querySelector<HTMLAnchorElement>('a.run') ?? row.querySelector<HTMLAnchorElement>('td a') ?? [])
  const focused = links.findIndex((link) => link === document.activeElement)
  const at = focused < 0 ? links.findIndex((link) => link.pathname === left) : focused
  links[Math.min(links.length - 1, Math.max(0, at + by))]?.focus()
}

/** Open the tab before or after the present one. */
function moveTab(by: number) {
  const tabs = [...document.querySelectorAll<HTMLElement>('main [role="tab"]')]
  const at = tabs.findIndex((tab) => tab.ariaSelected === 'true')
  tabs[(at + by + tabs.length) % tabs.length]?.click()
}
