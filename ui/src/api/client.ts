/** Requests to the API: credentials, CSRF tokens, ETags, and errors that name the request. */
import { noteReached } from './connection.svelte'
import { compareClocks, server } from './server'

export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly url: string,
    /** What is wrong with each part of what was sent, by its place. */
    readonly problems: { path: string; message: string }[] = [],
  ) {
    super(message)
  }
}

const CREDENTIALS = 'credentials'

/** Keep the auth string for this tab, or forget it. */
export function signIn(authString: string | null) {
  if (authString === null) sessionStorage.removeItem(CREDENTIALS)
  else sessionStorage.setItem(CREDENTIALS, btoa(String.fromCharCode(...new TextEncoder().encode(authString))))
}

export function authorization(): Record<string, string> {
  const kept = sessionStorage.getItem(CREDENTIALS)
  return kept ? { authorization: `Basic ${kept}` } : {}
}

interface Known {
  etag: string
  value: unknown
}

/** The latest answers, by URL: a page that is opened again shows them until the server has answered. */
const known = new Map<string, Known>()
const MAX_KNOWN = 40

export function latest<T>(path: string): T | undefined {
  return known.get(path)?.value as T | undefined
}

/** How old an answer was when it came, and when to ask for the next one after a change, in milliseconds. */
export interface Pace {
  age: number
  next: number
}

function readPace(response: Response): Pace {
  const number = (name: string) => Number(new RegExp(`${name}=(\\d+)`).exec(response.headers.get('prefect-page') ?? '')?.[1] ?? 0)
  return { age: number('age'), next: number('next') }
}

/** @param shared whether the answer may be one that another tab received since the last change. */
export async function get<T>(path: string, signal?: AbortSignal, shared = false): Promise<T> {
  return (await getPaced<T>(path, signal, shared)).value
}

/** Return an answer as `get` does, with its pace. */
export async function getPaced<T>(path: string, signal?: AbortSignal, shared = false): Promise<Pace & { value: T }> {
  const before = known.get(path)
  const headers: Record<string, string> = before ? { 'if-none-match': before.etag } : {}
  if (shared) headers['cache-control'] = 'max-age=1'
  const response = await request('GET', path, undefined, headers, signal)
  const pace = readPace(response)
  if (response.status === 304 && before) return { ...pace, value: before.value as T }
  const value = (await response.json()) as T
  const etag = response.headers.get('etag')
  if (etag) {
    known.delete(path)
    known.set(path, { etag, value })
    if (known.size > MAX_KNOWN) known.delete(known.keys().next().value as string)
  }
  return { ...pace, value }
}

/** A request that changed something. */
export interface Change {
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: string
  body?: unknown
}

/** The latest changes that no message has named yet. */
let changes: (Change & { at: number })[] = []
const TOLD_WITHIN_MS = 10_000
/** Requests that only ask, or whose page says itself how to do the same; those of blocks may have secrets. */
const UNTOLD = /\/(filter|count|validate|holders|count-by\/\w+)$|^\/ui\/(?!bulk\/runs\/)|^\/block_documents\/.*$/

/** Return the latest changes, once. */
export function takeChanges(): Change[] {
  const latest = changes.filter((change) => change.at > Date.now() - TOLD_WITHIN_MS)
  changes = []
  return latest.map(({ at: _, ...change }) => change)
}

export async function send<T = unknown>(method: Change['method'], path: string, body?: unknown) {
  const response = await request(method, path, body, server.csrf ? await csrfHeaders() : {})
  if (!UNTOLD.test(path) || (method === 'DELETE' && !path.startsWith('/ui/'))) changes.push({ method, path, ...(body === undefined ? {} : { body }), at: Date.now() })
  const text = await response.text()
  return (text ? JSON.parse(text) : undefined) as T
}

export function sendChange<T = unknown>({ method, path, body }: Change): Promise<T> {
  return send<T>(method, path, body)
}

let csrf: { client: string; token: string; until: number } | undefined

async function csrfHeaders(): Promise<Record<string, string>> {
  if (!csrf || csrf.until < Date.now()) {
    const client = crypto.randomUUID?.() ?? String(Math.random()).slice(2)
    const answer = await get<{ token: string; expiration: string }>(`/csrf-token?client=${client}`)
    csrf = { client, token: answer.token, until: new Date(answer.expiration).getTime() - 60_000 }
  }
  return { 'prefect-csrf-token': csrf.token, 'prefect-csrf-client': csrf.client }
}

async function request(
  method: string,
  path: string,
  body: unknown,
  headers: Record<string, string>,
  signal?: AbortSignal,
): Promise<Response> {
  const url = server.api + path
  const options: RequestInit = { method, headers: { ...headers, ...authorization() }, cache: 'no-store' }
  if (signal) options.signal = signal
  if (body !== undefined) {
    options.body = JSON.stringify(body)
    options.headers = { ...options.headers, 'content-type': 'application/json' }
  }
  let response: Response
  try {
    response = await fetch(url, options)
  } catch (error) {
    if (signal?.aborted) throw error
    noteReached(false)
    throw new ApiError(`The server at ${new URL(url, location.href).origin} cannot be reached.`, 0, url)
  }
  noteReached(true)
  compareClocks(response.headers.get('date'))
  if (response.ok || response.status === 304) return response
  if (response.status === 401) dispatchEvent(new Event('signed-out'))
  throw await readError(response, url)
}

/** Return an error that the server answered, in its words. */
async function readError(response: Response, url: string): Promise<ApiError> {
  const text = await response.text()
  const error = (message: string, problems: ApiError['problems'] = []) => new ApiError(message, response.status, url, problems)
  try {
    const body = JSON.parse(text) as { detail?: unknown; exception_message?: string; exception_detail?: { msg: string; loc: (string | number)[] }[] }
    if (typeof body.detail === 'string') return error(body.detail)
    const problems = (body.exception_detail ?? []).map((each) => ({ path: each.loc.slice(1).join('.'), message: each.msg.replace(/^Value error, /, '') }))
    if (problems[0]) return error(`${problems[0].path}: ${problems[0].message}`, problems)
    if (body.exception_message) return error(body.exception_message)
  } catch {
    // No JSON: a proxy's own page, for instance.
  }
  return error(`The server answered ${response.status} ${response.statusText}.`)
}
