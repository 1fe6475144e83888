import { afterEach, describe, expect, it } from 'vitest';
import {
  type Backend,
  backendOf,
  ContractError,
  DeviceError,
  defaultDevice,
  devices,
  interpreter,
  isDeviceAvailable,
  removeBackend,
  setDefaultDevice,
  use,
} from '../src/index.ts';

afterEach(() => {
  for (const device of devices()) removeBackend(device);
});

describe('use', () => {
  it('makes the backend the default device', () => {
    use(interpreter());
    use(interpreter({ name: 'second' }));
    expect(defaultDevice()).toBe('second');
    expect(devices()).toEqual(['interpreter', 'second']);
    setDefaultDevice('interpreter');
    expect(defaultDevice()).toBe('interpreter');
    expect(isDeviceAvailable('second')).toBe(true);
    expect(isDeviceAvailable('third')).toBe(false);
  });

  it('replaces a backend of the same name', () => {
    use(interpreter());
    const other = interpreter();
    use(other);
    expect(backendOf('interpreter')).toBe(other);
    expect(devices()).toEqual(['interpreter']);
  });

  it('refuses another contract version, naming both', () => {
    const old = { ...interpreter({ name: 'old' }), contractVersion: 0 };
    expect(() => use(old)).toThrow(ContractError);
    expect(() => use(old)).toThrow(
      "use: backend 'old' states contract version 0, but this @nn/core speaks version 2. Install versions of the two that match",
    );
  });

  it('refuses a backend that lacks a method, naming it', () => {
    const { compile: _, ...partial } = interpreter({ name: 'partial' });
    expect(() => use(partial as Backend)).toThrow("use: backend 'partial' lacks the method 'compile'");
  });

  it('refuses an unknown dtype, and what is no backend at all', () => {
    const odd = { ...interpreter(), capabilities: { dtypes: new Set(['float8']), synchronousRead: true } };
    expect(() => use(odd as unknown as Backend)).toThrow("names an unknown dtype 'float8'");
    expect(() => use(undefined as unknown as Backend)).toThrow(ContractError);
    expect(devices()).toEqual([]);
  });
});

describe('without a backend', () => {
  it('errors show how to start', () => {
    expect(() => defaultDevice()).toThrow(DeviceError);
    expect(() => defaultDevice()).toThrow("import { cpu } from '@nn/cpu'");
    expect(() => backendOf('gpu')).toThrow("device 'gpu': no backend is in use.");
  });

  it('unknown devices are named with the known ones', () => {
    use(interpreter());
    expect(() => backendOf('gpu')).toThrow("no device 'gpu' is in use. In use: interpreter");
    expect(() => setDefaultDevice('gpu')).toThrow(DeviceError);
  });
});

describe('removeBackend', () => {
  it('disposes it and falls back to the last one', () => {
    use(interpreter());
    let disposed = false;
    use({ ...interpreter({ name: 'second' }), dispose: () => (disposed = true) });
    removeBackend('second');
    expect(disposed).toBe(true);
    expect(defaultDevice()).toBe('interpreter');
    removeBackend('interpreter');
    expect(() => defaultDevice()).toThrow(DeviceError);
  });
});
