/** The data of a page: loaded when its address changes, and again when the server says that it changed. */
import { ApiError, get, latest } from '../api/client'
import { follow } from './stream'

/** How long to wait between two loads, however much changes: ten times what the last one took, at least a second. */
const MIN_PAUSE_MS = 700

export class PageData<T> {
  value = $state.raw<T | undefined>()
  error = $state.raw<ApiError | undefined>()
  loading = $state(false)
  /** How often it has been loaded, also when nothing had changed: what is shown beside it may have. */
  loads = $state(0)

  private aborter: AbortController | undefined
  private timer: ReturnType<typeof setTimeout> | undefined
  private loadedAt = 0
  private took = 0
  private current = ''

  /**
   * @param path the endpoint, or undefined for nothing; called again when what it reads changes.
   * @param topic what to follow, as in `follow`; undefined when nothing can change any more.
   * @param fresh whether a form begins with it, which neither may be outdated nor change while somebody types: the answer
   *   of an earlier visit is not shown until the server has answered.
   */
  constructor(
    private path: () => string | undefined,
    topic: () => string | undefined = () => undefined,
    fresh = false,
  ) {
    $effect(() => {
      const path = this.path()
      if (path === undefined) return
      if (path !== this.current) {
        this.current = path
        const before = fresh ? undefined : latest<T>(path)
        if (before !== undefined) this.value = before
      }
      void this.load(path)
      return () => this.stop()
    })
    $effect(() => {
      const followed = topic()
      if (followed === undefined) return
      let unfollow: (() => void) | undefined
      const start = () => {
        unfollow?.()
        unfollow = document.visibilityState === 'visible' ? follow(followed, (pushed) => this.reloadSoon(pushed)) : undefined
      }
      const onVisibility = () => {
        start()
        if (document.visibilityState === 'visible') this.reloadSoon()
      }
      start()
      document.addEventListener('visibilitychange', onVisibility)
      return () => {
        document.removeEventListener('visibilitychange', onVisibility)
        unfollow?.()
      }
    })
  }

  /** Load again, at once. */
  async reload() {
    const path = this.path()
    if (path !== undefined) await this.load(path)
  }

  private reloadSoon(pushed = false) {
    if (this.timer || document.visibilityState !== 'visible') return
    const pause = Math.max(MIN_PAUSE_MS, this.took * 10)
    const wait = Math.max(0, this.loadedAt + pause - Date.now())
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
      this.value = await get<T>(path, aborter.signal, shared)
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
