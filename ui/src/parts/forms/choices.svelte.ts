/** What fields can be chosen from: loaded once a page, when a field asks for it. */
import { SvelteMap } from 'svelte/reactivity'
import { send } from '../../api/client'
import type { BlockDocument, Variable } from '../../api/schema'

const loaded = new SvelteMap<string, unknown[]>()
const asked = new Map<string, number>()
/** How long a choice is good for: another tab may have added to it. */
const KEEP_MS = 10_000

function load<T>(key: string, path: string, body: unknown): T[] | undefined {
  const before = asked.get(key)
  if (before === undefined || before + KEEP_MS < Date.now()) {
    asked.set(key, Date.now())
    send<T[]>('POST', path, body).then(
      (rows) => loaded.set(key, rows),
      () => loaded.set(key, []),
    )
  }
  return loaded.get(key) as T[] | undefined
}

export const choices = {
  variables: () => load<Variable>('variables', '/variables/filter', { sort: 'NAME_ASC', limit: 200 }),
  blocks: (slug: string) =>
    load<BlockDocument>(`blocks/${slug}`, '/block_documents/filter', {
      block_types: { slug: { any_: [slug] } },
      block_documents: { is_anonymous: { eq_: false } },
      include_secrets: false,
      sort: 'NAME_ASC',
      limit: 200,
    }),
}
