/** Changes that the server pushes as server-sent events, with polling where a proxy holds them back. */
import { authorization } from '../api/client'
import { server } from '../api/server'
import { parseMessage, type Message } from './messages'

const HELLO_TIMEOUT_MS = 4000
const POLL_INTERVAL_MS = 5000
const RECONNECT_MS = 2000
/** How many polls to make before the stream is tried again. */
const POLLS_BEFORE_RETRY = 6

/** Called when something changed; unless the server said so, it may only have. */
type Changed = (message: Message) => void

const PERHAPS: Message = { kind: 'change', pushed: false }

/**
 * Call `changed` whenever the server says that something changed, until the returned function is called.
 *
 * @param topic what to follow: `run=<id>` for one flow run, `q=<query>` for the flow runs of a query and anything else, or
 *   an empty text for anything.
 */
export function follow(topic: string, changed: Changed): () => void {
  let shared = streams.get(topic)
  if (!shared) {
    const listeners = new Set<Changed>()
    shared = { listeners, stop: readStream(topic, (message) => listeners.forEach((listener) => listener(message))) }
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
const streams = new Map<string, { listeners: Set<Changed>; stop: () => void }>()

function readStream(topic: string, changed: Changed): () => void {
  const aborter = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  let missed = false

  const wait = (ms: number) => new Promise((resolve) => (timer = setTimeout(resolve, ms)))

  async function run() {
    while (!aborter.signal.aborted) {
      const ended = await read()
      missed = true
      if (ended === 'after it worked') await wait(RECONNECT_MS)
      const polls = { 'after it worked': 0, 'server away': 1, 'held back': POLLS_BEFORE_RETRY }[ended]
      for (let n = 0; n < polls && !aborter.signal.aborted; n += 1) {
        changed(PERHAPS)
        await wait(POLL_INTERVAL_MS)
      }
    }
  }

  /** Read one stream to its end; return how it ended. */
  async function read(): Promise<'after it worked' | 'server away' | 'held back'> {
    const attempt = new AbortController()
    const stop = () => attempt.abort()
    aborter.signal.addEventListener('abort', stop)
    const patience = setTimeout(stop, HELLO_TIMEOUT_MS)
    let greeted = false
    try {
      const url = `${server.api}/ui/live${topic ? `?${topic}` : ''}`
      const response = await fetch(url, { headers: authorization(), signal: attempt.signal, cache: 'no-store' })
      if (!response.ok || !response.body) return 'held back'
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      let text = ''
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return greeted ? 'after it worked' : 'held back'
        if (!greeted) {
          greeted = true
          clearTimeout(patience)
          if (missed) changed(PERHAPS)
          missed = false
        }
        const messages = (text + value).split('\n\n')
        text = messages.pop()!
        for (const each of messages) {
          const message = parseMessage(each)
          if (message) changed(message)
        }
      }
    } catch {
      return greeted ? 'after it worked' : attempt.signal.aborted ? 'held back' : 'server away'
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
