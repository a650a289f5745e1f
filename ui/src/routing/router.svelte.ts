/** The current address, and moving to another one without loading the document again. */
import { tick } from 'svelte'
import { resolveAlias } from './match'

const root = new URL(document.baseURI).pathname

class Address {
  path = $state('')
  query = $state(new URLSearchParams())

  constructor() {
    this.read()
    addEventListener('popstate', () => this.read())
    document.addEventListener('click', (event) => this.follow(event))
  }

  private read() {
    const path = location.pathname.startsWith(root) ? location.pathname.slice(root.length) : ''
    const resolved = resolveAlias(path)
    if (resolved !== path) history.replaceState(null, '', root + resolved + location.search)
    this.path = resolved
    this.query = new URLSearchParams(location.search)
  }

  /** Move to an address below the root, for instance `runs?q=state:failed`. */
  go(address: string, replace = false) {
    const before = this.path
    history[replace ? 'replaceState' : 'pushState'](null, '', root + address)
    this.read()
    if (!replace && this.path !== before) {
      void tick().then(() => {
        scrollTo(0, 0)
        document.querySelector<HTMLElement>('main')?.focus({ preventScroll: true })
      })
    }
  }

  /** Change parts of the query; an empty value removes a part. */
  set(parts: Record<string, string | null>, replace = true) {
    const query = new URLSearchParams(this.query)
    for (const [name, value] of Object.entries(parts)) {
      if (value) query.set(name, value)
      else query.delete(name)
    }
    const text = query.toString()
    this.go(this.path + (text ? `?${text}` : ''), replace)
  }

  private follow(event: MouseEvent) {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return
    const link = (event.target as Element).closest?.('a')
    if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return
    if (!link.pathname.startsWith(root) || link.pathname.startsWith(root + 'api/') || link.dataset.plain) return
    event.preventDefault()
    this.go(link.pathname.slice(root.length) + link.search)
  }
}

export const address = new Address()

/** Return the link to an address below the root. */
export function to(path: string, query?: Record<string, string>): string {
  const text = query ? new URLSearchParams(query).toString() : ''
  return root + path + (text ? `?${text}` : '')
}
