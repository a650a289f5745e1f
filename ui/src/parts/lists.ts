/** What lists of objects have in common. */
import { choose, preferences } from '../frame/preferences.svelte'
import type { ListRequest } from '../live/list-data.svelte'
import { address } from '../routing/router.svelte'

/** The orders of lists of named objects. */
export const LIST_SORTS: [string, string][] = [
  ['name', 'A to Z'],
  ['-name', 'Z to A'],
  ['-created', 'Newest first'],
  ['-updated', 'Changed last'],
]

/** Return the order of a list: that of the address, or the one that was chosen last. */
export function readSort(list: string, otherwise: string): string {
  return address.query.get('sort') ?? preferences.sorts[list] ?? otherwise
}

/** Sort a list, now and on later visits. */
export function chooseSort(list: string, sort: string) {
  choose({ sorts: { ...preferences.sorts, [list]: sort } })
  address.set({ sort, page: null })
}

/** Return a request for a page of the objects that match a filter, and for their number. */
export function requestPage(path: string, filter: object, more: object): ListRequest {
  const size = preferences.pageSize
  return { path: `${path}/filter`, body: { ...filter, ...more, limit: size, offset: (readPage() - 1) * size }, count: { path: `${path}/count`, body: filter } }
}

/** Return the number of the page that the address has under a name, from 1. */
export function readPage(name = 'page'): number {
  return Math.max(1, Math.floor(Number(address.query.get(name))) || 1)
}
