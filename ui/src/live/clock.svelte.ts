/** The current time of the server, which moves once a second while the page can be seen and something shows it. */
import { createSubscriber } from 'svelte/reactivity'
import { serverTime } from '../api/server'

const subscribe = createSubscriber((update) => {
  const timer = setInterval(() => document.visibilityState === 'visible' && update(), 1000)
  return () => clearInterval(timer)
})

/** Return the current time in milliseconds; what depends on it is updated each second. */
export function now(): number {
  subscribe()
  return serverTime()
}
