/** Which blocks of a long log are drawn: all of them have a place, and only those in sight have lines. */

export const BLOCK_LINES = 200

/** The heights of the blocks of a log: measured where a block has been drawn, estimated elsewhere. */
export class BlockHeights {
  private measured = new Map<number, number>()

  constructor(
    readonly lines: number,
    readonly lineHeight: number,
  ) {}

  get blocks(): number {
    return Math.ceil(this.lines / BLOCK_LINES)
  }

  linesOf(block: number): number {
    return Math.max(0, Math.min(BLOCK_LINES, this.lines - block * BLOCK_LINES))
  }

  heightOf(block: number): number {
    return this.measured.get(block) ?? this.linesOf(block) * this.lineHeight
  }

  measure(block: number, height: number): boolean {
    if (Math.abs(this.heightOf(block) - height) < 1) return false
    this.measured.set(block, height)
    return true
  }

  /** Return the heights for another number of lines; what was measured of full blocks stays. */
  resize(lines: number): BlockHeights {
    const next = new BlockHeights(lines, this.lineHeight)
    for (const [block, height] of this.measured) {
      if (this.linesOf(block) === BLOCK_LINES && next.linesOf(block) === BLOCK_LINES) next.measured.set(block, height)
    }
    return next
  }

  topOf(block: number): number {
    let top = block * BLOCK_LINES * this.lineHeight
    for (const [each, height] of this.measured) if (each < block) top += height - this.linesOf(each) * this.lineHeight
    return top
  }

  get total(): number {
    return this.blocks === 0 ? 0 : this.topOf(this.blocks - 1) + this.heightOf(this.blocks - 1)
  }

  /** Return the first and the last block that can be seen. */
  visible(top: number, height: number): [number, number] {
    const first = this.at(top)
    return [first, Math.max(first, this.at(top + height))]
  }

  private at(y: number): number {
    let [low, high] = [0, Math.max(0, this.blocks - 1)]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.topOf(middle) <= y) low = middle
      else high = middle - 1
    }
    return low
  }
}
