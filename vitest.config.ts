import { defineConfig } from 'vitest/config';

const conditions = ['@nn/source', 'module', 'import', 'node', 'default'];

export default defineConfig({
  test: {
    projects: [
      {
        ssr: { resolve: { conditions, externalConditions: conditions } },
        resolve: { conditions },
        test: {
          name: 'node',
          environment: 'node',
          include: ['{packages,apps,tooling}/*/test/**/*.test.ts'],
          exclude: ['**/*.browser.test.ts', '**/node_modules/**'],
          pool: 'forks',
          execArgv: ['--conditions=@nn/source', '--expose-gc'],
          testTimeout: 60_000,
        },
      },
    ],
  },
});
