/** Triggers and actions of automations in words. */
import { readTrigger, TEMPLATES } from './definition'

export interface Trigger {
  type: string
  posture?: string
  expect?: string[]
  after?: string[]
  match?: Record<string, string | string[]>
  match_related?: Record<string, string | string[]> | Record<string, string | string[]>[]
  threshold?: number
  within?: number | null
  triggers?: Trigger[]
  require?: string | number
  for_each?: string[]
  metric?: { name: string; operator: string; threshold: number; range: number; firing_for: number }
}

export interface Action {
  type: string
  [name: string]: unknown
}

const list = (words: string[], joint = 'or') => (words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} ${joint} ${words.at(-1)}`)

function values(labels: Trigger['match']): string[] {
  return Object.values(labels ?? {}).flat()
}

/** Return a resource as `flow nightly-etl` where its name is known, else its id. */
function nameResource(id: string, names: Map<string, string>): string {
  const [, kind, object] = /^prefect\.([a-z-]+)\.([0-9a-f-]{36})$/.exec(id) ?? []
  const name = object && names.get(object)
  return kind && name ? `${kind.replaceAll('-', ' ')} ${name}` : id
}

const KINDS: Record<string, string> = { 'flow-run': 'a flow run', deployment: 'a deployment', 'work-pool': 'a work pool', 'work-queue': 'a work queue' }

/** Return what a trigger of a template says; `names` are those of objects, by their ids. */
function describeStatus(trigger: Trigger, names: Map<string, string>): string | undefined {
  const read = readTrigger(trigger)
  if (!read?.shown.statuses.length) return undefined
  const { kind, shown } = read
  const named = (ids: string[]) => list(ids.map((id) => names.get(id) ?? id))
  const words = new Map(TEMPLATES[kind]!.statuses)
  const who = shown.objects.length ? `${KINDS[kind]!.slice(2)} ${named(shown.objects)}` : KINDS[kind]
  const of = `${shown.flows.length ? ` of ${named(shown.flows)}` : ''}${shown.tags.length ? ` tagged ${list(shown.tags)}` : ''}`
  return `${who}${of} ${shown.stays ? 'stays' : 'becomes'} ${list(shown.statuses.map((status) => words.get(status) ?? status))}${shown.stays ? ` for ${formatSeconds(shown.stays)}` : ''}`
}

/** Return a trigger as a sentence; `names` are those of objects, by their ids. */
export function describeTrigger(trigger: Trigger, names = new Map<string, string>()): string {
  const status = describeStatus(trigger, names)
  if (status) return status
  if (trigger.triggers) {
    const parts = trigger.triggers.map((each) => describeTrigger(each, names))
    const time = trigger.within ? ` within ${formatSeconds(trigger.within)}` : ''
    if (trigger.type === 'sequence') return `First ${parts.map((part) => lower(part)).join(', then ')}${time}`
    return `${trigger.require === 'any' ? 'Any of' : trigger.require === 'all' || trigger.require === undefined ? 'All of' : `${trigger.require} of`}: ${parts.join('; ')}${time}`
  }
  if (trigger.metric) {
    const { name, operator, threshold, range, firing_for } = trigger.metric
    const limit = name === 'successes' ? `${threshold} %` : formatSeconds(threshold)
    return `the ${name === 'successes' ? 'share of successes' : name} of flow runs over ${formatSeconds(range)} is ${operator} ${limit} for ${formatSeconds(firing_for)}`
  }
  const related = [trigger.match_related ?? {}].flat().flatMap(({ 'prefect.resource.role': _, ...labels }) => values(labels))
  const about = [...values(trigger.match), ...related].filter((value) => !/^prefect\.[a-z-]+\.\*$/.test(value)).map((value) => nameResource(value, names))
  const of = about.length ? ` of ${list(about)}` : ''
  const events = trigger.expect?.length ? list(trigger.expect) : 'any event'
  const often = (trigger.threshold ?? 1) > 1 ? ` ${trigger.threshold} times` : ''
  const time = trigger.within ? ` within ${formatSeconds(trigger.within)}` : ''
  if (trigger.posture === 'Proactive') return `${events}${of} does not happen${often}${time}${trigger.after?.length ? ` after ${list(trigger.after)}` : ''}`
  return `${events}${of} happens${often}${time}${trigger.after?.length ? ` after ${list(trigger.after)}` : ''}`
}

const lower = (text: string) => text.charAt(0).toLowerCase() + text.slice(1)

export function formatSeconds(seconds: number): string {
  if (seconds % 3600 === 0) return `${seconds / 3600} h`
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`
}

/** Return an action in words; `names` are those of objects, by their ids. */
export function describeAction(action: Action, names = new Map<string, string>()): string {
  const words = action.type.replaceAll('-', ' ')
  if (action.type === 'change-flow-run-state') return `change the state of the flow run to ${String(action.name ?? action.state)}`
  if (action.type === 'send-notification') return `send a notification${action.subject ? ` “${String(action.subject)}”` : ''}`
  const target = ['deployment_id', 'work_pool_id', 'work_queue_id', 'automation_id', 'block_document_id'].map((name) => action[name]).find(Boolean)
  const name = target ? names.get(String(target)) : undefined
  return name ? `${words} ${name}` : words
}
