/** What an automation is made of, its templates, and what is wrong with one. */
import type { Problem } from '../../parts/forms/validate'
import type { Action, Trigger } from './words'

export interface Definition {
  name: string
  description: string
  enabled: boolean
  tags: string[]
  trigger: Trigger
  actions: Action[]
  actions_on_trigger: Action[]
  actions_on_resolve: Action[]
}

export const ACTION_LISTS = ['actions', 'actions_on_trigger', 'actions_on_resolve'] as const

/** The kinds of triggers, and what each is called. */
export const TRIGGER_KINDS: [string, string][] = [
  ['flow-run', 'The state of a flow run changes'],
  ['deployment', 'The status of a deployment changes'],
  ['work-pool', 'The status of a work pool changes'],
  ['work-queue', 'The status of a work queue changes'],
  ['custom', 'Events happen, or do not happen'],
  ['metric', 'A metric crosses a limit'],
  ['compound', 'Several triggers fire'],
  ['sequence', 'Triggers fire one after the other'],
]

export interface Template {
  resource: string
  statuses: [string, string][]
}

/** Triggers on the status of one kind of object, and the events of its statuses. */
export const TEMPLATES: Record<string, Template> = {
  'flow-run': {
    resource: 'prefect.flow-run',
    statuses: ['Scheduled', 'Late', 'AwaitingRetry', 'Pending', 'Running', 'Retrying', 'Paused', 'Suspended', 'Cancelling', 'Cancelled', 'Completed', 'Failed', 'TimedOut', 'Crashed'].map((name) => [name, name.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()]),
  },
  deployment: { resource: 'prefect.deployment', statuses: [['ready', 'ready'], ['not-ready', 'not ready'], ['disabled', 'disabled']] },
  'work-pool': { resource: 'prefect.work-pool', statuses: [['ready', 'ready'], ['not-ready', 'not ready'], ['paused', 'paused']] },
  'work-queue': { resource: 'prefect.work-queue', statuses: [['ready', 'ready'], ['not-ready', 'not ready'], ['paused', 'paused']] },
}

/** What a template's form shows of its trigger. */
export interface StatusTrigger {
  statuses: string[]
  /** Seconds that the status must stay; 0 to fire when it is entered. */
  stays: number
  /** Ids of the objects themselves; none for any. */
  objects: string[]
  flows: string[]
  tags: string[]
}

const FOR_EACH = ['prefect.resource.id']
const MIN_PROACTIVE = 10

/** Return the trigger of what a template's form shows. */
export function buildTrigger(kind: string, shown: StatusTrigger): Trigger {
  const { resource } = TEMPLATES[kind] as Template
  const events = shown.statuses.map((status) => `${resource}.${status}`)
  // One of its own ids, or the flow and the tags of a run.
  const match = { 'prefect.resource.id': shown.objects.length ? shown.objects.map((id) => `${resource}.${id}`) : `${resource}.*` }
  const related = [
    ...(shown.flows.length ? [{ 'prefect.resource.role': 'flow', 'prefect.resource.id': shown.flows.map((id) => `prefect.flow.${id}`) }] : []),
    ...(shown.tags.length ? [{ 'prefect.resource.role': 'tag', 'prefect.resource.id': shown.tags.map((tag) => `prefect.tag.${tag}`) }] : []),
  ]
  const common = { type: 'event', match, match_related: related.length > 1 ? related : (related[0] ?? {}), for_each: FOR_EACH, threshold: 1 }
  if (!shown.stays) return { ...common, posture: 'Reactive', after: [], expect: events, within: 0 }
  return { ...common, posture: 'Proactive', after: events, expect: [`${resource}.*`], within: Math.max(MIN_PROACTIVE, shown.stays) }
}

