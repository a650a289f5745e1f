/** What the resources of events are called, and the pages that show them. */
import { to } from '../../routing/router.svelte'

type Labels = Record<string, string>

const PAGES: Record<string, string> = {
  'flow-run': 'runs/flow-run/',
  'task-run': 'runs/task-run/',
  flow: 'flows/flow/',
  deployment: 'deployments/deployment/',
  automation: 'automations/automation/',
  'block-document': 'blocks/block/',
  'concurrency-limit': 'concurrency-limits/concurrency-limit/',
}

export function nameOf(resource: Labels): string {
  const id = resource['prefect.resource.id'] ?? ''
  const name = resource['prefect.resource.name']
  const kind = id.replace(/^prefect\./, '').replace(/\.[^.]*$/, '')
  return name ? `${kind} ${name}` : id
}

export function linkOf(resource: Labels): string | undefined {
  const id = resource['prefect.resource.id'] ?? ''
  const found = /^prefect\.([a-z-]+)\.([0-9a-f-]{36})$/.exec(id)
  const name = resource['prefect.resource.name']
  if (found?.[1] === 'work-pool' && name) return to(`work-pools/work-pool/${encodeURIComponent(name)}`)
  if (found?.[1] === 'variable') return to('variables')
  if (id.startsWith('prefect.artifact-collection.')) return to(`artifacts/key/${encodeURIComponent(name ?? id.split('.')[2]!)}`)
  const page = found ? PAGES[found[1] as string] : undefined
  return page ? to(page + (found?.[2] as string)) : undefined
}
