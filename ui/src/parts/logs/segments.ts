/** A line of a log as segments: colours of ANSI codes, links, and what is searched for. */

export interface Segment {
  text: string
  style: string
  href?: string
  hit?: boolean
}

// eslint-disable-next-line no-control-regex
const ANSI = /\u001b\[([0-9;]*)m/g
// eslint-disable-next-line no-control-regex
const OTHER_ANSI = /\u001b\[[0-9;?]*[A-Za-ln-z]/g
const LINK = /https?:\/\/[^\s<>"')\]]+[^\s<>"')\].,;:!?]/g
const COLORS = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white']

/** Return the segments of a message. */
export function splitMessage(message: string, needle = ''): Segment[] {
  if (!needle && !message.includes('\u001b') && !message.includes('://')) return [{ text: message, style: '' }]
  return splitAnsi(message).flatMap(splitLinks).flatMap((segment) => splitHits(segment, needle))
}

function splitAnsi(message: string): Segment[] {
  const segments: Segment[] = []
  let style: string[] = []
  let from = 0
  const push = (until: number) => {
    const text = message.slice(from, until).replace(OTHER_ANSI, '')
    if (text) segments.push({ text, style: style.join(' ') })
  }
  for (const found of message.matchAll(ANSI)) {
    push(found.index)
    style = applyCodes(style, found[1] ?? '')
    from = found.index + found[0].length
  }
  push(message.length)
  return segments
}

function applyCodes(style: string[], codes: string): string[] {
  let next = style
  for (const code of (codes || '0').split(';').map(Number)) {
    if (code === 0) next = []
    else if (code === 1) next = [...next, 'bold']
    else if (code === 39 || code === 22) next = next.filter((each) => (code === 22 ? each !== 'bold' : each === 'bold'))
    else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) {
      next = [...next.filter((each) => each === 'bold'), `ansi-${COLORS[code % 10]}`]
    }
  }
  return next
}

function splitLinks(segment: Segment): Segment[] {
  const parts: Segment[] = []
  let from = 0
  for (const found of segment.text.matchAll(LINK)) {
    if (found.index > from) parts.push({ ...segment, text: segment.text.slice(from, found.index) })
    parts.push({ ...segment, text: found[0], href: found[0] })
    from = found.index + found[0].length
  }
  if (from < segment.text.length) parts.push({ ...segment, text: segment.text.slice(from) })
  return parts
}

function splitHits(segment: Segment, needle: string): Segment[] {
  const wanted = needle && toPattern(needle)
  if (!wanted) return [segment]
  const parts: Segment[] = []
  let from = 0
  for (const found of segment.text.matchAll(wanted)) {
    if (!found[0]) continue
    if (found.index > from) parts.push({ ...segment, text: segment.text.slice(from, found.index) })
    parts.push({ ...segment, text: found[0], hit: true })
    from = found.index + found[0].length
  }
  if (from < segment.text.length) parts.push({ ...segment, text: segment.text.slice(from) })
  return parts
}

/** Return what finds a text, or the pattern between its slashes; nothing for one that only the server can read. */
function toPattern(needle: string): RegExp | undefined {
  const inner = /^\/(.+)\/$/s.exec(needle)?.[1]
  try {
    return new RegExp(inner ?? needle.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'), 'gi')
  } catch {
    return undefined
  }
}

const MAX_JSON_CHARACTERS = 100_000

/** Return the object or list that a message ends with as JSON, or undefined. */
export function findJson(message: string): unknown {
  if (message.length > MAX_JSON_CHARACTERS || !/[\]}]\s*$/.test(message)) return undefined
  const begin = message.search(/[[{]/)
  try {
    const value: unknown = JSON.parse(message.slice(begin))
    // An empty one, or a single number in brackets, reads as well as it is.
    return Object.keys(value as object).length > 1 || message.length - begin > 40 ? value : undefined
  } catch {
    return undefined
  }
}
