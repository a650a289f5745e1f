/** Changes that the server pushes as server-sent events, with polling where a proxy holds them back. */
import { authorization } from '../api/client'
import { server } from '../api/server'

const HELLO_TIMEOUT_MS = 4000
const POLL_INTERVAL_MS = 5000
const RECONNECT_MS = 2000

/**
 * Call `changed` whenever the server says that something changed, until the returned function is called.
 *
 * @param topic what to follow: `run=<id>` for one flow run, or an empty text for anything.
 */
export function follow(topic: string, changed: () => void): () => void {
  let shared = streams.get(topic)
  if (!shared) {
    const listeners = new Set<() => void>()
    shared = { listeners, stop: readStream(topic, () => listeners.forEach((listener) => listener())) }
    streams.set(topic, shared)
  }
  const { listeners, stop } = shared
  listeners.add(changed)
  return () => {
    listeners.delete(changed)
    if (listeners.size === 0 && streams.get(topic)?.listeners === listeners) {
      streams.delete(topic)
      stop()
    }
  }
}

/** One connection a topic, however many parts of a page follow it: browsers allow six to a server. */
const streams = new Map<string, { listeners: Set<() => void>; stop: () => void }>()

function readStream(topic: string, changed: () => void): () => void {
  const aborter = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  let missed = false

  async function run() {
    while (!aborter.signal.aborted) {
      const worked = await read().catch(() => false)
      if (aborter.signal.aborted) return
      missed = true
      await new Promise((resolve) => (timer = setTimeout(resolve, worked ? RECONNECT_MS : POLL_INTERVAL_MS)))
      if (!worked && !aborter.signal.aborted) changed()
    }
  }

  /** Read one stream to its end; return whether it said anything in time. */
  async function read(): Promise<boolean> {
    const attempt = new AbortController()
    const stop = () => attempt.abort()
    aborter.signal.addEventListener('abort', stop)
    const patience = setTimeout(stop, HELLO_TIMEOUT_MS)
    let greeted = false
    try {
      const url = `${server.api}/ui/live${topic ? `?${topic}` : ''}`
      const response = await fetch(url, { headers: authorization(), signal: attempt.signal, cache: 'no-store' })
      if (!response.ok || !response.body) return false
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return greeted
        if (!greeted) {
          greeted = true
          clearTimeout(patience)
          if (missed) changed()
          missed = false
        }
        if (value.includes('event: change')) changed()
      }
    } finally {
      clearTimeout(patience)
      aborter.signal.removeEventListener('abort', stop)
      attempt.abort()
    }
  }

  void run()
  return () => {
    aborter.abort()
    clearTimeout(timer)
  }
}
