/** The values of a form, what is wrong with them, and whether they can be sent. */
import { SvelteMap } from 'svelte/reactivity'
import { send } from '../../api/client'
import { initialObject, type Schema } from './schema'
import { readProblems, validate, type Problem } from './validate'

export interface FormOptions {
  /** Whether a value may be a template, a variable or JSON in a text, which the server fills in. */
  kinds?: boolean
  /** Whether nested blocks may be saved ones. */
  blocks?: boolean
}

export class FormModel {
  schema = $state.raw<Schema>({})
  values = $state.raw<Record<string, unknown>>({})
  problems = $state.raw<Problem[]>([])
  /** Texts that are no JSON yet, by the path of their field: nothing can be sent with one. */
  readonly broken = new SvelteMap<string, string>()

  constructor(readonly options: FormOptions = {}) {}

  /** Begin with a schema and values; what the schema needs and they lack gets its first value. */
  begin(schema: Schema, values: Record<string, unknown> = {}) {
    this.schema = schema
    this.values = { ...initialObject(schema, schema), ...values }
    this.problems = []
    this.broken.clear()
  }

  set(values: Record<string, unknown>) {
    this.values = values
    if (this.problems.length) this.problems = this.find()
  }

  /** Show everything that is wrong and go to the first of it; return whether nothing is. */
  check(): boolean {
    return this.show(this.find())
  }

  /** Ask the server as well, which knows variables and what JSON schemas say beyond the form. */
  async checkOnServer(): Promise<boolean> {
    if (!this.check()) return false
    const answer = await send<{ errors: Parameters<typeof readProblems>[0] }>('POST', '/ui/schemas/validate', { schema: this.schema, values: this.values })
    return this.show(readProblems(answer.errors))
  }

  show(problems: Problem[]): boolean {
    this.problems = problems
    const first = problems[0]
    if (first) requestAnimationFrame(() => (document.getElementById(idOf(first.path)) ?? document.querySelector<HTMLElement>('[aria-invalid=true]'))?.focus())
    return problems.length === 0
  }

  private find(): Problem[] {
    const unreadable = [...this.broken].map(([path, message]) => ({ path, message }))
    return [...unreadable, ...validate({ type: 'object', ...this.schema }, this.values, this.schema).filter((each) => !this.broken.has(each.path))]
  }
}

/** Return the id of the control of a path. */
export function idOf(path: string): string {
  return `field-${path.replace(/[^A-Za-z0-9_-]/g, '-')}`
}
