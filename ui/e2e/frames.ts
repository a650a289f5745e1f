/** How smoothly a page moves: the frames and the long tasks of its main thread while something is scrolled. */
import type { Page } from 'playwright-core'

export interface Frames {
  /** Milliseconds from one frame to the next: of the median one, and of the slowest but five in a hundred. */
  median: number
  slow: number
  /** The longest task of the main thread in milliseconds; 0 where none took more than 50. */
  longest: number
}

/** Scroll an element by some pixels a frame, as a hand does, and return how it went. */
export function scroll(page: Page, selector: string, pixels: { x?: number; y?: number }, frames = 120): Promise<Frames> {
  return page.evaluate(
    async ([selector, x, y, count]) => {
      const element = document.querySelector(selector)!
      let longest = 0
      const observer = new PerformanceObserver((list) => list.getEntries().forEach((entry) => (longest = Math.max(longest, entry.duration))))
      observer.observe({ type: 'longtask' })
      const times: number[] = []
      await new Promise<void>((done) => {
        const step = (now: number) => {
          times.push(now)
          element.scrollBy(x, y)
          if (times.length <= count) requestAnimationFrame(step)
          else done()
        }
        requestAnimationFrame(step)
      })
      await new Promise((resolve) => setTimeout(resolve, 100))
      observer.disconnect()
      const taken = times.slice(1).map((time, number) => time - times[number]!).sort((a, b) => a - b)
      return { median: taken[Math.floor(taken.length / 2)]!, slow: taken[Math.floor(taken.length * 0.95)]!, longest }
    },
    [selector, pixels.x ?? 0, pixels.y ?? 0, frames] as const,
  )
}
