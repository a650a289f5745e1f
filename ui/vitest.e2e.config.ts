import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: [process.env.BENCH ? 'e2e/bench.ts' : process.env.PICTURES ? 'e2e/pictures.ts' : 'e2e/**/*.test.ts'],
    globalSetup: 'e2e/setup.ts',
    // One browser and one server: what runs at the same time only measures the other.
    fileParallelism: false,
    testTimeout: process.env.PICTURES ? 1_800_000 : 180_000,
    hookTimeout: 120_000,
  },
})
