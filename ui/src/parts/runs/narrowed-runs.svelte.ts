/** The runs of something, narrowed by the query and in the order that the address has. */
import type { RunsPage } from '../../api/schema'
import { PageData } from '../../live/page-data.svelte'
import { address } from '../../routing/router.svelte'

export class NarrowedRuns extends PageData<RunsPage> {
  /** @param base the query of all runs, or undefined for none. */
  constructor(base: () => string | undefined) {
    super(
      () => {
        const all = base()
        if (all === undefined) return undefined
        const q = `${all} ${address.query.get('q') ?? ''}`.trim()
        return `/ui/pages/runs?${new URLSearchParams({ q, sort: address.query.get('sort') ?? '-start', size: '25', chart: 'false' })}`
      },
      () => '',
    )
  }
}
