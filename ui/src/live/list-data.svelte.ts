/** A list that an operation of the interface answers, which takes its filter in a body. */
import { ApiError, send } from '../api/client'
import { reloadOnChange } from './visible'

/** How long after a change a list is loaded again: lists are short, and change seldom. */
const MIN_PAUSE_MS = 500

export class ListData<T> {
  rows = $state.raw<T[] | undefined>()
  error = $state.raw<ApiError | undefined>()

  /** @param request the path and the body, or undefined for nothing; called again when what it reads changes. */
  constructor(private request: () => { path: string; body: unknown } | undefined) {
    $effect(() => {
      const request = this.request()
      if (request) void this.load(request)
    })
    $effect(() => reloadOnChange(() => void this.reload(), MIN_PAUSE_MS))
  }

  async reload() {
    const request = this.request()
    if (request) await this.load(request)
  }

  private latest = 0

  private async load(request: { path: string; body: unknown }) {
    const number = (this.latest += 1)
    try {
      const rows = await send<T[]>('POST', request.path, request.body)
      if (number === this.latest) [this.rows, this.error] = [rows, undefined]
    } catch (error) {
      if (number === this.latest) this.error = error as ApiError
    }
  }
}
