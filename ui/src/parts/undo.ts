/** What takes changes back: requests that send what was before. */
import type { Change } from '../api/client'

type Values = Record<string, unknown>

/** Return the fields of an object that a request sends; null for those that it has not. */
export function pick(from: object, names: readonly string[]): Values {
  return Object.fromEntries(names.map((name) => [name, (from as Values)[name] ?? null]))
}

/** Return the change that sets what a change sets to what it was before. */
export function undoOf(change: Change, before: object): Change {
  return { ...change, body: pick(before, Object.keys(change.body as Values)) }
}

/** Return the change that makes a variable again, under another id: programs know it by its name. */
export function remakeVariable(variable: object): Change {
  return { method: 'POST', path: '/variables/', body: pick(variable, ['name', 'value', 'tags']) }
}

/** Return the change that makes a schedule of a deployment again. */
export function remakeSchedule(deployment: string, schedule: object): Change {
  return { method: 'POST', path: `/deployments/${deployment}/schedules`, body: [pick(schedule, ['schedule', 'active', 'parameters', 'slug'])] }
}

const DEFINITION = ['name', 'description', 'enabled', 'tags', 'trigger', 'actions', 'actions_on_trigger', 'actions_on_resolve']

/** Return the change that makes an automation again, under another id and without what it did before. */
export function remakeAutomation(automation: object): Change {
  return { method: 'POST', path: '/automations/', body: pick(automation, DEFINITION) }
}

/** Return the change that makes a limit again; nothing for one whose slots are taken, or that belongs to a deployment. */
export function remakeLimit(limit: { name: string; active_slots: number }): Change | undefined {
  if (limit.name.startsWith('tag:') || limit.name.startsWith('deployment:') || limit.active_slots > 0) return undefined
  return { method: 'POST', path: '/v2/concurrency_limits/', body: pick(limit, ['name', 'limit', 'active', 'slot_decay_per_second']) }
}

/** Return the change that makes the limit of a tag again; nothing for one whose slots are taken. */
export function remakeTagLimit(limit: { active_slots?: unknown[] }): Change | undefined {
  return limit.active_slots?.length ? undefined : { method: 'POST', path: '/concurrency_limits/', body: pick(limit, ['tag', 'concurrency_limit']) }
}
