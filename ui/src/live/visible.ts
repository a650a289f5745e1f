/** Following the server while the page can be seen. */
import type { Message } from './messages'
import { follow } from './stream'

/**
 * Follow a topic while the page can be seen, until the returned function is called.
 *
 * @param topic as of `follow`.
 * @param changed called with each message.
 * @param shown called when the page is seen again.
 */
export function followVisible(topic: string, changed: (message: Message) => void, shown?: () => void): () => void {
  let unfollow: (() => void) | undefined
  const isVisible = () => document.visibilityState === 'visible'
  const start = () => {
    unfollow?.()
    unfollow = isVisible() ? follow(topic, changed) : undefined
  }
  const onVisibility = () => {
    start()
    if (isVisible()) shown?.()
  }
  start()
  document.addEventListener('visibilitychange', onVisibility)
  return () => {
    document.removeEventListener('visibilitychange', onVisibility)
    unfollow?.()
  }
}

/**
 * Call `reload` a while after something has changed, once for all that changed in that while, until the returned function is called.
 *
 * @param wanted which messages are a change.
 */
export function reloadOnChange(reload: () => void, pauseMs: number, wanted: (message: Message) => boolean = (message) => message.kind === 'change'): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  const stop = followVisible('', (message) => {
    if (!wanted(message)) return
    timer ??= setTimeout(() => {
      timer = undefined
      reload()
    }, pauseMs)
  })
  return () => {
    clearTimeout(timer)
    stop()
  }
}

/** Call a function in the task after the next paint, unless the returned function is called before. */
export function afterPaint(call: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  const frame = requestAnimationFrame(() => (timer = setTimeout(call)))
  return () => {
    cancelAnimationFrame(frame)
    clearTimeout(timer)
  }
}
