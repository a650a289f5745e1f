/** Short messages about what a person has just done. */
import { sendChange, takeChanges, type Change } from '../api/client'

export interface Toast {
  id: number
  text: string
  failed: boolean
  /** What was changed, to do the same elsewhere. */
  changes: Change[]
  /** Takes it back, where that is possible. */
  undo?: () => Promise<unknown>
}

export const toasts = $state<Toast[]>([])
let last = 0

export function say(text: string, failed = false, undo?: () => Promise<unknown>) {
  const id = (last += 1)
  const changes = takeChanges()
  toasts.push({ id, text, failed, changes: failed ? [] : changes, undo })
  setTimeout(() => dismiss(id), failed || changes.length ? 9000 : 4000)
}

export function dismiss(id: number) {
  const at = toasts.findIndex((toast) => toast.id === id)
  if (at >= 0) toasts.splice(at, 1)
}

/** Do something, and say that it is done, with how to undo it, or why it is not; return whether it is. */
export async function attempt(done: string, work: () => Promise<unknown>, undo?: () => Promise<unknown>): Promise<boolean> {
  try {
    await work()
    say(done, false, undo)
    return true
  } catch (error) {
    say((error as Error).message, true)
    return false
  }
}

/** Return what undoes something by a change, and shows how it is then. */
export function undoBy(back: Change, after: (answer: { id: string }) => unknown): () => Promise<void> {
  return async () => {
    let answer: unknown
    if (await attempt('The change was undone.', async () => (answer = await sendChange(back)))) await after(answer as { id: string })
  }
}

/** Change something that can be changed back, and show how it is then. */
export async function attemptChange(done: string, change: Change, back: Change, reload: () => Promise<unknown>) {
  await attempt(done, () => sendChange(change), undoBy(back, reload))
  await reload()
}
