/** The graph of a flow run, which follows what the server pushes of it instead of being loaded again. */
import type { GraphPage } from '../api/schema'
import { mergeGraph, type GraphChanges } from '../parts/graph/changes'
import type { Message } from './messages'
import { PageData } from './page-data.svelte'

const KEPT_MS = 10_000

export class GraphData extends PageData<GraphPage> {
  private isFollowed = false
  private kept: { at: number; changes: GraphChanges }[] = []

  protected override take(message: Message) {
    // What changed before one was connected was not pushed.
    if (message.kind === 'hello') void this.reload()
    else if (message.kind === 'graph') this.follow(message.changes)
    else if (message.kind === 'change') {
      // It comes after what changed in the graph, where that is pushed.
      if (!this.isFollowed || !message.pushed) this.reloadSoon(message.pushed)
      this.isFollowed = false
    }
  }

  private follow(changes: GraphChanges) {
    if (!this.value) return
    const at = Date.now()
    this.kept = [...this.kept.filter((each) => each.at > at - KEPT_MS), { at, changes }]
    const merged = mergeGraph(this.value, changes)
    this.isFollowed = merged !== undefined
    if (merged) this.value = merged
  }

  protected override catchUp(value: GraphPage, _computedAt: number, askedAt: number): GraphPage {
    return this.kept.filter((each) => each.at > askedAt).reduce((value, each) => mergeGraph(value, each.changes) ?? value, value)
  }
}
