/** Diagrams of Mermaid as images: they are drawn in a sandboxed document, which is loaded for the first of them. */

interface Answer {
  ready?: boolean
  id?: number
  svg?: string
  error?: string
}

const START_TIMEOUT_MS = 20_000
const waiting = new Map<number, { resolve: (svg: string) => void; reject: (error: Error) => void }>()
let frame: Promise<Window> | undefined
let last = 0

function loadFrame(): Promise<Window> {
  return new Promise((resolve, reject) => {
    const element = document.createElement('iframe')
    element.setAttribute('sandbox', 'allow-scripts')
    element.setAttribute('aria-hidden', 'true')
    element.tabIndex = -1
    element.title = 'Draws diagrams'
    // It needs a size, for text to be measured, but is not visible.
    Object.assign(element.style, { position: 'fixed', left: '-5000px', width: '1200px', height: '800px', border: '0', visibility: 'hidden' })
    const timer = setTimeout(() => reject(new Error('The diagram renderer did not load.')), START_TIMEOUT_MS)
    addEventListener('message', ({ source, data }: MessageEvent<Answer>) => {
      if (source !== element.contentWindow) return
      if (data.ready) {
        clearTimeout(timer)
        resolve(element.contentWindow!)
      }
      const asked = waiting.get(data.id ?? -1)
      if (!asked) return
      waiting.delete(data.id!)
      if (data.svg) asked.resolve(data.svg)
      else asked.reject(new Error(data.error ?? 'It could not be drawn.'))
    })
    element.src = 'diagram.html'
    document.body.append(element)
  })
}

/** Return the address of an image of a diagram, or raise an error with what is wrong in its text. */
export async function renderDiagram(code: string, dark: boolean): Promise<string> {
  frame ??= loadFrame()
  const target = await frame
  const id = (last += 1)
  const svg = await new Promise<string>((resolve, reject) => {
    waiting.set(id, { resolve, reject })
    target.postMessage({ id, code, dark }, '*')
  })
  return `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`
}
