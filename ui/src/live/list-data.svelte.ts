/** A list that an operation of the interface answers, which takes its filter in a body. */
import { ApiError, send } from '../api/client'
import { reloadOnChange } from './visible'

/** How long after a change a list is loaded again: lists are short, and change seldom. */
const MIN_PAUSE_MS = 500

export interface ListRequest {
  path: string
  body: { limit: number; offset?: number }
  /** Where all that match are counted; without it, what is answered is the list. */
  count?: { path: string; body: object }
}

export class ListData<T> {
  rows = $state.raw<T[] | undefined>()
  total = $state(0)
  error = $state.raw<ApiError | undefined>()

  /**
   * @param request what to ask for, or undefined for nothing; called again when what it reads changes.
   * @param live whether it can still change.
   */
  constructor(
    private request: () => ListRequest | undefined,
    live: () => boolean = () => true,
  ) {
    $effect(() => {
      const request = this.request()
      if (request) void this.load(request)
    })
    $effect(() => (live() ? reloadOnChange(() => void this.reload(), MIN_PAUSE_MS) : undefined))
  }

  async reload() {
    const request = this.request()
    if (request) await this.load(request)
  }

  private latest = 0

  private async load({ path, body, count }: ListRequest) {
    const number = (this.latest += 1)
    try {
      const rows = await send<T[]>('POST', path, body)
      const isWhole = !count || (!body.offset && rows.length < body.limit)
      const total = isWhole ? rows.length : await send<number>('POST', count.path, count.body)
      if (number === this.latest) [this.rows, this.total, this.error] = [rows, total, undefined]
    } catch (error) {
      if (number === this.latest) this.error = error as ApiError
    }
  }
}
