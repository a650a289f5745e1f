/** The data of a page: loaded when its address changes, and again when the server says that it changed. */
import { ApiError, getPaced, latest } from '../api/client'
import type { RunChanges } from './changes'
import type { Message } from './messages'
import { followVisible } from './visible'

/** How long to wait between two loads, however much changes; the server may say that it is to be longer. */
const MIN_PAUSE_MS = 700

/** Without a server that says so, a load is followed by a pause of so many times what it took. */
const PAUSE_FACTOR = 10

/** How long pushed changes are kept, to be applied to answers that were computed before them. */
const KEPT_MS = 35_000

/** Returns the data after changes of flow runs, or nothing when it has to be loaded again at once. */
type Merge<T> = (value: T, changes: RunChanges) => T | undefined

export class PageData<T> {
  value = $state.raw<T | undefined>()
  error = $state.raw<ApiError | undefined>()
  loading = $state(false)
  /** The number of loads, also of those that found nothing changed: other data of the page may have. */
  loads = $state(0)
  /** How often the server said that the run it is about has logged something. */
  logged = $state(0)

  private aborter: AbortController | undefined
  private timer: ReturnType<typeof setTimeout> | undefined
  private loadedAt = 0
  private took = 0
  private nextAt = 0
  private pushed: { at: number; changes: RunChanges }[] = []

  /**
   * @param path the endpoint, or undefined for nothing; called again when what it reads changes.
   * @param topic what to follow, as in `follow`; undefined when nothing can change any more.
   * @param fresh whether a form is filled with it: the answer of an earlier visit is then not shown until the server has
   *   answered, because it may be outdated and would change under the user.
   * @param merge how it follows pushed changes of flow runs.
   */
  constructor(
    private path: () => string | undefined,
    topic: () => string | undefined = () => undefined,
    fresh = false,
    private merge?: Merge<T>,
  ) {
    // Derived, so that nothing is loaded while what they read changes but not they themselves.
    const endpoint = $derived(this.path())
    const followed = $derived(topic())
    $effect(() => {
      if (endpoint === undefined) return
      this.pushed = []
      this.nextAt = 0
      const before = fresh ? undefined : latest<T>(endpoint)
      if (before !== undefined) this.value = before
      void this.load(endpoint)
      return () => this.stop()
    })
    $effect(() => {
      if (followed === undefined) return
      return followVisible(followed, (message) => this.take(message), () => this.reloadSoon())
    })
  }

  /** Load again, at once. */
  async reload() {
    const path = this.path()
    if (path !== undefined) await this.load(path)
  }

  protected take(message: Message) {
    if (message.kind === 'logs') this.logged += 1
    else if (message.kind === 'change') this.reloadSoon(message.pushed)
    else if (message.kind === 'runs') this.apply(message.changes)
  }

  private apply(changes: RunChanges) {
    if (!this.merge || this.value === undefined) return
    const at = Date.now()
    this.pushed = [...this.pushed.filter((each) => each.at > at - KEPT_MS), { at, changes }]
    const merged = this.merge(this.value, changes)
    if (merged !== undefined) this.value = merged
    else if (at > this.loadedAt + MIN_PAUSE_MS && !this.loading) void this.reload()
  }

  /** Return an answer with the changes that were pushed since it was computed. */
  protected catchUp(value: T, computedAt: number, _askedAt: number): T {
    return this.pushed.filter((each) => each.at > computedAt).reduce((value, each) => this.merge?.(value, each.changes) ?? value, value)
  }

  protected reloadSoon(pushed = false) {
    if (this.timer || document.visibilityState !== 'visible') return
    const soonest = this.loadedAt + Math.max(MIN_PAUSE_MS, pushed ? 0 : this.took * PAUSE_FACTOR)
    const wait = Math.max(0, soonest - Date.now(), this.nextAt - Date.now())
    this.timer = setTimeout(() => {
      this.timer = undefined
      const path = this.path()
      if (path !== undefined) void this.load(path, pushed)
    }, wait)
  }

  private async load(path: string, shared = false) {
    this.aborter?.abort()
    const aborter = (this.aborter = new AbortController())
    const began = Date.now()
    this.loading = true
    try {
      const answer = await getPaced<T>(path, aborter.signal, shared)
      this.value = this.catchUp(answer.value, Date.now() - answer.age, began)
      this.nextAt = Date.now() + answer.next
      this.error = undefined
      this.loads += 1
    } catch (error) {
      if (aborter.signal.aborted) return
      this.error = error instanceof ApiError ? error : new ApiError(String(error), 0, path)
    } finally {
      if (!aborter.signal.aborted) {
        this.loading = false
        this.loadedAt = Date.now()
        this.took = this.loadedAt - began
      }
    }
  }

  private stop() {
    this.aborter?.abort()
    clearTimeout(this.timer)
    this.timer = undefined
  }
}