/** Return what a template's form shows of a trigger, or undefined where it has more than that. */
export function readTrigger(trigger: Trigger): { kind: string; shown: StatusTrigger } | undefined {
  if (trigger.type !== 'event') return undefined
  for (const [kind, { resource }] of Object.entries(TEMPLATES)) {
    const strip = (values: unknown, prefix: string) => [values ?? []].flat().map((value) => String(value).replace(prefix, ''))
    const related = [trigger.match_related ?? {}].flat() as Record<string, unknown>[]
    const ofRole = (role: string) => related.find((labels) => labels['prefect.resource.role'] === role)?.['prefect.resource.id']
    const proactive = trigger.posture === 'Proactive'
    const shown: StatusTrigger = {
      statuses: strip(proactive ? trigger.after : trigger.expect, `${resource}.`),
      stays: proactive ? (trigger.within ?? 0) : 0,
      objects: strip(trigger.match?.['prefect.resource.id'], `${resource}.`).filter((id) => id !== '*'),
      flows: strip(ofRole('flow'), 'prefect.flow.'),
      tags: strip(ofRole('tag'), 'prefect.tag.'),
    }
    if (same(buildTrigger(kind, shown), trigger)) return { kind, shown }
  }
  return undefined
}

const COMPARED = ['match', 'match_related', 'for_each', 'threshold', 'posture', 'after', 'expect', 'within'] as const

function same(a: Trigger, b: Trigger): boolean {
  const plain = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.length === 1 ? plain(value[0]) : value.map(plain).sort()
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).sort().map(([key, each]) => [key, plain(each)]))
  }
  return COMPARED.every((name) => JSON.stringify(plain(a[name] ?? null)) === JSON.stringify(plain(b[name] ?? null)))
}

/** Return the kind under which the form shows a trigger. */
export function kindOfTrigger(trigger: Trigger): string {
  return trigger.type === 'event' ? (readTrigger(trigger)?.kind ?? 'custom') : trigger.type
}

const NOTHING: StatusTrigger = { statuses: [], stays: 0, objects: [], flows: [], tags: [] }

/** Return a new trigger of a kind. */
export function newTrigger(kind: string): Trigger {
  switch (kind) {
    case 'custom':
      return { type: 'event', posture: 'Reactive', expect: [], after: [], match: { 'prefect.resource.id': '*' }, match_related: {}, for_each: [], threshold: 1, within: 0 }
    case 'metric':
      return { type: 'metric', posture: 'Metric', match: { 'prefect.resource.id': 'prefect.flow-run.*' }, match_related: {}, metric: { name: 'duration', operator: '>', threshold: 600, range: 3600, firing_for: 300 } }
    case 'compound':
      return { type: 'compound', require: 'all', within: 3600, triggers: [newTrigger('flow-run'), newTrigger('flow-run')] }
    case 'sequence':
      return { type: 'sequence', within: 3600, triggers: [newTrigger('flow-run'), newTrigger('flow-run')] }
    default:
      return buildTrigger(kind, { ...NOTHING, statuses: kind === 'flow-run' ? ['Failed', 'Crashed'] : ['not-ready'] })
  }
}

export function newDefinition(): Definition {
  return { name: '', description: '', enabled: true, tags: [], trigger: newTrigger('flow-run'), actions: [], actions_on_trigger: [], actions_on_resolve: [] }
}

/** The actions; `target` is what one acts on, which can be selected or be that of the event. */
export const ACTIONS: Record<string, { words: string; target?: 'deployment' | 'work_pool' | 'work_queue' | 'automation' }> = {
  'send-notification': { words: 'Send a notification' },
  'call-webhook': { words: 'Call a webhook' },
  'run-deployment': { words: 'Run a deployment', target: 'deployment' },
  'pause-deployment': { words: 'Pause a deployment', target: 'deployment' },
  'resume-deployment': { words: 'Resume a deployment', target: 'deployment' },
  'cancel-flow-run': { words: 'Cancel the flow run' },
  'suspend-flow-run': { words: 'Suspend the flow run' },
  'resume-flow-run': { words: 'Resume the flow run' },
  'change-flow-run-state': { words: 'Change the state of the flow run' },
  'delete-flow-run': { words: 'Delete the flow run' },
  'pause-work-pool': { words: 'Pause a work pool', target: 'work_pool' },
  'resume-work-pool': { words: 'Resume a work pool', target: 'work_pool' },
  'pause-work-queue': { words: 'Pause a work queue', target: 'work_queue' },
  'resume-work-queue': { words: 'Resume a work queue', target: 'work_queue' },
  'pause-automation': { words: 'Turn an automation off', target: 'automation' },
  'resume-automation': { words: 'Turn an automation on', target: 'automation' },
  'do-nothing': { words: 'Do nothing but record that it fired' },
}

