/** Sending a form: once at a time, with the server's words when it refuses. */
import { ApiError } from '../../api/client'

export class Saving {
  /** Why the server refused; nothing when it did not. */
  refused = $state('')
  sending = $state(false)

  /** Send, unless that is under way. */
  async run(send: () => Promise<void>) {
    if (this.sending) return
    this.sending = true
    this.refused = ''
    try {
      await send()
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      this.refused = error.message
    } finally {
      this.sending = false
    }
  }
}
