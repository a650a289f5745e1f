/** What a change of the page is called elsewhere: the command and the Python that do the same. */
import type { Change } from '../api/client'
import { quoteShell, toPython } from './forms/python'

type Body = Record<string, unknown>

/** Commands that say a change shorter than its request; each returns nothing for changes that it cannot say. */
const COMMANDS: [Change['method'], RegExp, (names: string[], body: Body) => string | undefined][] = [
  ['PATCH', /^\/work_pools\/([^/]+)$/, ([pool], body) => changeOf('work-pool', word(pool), '', body)],
  ['DELETE', /^\/work_pools\/([^/]+)$/, ([pool]) => `prefect work-pool delete ${word(pool)}`],
  ['PATCH', /^\/work_pools\/([^/]+)\/queues\/([^/]+)$/, ([pool, queue], body) => changeOf('work-queue', word(queue), ` --pool ${word(pool)}`, body)],
  ['DELETE', /^\/work_pools\/([^/]+)\/queues\/([^/]+)$/, ([pool, queue]) => `prefect work-queue delete ${word(queue)} --pool ${word(pool)}`],
  ['PATCH', /^\/automations\/([^/]+)$/, ([id], body) => (only(body, 'enabled') ? `prefect automation ${body.enabled ? 'resume' : 'pause'} --id ${id}` : undefined)],
  ['DELETE', /^\/automations\/([^/]+)$/, ([id]) => `prefect automation delete --id ${id}`],
  ['DELETE', /^\/block_documents\/([^/]+)$/, ([id]) => `prefect block delete --id ${id}`],
  ['DELETE', /^\/deployments\/([^/]+)$/, ([id]) => `prefect deployment delete --id ${id}`],
  ['DELETE', /^\/artifacts\/([^/]+)$/, ([id]) => `prefect artifact delete --id ${id}`],
  ['DELETE', /^\/flow_runs\/([^/]+)$/, ([id]) => `prefect flow-run delete ${id}`],
  ['POST', /^\/concurrency_limits\/$/, (_, body) => `prefect concurrency-limit create ${word(body.tag)} ${String(body.concurrency_limit)}`],
  ['DELETE', /^\/concurrency_limits\/tag\/([^/]+)$/, ([tag]) => `prefect concurrency-limit delete ${word(tag)}`],
  ['POST', /^\/concurrency_limits\/tag\/([^/]+)\/reset$/, ([tag]) => `prefect concurrency-limit reset ${word(tag)}`],
  ['POST', /^\/v2\/concurrency_limits\/$/, (_, body) => `prefect gcl create ${word(body.name)} --limit ${String(body.limit)}${body.slot_decay_per_second ? ` --slot-decay-per-second ${String(body.slot_decay_per_second)}` : ''}`],
  ['POST', /^\/ui\/bulk\/runs\/([^/]+)\/(stop|undo)$/, ([id, what]) => `prefect flow-run jobs ${what} ${id}`],
  ['POST', /^\/variables\/$/, (_, { name, value, tags }) => setVariable(name, value, tags)],
]

/** Return the command that makes a change. */
export function toCommand(change: Change): string {
  for (const [method, path, say] of COMMANDS) {
    const names = method === change.method ? path.exec(change.path) : null
    const command = names && say(names.slice(1).map(decodeURIComponent), (change.body ?? {}) as Body)
    if (command) return command
  }
  const data = change.body === undefined ? '' : ` --data ${quoteShell(JSON.stringify(change.body))}`
  return `prefect api ${change.method} ${word(change.path)}${data}`
}

/** Return the request as curl sends it, to an address of the API. */
export function toCurl({ method, path, body }: Change, api: string): string {
  return `curl -X ${method} ${word(api + path)}${body === undefined ? '' : ` -H 'content-type: application/json' -d ${quoteShell(JSON.stringify(body))}`}`
}

/** Return the lines, below a client, that make changes. */
export function toLines(changes: Change[]): string {
  return changes.map(({ method, path, body }) => `client.request("${method}", ${JSON.stringify(path)}${body === undefined ? '' : `, json=${toPython(body)}`})`).join('\n')
}

/** Return a word of a command, in quotes where a shell needs them. */
function word(text: unknown): string {
  return /^[\w./:@%+,-]+$/.test(String(text)) ? String(text) : quoteShell(String(text))
}

/** Return the command for the one thing that a pool or a queue is changed in, if there is one. */
function changeOf(kind: string, name: string, rest: string, body: Body): string | undefined {
  if (only(body, 'is_paused')) return `prefect ${kind} ${body.is_paused ? 'pause' : 'resume'} ${name}${rest}`
  if (!only(body, 'concurrency_limit')) return undefined
  const limit = body.concurrency_limit
  return limit === null ? `prefect ${kind} clear-concurrency-limit ${name}${rest}` : `prefect ${kind} set-concurrency-limit ${name} ${String(limit)}${rest}`
}

function setVariable(name: unknown, value: unknown, tags: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return `prefect variable set ${word(name)} ${quoteShell(text)}${(Array.isArray(tags) ? tags : []).map((tag) => ` --tag ${word(tag)}`).join('')}`
}

const only = (body: Body, name: string) => Object.keys(body).length === 1 && name in body
