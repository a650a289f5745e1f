/** A Python traceback as frames, so that a person sees their own code first. */

export interface Frame {
  file: string
  line: number
  name: string
  code: string[]
  own: boolean
}

export interface Traceback {
  frames: Frame[]
  /** The last line or lines: the exception and its message. */
  error: string
}

const FRAME = /^\s*File "(.+)", line (\d+), in (.+)$/
const LIBRARY = /(site-packages|dist-packages|lib\/python3|\/prefect\/|^<frozen|\[\d+ frames? of )/

/** Return the last traceback of a text, or undefined when there is none. */
export function parseTraceback(text: string): Traceback | undefined {
  const start = text.lastIndexOf('Traceback (most recent call last)')
  if (start < 0) return undefined
  const lines = text.slice(start).split('\n').slice(1)
  const frames: Frame[] = []
  let error: string[] = []
  for (const line of lines) {
    const found = FRAME.exec(line)
    if (found) {
      const [, file, number, name] = found as unknown as [string, string, string, string]
      frames.push({ file, line: Number(number), name, code: [], own: !LIBRARY.test(file) })
      error = []
    } else if (/^\s/.test(line) && error.length === 0 && frames.length) {
      frames.at(-1)!.code.push(line.trim())
    } else if (line.trim()) {
      error.push(line)
    }
  }
  return { frames, error: error.join('\n') }
}

/** Return the kind and the message of an exception, as `ValueError: no rows` has them. */
export function splitError(text: string): { kind: string; message: string } {
  const found = /^(?:.*exception:? )?((?:[A-Za-z_]\w*\.)*[A-Z]\w*)(?:\((['"])([\s\S]*)\2\)|: ([\s\S]*))$/.exec(text.trim())
  if (!found) return { kind: '', message: text }
  return { kind: found[1] as string, message: found[3] ?? found[4] ?? '' }
}
