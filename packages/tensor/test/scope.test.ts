import { autocast, interpreter, isAutocastEnabled, profile, recordFunction, scoped, use } from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

/** Notes what happens, in order. */
function course(): { readonly events: string[]; readonly leave: () => void } {
  const events: string[] = [];
  return { events, leave: () => events.push('left') };
}

describe('scoped', () => {
  it('leaves after a function that returns, and gives what it gave', () => {
    const { events, leave } = course();
    expect(scoped(() => events.push('ran'), leave)).toBe(1);
    expect(events).toEqual(['ran', 'left']);
  });

  it.each([null, undefined, 0, {}])('takes %o for a value', (value) => {
    const { events, leave } = course();
    expect(scoped(() => value, leave)).toBe(value);
    expect(events).toEqual(['left']);
  });

  it('leaves after a function that throws, and throws what it threw', () => {
    const { events, leave } = course();
    const error = new RangeError('no');
    const fail = (): never => {
      throw error;
    };
    expect(() => scoped(fail, leave)).toThrow(error);
    expect(events).toEqual(['left']);
  });

  it('leaves when a promise is fulfilled, before who waits for it goes on', async () => {
    const { events, leave } = course();
    const { promise, resolve } = Promise.withResolvers<string>();
    const given = scoped(() => promise, leave).then((value) => events.push(value));
    await Promise.resolve();
    expect(events).toEqual([]);
    resolve('value');
    await given;
    expect(events).toEqual(['left', 'value']);
  });

  it('leaves when a promise is rejected, and rejects for the same reason', async () => {
    const { events, leave } = course();
    const error = new RangeError('no');
    const given = scoped(async () => {
      await null;
      events.push('ran');
      throw error;
    }, leave);
    expect(events).toEqual([]);
    await expect(given).rejects.toBe(error);
    expect(events).toEqual(['ran', 'left']);
  });

  it('waits for promises of other kinds', async () => {
    const { events, leave } = course();
    const thenable = {
      // biome-ignore lint/suspicious/noThenProperty: what is tested.
      then(resolve: (value: number) => void) {
        setTimeout(() => {
          events.push('ran');
          resolve(7);
        });
      },
    };
    expect(await scoped(() => thenable, leave)).toBe(7);
    expect(events).toEqual(['ran', 'left']);
  });
});

describe('modes that hold until a promise settles', () => {
  beforeAll(() => use(interpreter()));

  it('autocast, also where it is rejected', async () => {
    const given = autocast(async () => {
      await null;
      throw new RangeError(isAutocastEnabled() ? 'on' : 'off');
    });
    expect(isAutocastEnabled()).toBe(true);
    await expect(given).rejects.toThrow('on');
    expect(isAutocastEnabled()).toBe(false);
  });

  it('recordFunction counts a region whose function throws', async () => {
    const { regions } = await profile(() => {
      expect(() =>
        recordFunction('fails', () => {
          throw new RangeError('no');
        }),
      ).toThrow(RangeError);
    });
    expect(regions.map(({ name, count }) => [name, count])).toEqual([['fails', 1]]);
  });
});