/** Return a new action of a type. */
export function newAction(type: string): Action {
  if (type === 'send-notification') return { type, block_document_id: '', subject: 'Prefect flow run notification', body: 'Flow run {{ flow.name }}/{{ flow_run.name }} is {{ flow_run.state.name }}.\n{{ flow_run|ui_url }}' }
  if (type === 'call-webhook') return { type, block_document_id: '', payload: '' }
  if (type === 'change-flow-run-state') return { type, state: 'CANCELLED', name: null, message: null, force: false }
  const target = ACTIONS[type]?.target
  return target ? { type, source: 'selected', [`${target}_id`]: null } : { type }
}

/** Return everything that is wrong with a definition, each with its place. */
export function checkDefinition(given: Definition): Problem[] {
  const problems: Problem[] = []
  if (!given.name.trim()) problems.push({ path: 'name', message: 'It is required.' })
  problems.push(...checkTrigger(given.trigger, 'trigger'))
  if (ACTION_LISTS.every((list) => given[list].length === 0)) problems.push({ path: 'actions', message: 'Add what is to be done.' })
  for (const list of ACTION_LISTS) given[list].forEach((action, n) => problems.push(...checkAction(action, `${list}.${n}`)))
  return problems
}

function checkTrigger(trigger: Trigger, path: string): Problem[] {
  const problems: Problem[] = []
  const wrong = (message: string, field = '') => problems.push({ path: field ? `${path}.${field}` : path, message })
  if (trigger.triggers) {
    if (!trigger.triggers.length) wrong('Add a trigger.')
    const count = trigger.require
    if (typeof count === 'number' && !(count >= 1 && count <= trigger.triggers.length)) wrong(`It must be from 1 to ${trigger.triggers.length}.`, 'require')
    trigger.triggers.forEach((each, n) => problems.push(...checkTrigger(each, `${path}.triggers.${n}`)))
  } else if (trigger.type === 'metric') {
    const metric = trigger.metric
    if (typeof metric?.threshold !== 'number' || Number.isNaN(metric.threshold)) wrong('Enter a number.', 'metric.threshold')
    for (const field of ['range', 'firing_for'] as const) if (!((metric?.[field] ?? 0) >= 300)) wrong('It must be 5 minutes or more.', `metric.${field}`)
  } else {
    const template = readTrigger(trigger)
    if (template && !template.shown.statuses.length) wrong('Choose one or more.', 'statuses')
    if (trigger.posture === 'Proactive' && !((trigger.within ?? 0) >= MIN_PROACTIVE)) wrong('It must be 10 seconds or more.', 'within')
    if (!((trigger.threshold ?? 1) >= 1)) wrong('It must be 1 or more.', 'threshold')
  }
  return problems
}

function checkAction(action: Action, path: string): Problem[] {
  const problems: Problem[] = []
  const target = ACTIONS[action.type]?.target
  if (target && action.source !== 'inferred' && !action[`${target}_id`]) problems.push({ path: `${path}.${target}_id`, message: 'Choose one.' })
  if ('block_document_id' in action && !action.block_document_id) problems.push({ path: `${path}.block_document_id`, message: 'Choose a block.' })
  if (action.type === 'send-notification' && !String(action.body ?? '').trim()) problems.push({ path: `${path}.body`, message: 'Enter the message.' })
  return problems
}
