/** Triggers and actions of automations in words. */

export interface Trigger {
  type: string
  posture?: string
  expect?: string[]
  after?: string[]
  match?: Record<string, string | string[]>
  match_related?: Record<string, string | string[]> | Record<string, string | string[]>[]
  threshold?: number
  within?: number
  triggers?: Trigger[]
  require?: string | number
}

export interface Action {
  type: string
  [name: string]: unknown
}

const list = (words: string[], joint = 'or') => (words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} ${joint} ${words.at(-1)}`)

function values(labels: Trigger['match']): string[] {
  return Object.values(labels ?? {}).flat()
}

/** Return a trigger as a sentence. */
export function describeTrigger(trigger: Trigger): string {
  if (trigger.triggers) {
    const parts = trigger.triggers.map((each) => describeTrigger(each))
    const time = trigger.within ? ` within ${formatSeconds(trigger.within)}` : ''
    if (trigger.type === 'sequence') return `First ${parts.map((part) => lower(part)).join(', then ')}${time}`
    return `${trigger.require === 'any' ? 'Any of' : trigger.require === 'all' || trigger.require === undefined ? 'All of' : `${trigger.require} of`}: ${parts.join('; ')}${time}`
  }
  const related = [trigger.match_related ?? {}].flat().flatMap((labels) => values(labels))
  const about = [...values(trigger.match), ...related].filter((value) => !/^prefect\.[a-z-]+\.\*$/.test(value))
  const of = about.length ? ` of ${list(about)}` : ''
  const events = trigger.expect?.length ? list(trigger.expect) : 'any event'
  const often = (trigger.threshold ?? 1) > 1 ? ` ${trigger.threshold} times` : ''
  const time = trigger.within ? ` within ${formatSeconds(trigger.within)}` : ''
  if (trigger.posture === 'Proactive') return `${events}${of} does not happen${often}${time}${trigger.after?.length ? ` after ${list(trigger.after)}` : ''}`
  return `${events}${of} happens${often}${time}${trigger.after?.length ? ` after ${list(trigger.after)}` : ''}`
}

const lower = (text: string) => text.charAt(0).toLowerCase() + text.slice(1)

function formatSeconds(seconds: number): string {
  if (seconds % 3600 === 0) return `${seconds / 3600} h`
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`
}

/** Return an action in words. */
export function describeAction(action: Action): string {
  const words = action.type.replaceAll('-', ' ')
  if (action.type === 'change-flow-run-state') return `change the state of the flow run to ${String(action.name ?? action.state)}`
  if (action.type === 'send-notification') return `send a notification${action.subject ? ` “${String(action.subject)}”` : ''}`
  return words
}
