/** Which page an address opens. The folders of `pages/` mirror the addresses: `[id]` stands for any word. */

export interface Route {
  words: string[]
  key: string
}

export interface Match {
  key: string
  params: Record<string, string>
}

/** Return the routes of page files such as `../pages/runs/flow-run/[id]/Page.svelte`. */
export function listRoutes(files: string[]): Route[] {
  const routes = files.map((key) => {
    const folder = key.replace(/^.*\/pages\//, '').replace(/\/?Page\.svelte$/, '')
    return { key, words: folder === '' ? [] : folder.split('/') }
  })
  // A literal segment takes precedence over a parameter.
  const rank = (route: Route) => route.words.map((word) => (word.startsWith('[') ? '1' : '0')).join('')
  return routes.sort((a, b) => rank(a).localeCompare(rank(b)))
}

/** Return the page of a path below the root, or undefined when there is none. */
export function matchPath(routes: Route[], path: string): Match | undefined {
  const words = path.split('/').filter(Boolean)
  for (const route of routes) {
    if (route.words.length !== words.length) continue
    const params: Record<string, string> = {}
    const fits = route.words.every((word, n) => {
      const given = words[n] as string
      if (!word.startsWith('[')) return word === given
      params[word.slice(1, -1)] = decodeURIComponent(given)
      return true
    })
    if (fits) return { key: route.key, params }
  }
  return undefined
}

/** Addresses of the original's pages that have another name here, as prefixes. */
const ALIASES: [RegExp, string][] = [
  [/^flow-runs\/(flow-run|task-run)\//, 'runs/$1/'],
  [/^flow-runs\/?$/, 'runs'],
]

/** Return the path that an older address stands for, or the same path. */
export function resolveAlias(path: string): string {
  for (const [pattern, replacement] of ALIASES) {
    if (pattern.test(path)) return path.replace(pattern, replacement)
  }
  return path
}
