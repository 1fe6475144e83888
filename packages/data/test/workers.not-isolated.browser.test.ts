// The same in a page without shared memory: there everything is copied or handed over.
import './workers.browser.test.ts';
