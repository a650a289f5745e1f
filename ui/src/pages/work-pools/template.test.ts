import { expect, test } from 'vitest'
import { defaultsOf, formOf, withDefaults } from './template'

const TEMPLATE = {
  job_configuration: { image: '{{ image }}' },
  variables: { type: 'object', required: ['image'], properties: { image: { type: 'string' }, stream: { type: 'boolean', default: true }, env: { type: 'object', default: null } } },
}

test('the defaults of a template are the values of its form', () => {
  expect(defaultsOf(TEMPLATE)).toEqual({ stream: true })
  expect(formOf(TEMPLATE)).toEqual({ type: 'object', properties: { image: { type: 'string' }, stream: { type: 'boolean' }, env: { type: 'object' } } })
})

test('values become defaults, and the rest of the template stays', () => {
  const changed = withDefaults(TEMPLATE, { image: 'python:3.12' })
  expect(changed.job_configuration).toEqual(TEMPLATE.job_configuration)
  expect(changed.variables).toEqual({ type: 'object', required: ['image'], properties: { image: { type: 'string', default: 'python:3.12' }, stream: { type: 'boolean' }, env: { type: 'object', default: null } } })
  expect(withDefaults(TEMPLATE, defaultsOf(TEMPLATE))).toEqual(TEMPLATE)
})
