import { playwright } from '@vitest/browser-playwright';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { chromiumFlags, findChromium } from './tooling/checks/src/workspace.ts';

/** Sources are tested as they are; nothing needs a build. */
const sourceFirst = ['@nn/source', 'module', 'import', 'default'];

const node: TestProjectInlineConfiguration = {
  resolve: { conditions: sourceFirst },
  ssr: { resolve: { conditions: ['node', ...sourceFirst], externalConditions: ['node', ...sourceFirst] } },
  test: {
    name: 'node',
    environment: 'node',
    include: ['{packages,apps,tooling}/*/test/**/*.test.ts'],
    exclude: ['**/*.browser.test.ts', '**/node_modules/**'],
    pool: 'forks',
    execArgv: ['--conditions=@nn/source', '--expose-gc'],
    testTimeout: 60_000,
  },
};

const chromium = findChromium();

const browser: TestProjectInlineConfiguration = {
  resolve: { conditions: ['browser', ...sourceFirst] },
  // Shared memory, and so threads, exist only in a page that is isolated from other origins.
  server: {
    headers: { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' },
  },
  test: {
    name: 'browser',
    include: ['{packages,apps,tooling}/*/test/**/*.browser.test.ts'],
    testTimeout: 60_000,
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({ launchOptions: { executablePath: chromium, args: [...chromiumFlags] } }),
      instances: [{ browser: 'chromium' }],
    },
  },
};

if (!chromium) console.warn('No Chromium found (set CHROMIUM_PATH): the browser tests are NOT run.');

export default defineConfig({ test: { projects: chromium ? [node, browser] : [node] } });
