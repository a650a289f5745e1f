/** Short messages about what a person has just done. */
import { takeChanges, type Change } from '../api/client'

export interface Toast {
  id: number
  text: string
  failed: boolean
  /** What was changed, to do the same elsewhere. */
  changes: Change[]
}

export const toasts = $state<Toast[]>([])
let last = 0

export function say(text: string, failed = false) {
  const id = (last += 1)
  const changes = takeChanges()
  toasts.push({ id, text, failed, changes: failed ? [] : changes })
  setTimeout(() => dismiss(id), failed || changes.length ? 9000 : 4000)
}

export function dismiss(id: number) {
  const at = toasts.findIndex((toast) => toast.id === id)
  if (at >= 0) toasts.splice(at, 1)
}

/** Do something, and say that it is done or why it is not; return whether it is. */
export async function attempt(done: string, work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work()
    say(done)
    return true
  } catch (error) {
    say((error as Error).message, true)
    return false
  }
}
