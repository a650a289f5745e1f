/** The chosen rows of a list. */
export class Selection {
  ids = $state.raw(new Set<string>())

  choose = (ids: string[]) => {
    this.ids = new Set(ids)
  }

  toggle(id: string, on: boolean) {
    const next = new Set(this.ids)
    if (on) next.add(id)
    else next.delete(id)
    this.ids = next
  }
}
