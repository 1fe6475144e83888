import { playwright } from '@vitest/browser-playwright';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { chromiumFlags, findChromium } from './tooling/checks/src/workspace.ts';

/** Sources are tested as they are; nothing needs a build. */
const sourceFirst = ['@nn/source', 'module', 'import', 'default'];

/** Every program that a test compiles is verified. */
const setupFiles = [`${import.meta.dirname}/vitest.setup.ts`];

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
    setupFiles,
    testTimeout: 60_000,
  },
};

const chromium = findChromium();

function browserProject(
  name: string,
  include: string,
  headers: Record<string, string>,
  groupOrder: number,
  exclude: readonly string[] = [],
): TestProjectInlineConfiguration {
  return {
    resolve: { conditions: ['browser', ...sourceFirst] },
    // Found only while tests run, they would reload the page under them.
    optimizeDeps: { include: ['fast-png', 'jpeg-js', 'papaparse'].map((name) => `@nn/data > ${name}`) },
    server: { headers },
    test: {
      name,
      include: [`{packages,apps,tooling}/*/test/**/${include}`],
      exclude: [...exclude, '**/node_modules/**'],
      testTimeout: 60_000,
      setupFiles,
      // Pages of one browser may share a thread: what blocks one would count as another's turn.
      fileParallelism: false,
      sequence: { groupOrder },
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        provider: playwright({ launchOptions: { executablePath: chromium, args: [...chromiumFlags] } }),
        instances: [{ browser: 'chromium' }],
      },
    },
  };
}

const notIsolated = '*.not-isolated.browser.test.ts';

const browser = [
  // Shared memory, and so threads, exist only in a page that is isolated from other origins.
  browserProject(
    'browser',
    '*.browser.test.ts',
    { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' },
    1,
    [`**/${notIsolated}`],
  ),
  browserProject('browser-not-isolated', notIsolated, {}, 2),
];

if (!chromium) console.warn('No Chromium found (set CHROMIUM_PATH): the browser tests are NOT run.');

export default defineConfig({
  test: {
    projects: chromium ? [node, ...browser] : [node],
    // Otherwise one core would be left to vitest, which has little to do: half of a machine with two.
    maxWorkers: '100%',
  },
});
