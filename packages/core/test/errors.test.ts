import { describe, expect, it } from 'vitest';
import * as core from '../src/index.ts';
import { ArgumentError, checkOptions, NnError, nearestName, ShapeError } from '../src/index.ts';

describe('errors', () => {
  it('have names and distinct, stable codes', () => {
    const classes = Object.values(core).filter(
      (value) => typeof value === 'function' && value.prototype instanceof NnError,
    ) as (typeof ShapeError)[];
    const made = classes.map((Class) => new Class('why'));
    expect(made.map((error) => error.name)).toEqual(classes.map((Class) => Class.name));
    expect(made.map((error) => error.code).sort()).toEqual([
      'NN_ANOMALY',
      'NN_ARGUMENT',
      'NN_AUTOGRAD',
      'NN_CONTRACT',
      'NN_DATA',
      'NN_DEVICE',
      'NN_DTYPE',
      'NN_INDEX',
      'NN_INTERNAL',
      'NN_OUT_OF_MEMORY',
      'NN_SHAPE',
      'NN_STALE_VALUE',
      'NN_UNSUPPORTED',
    ]);
    expect(made[0]).toBeInstanceOf(Error);
  });

  it('keep their cause', () => {
    const cause = new Error('below');
    expect(new ShapeError('above', { cause }).cause).toBe(cause);
  });
});

describe('nearestName', () => {
  it.each([
    ['reducton', ['reduction', 'weight'], 'reduction'],
    ['Adm', ['adam', 'sgd'], 'adam'],
    ['label_smoothing', ['labelSmoothing', 'weight'], 'labelSmoothing'],
    ['lr', ['momentum', 'weightDecay'], undefined],
    ['x', [], undefined],
  ])('%s among %j is %s', (given, known, expected) => {
    expect(nearestName(given, known)).toBe(expected);
  });
});

describe('checkOptions', () => {
  it('accepts what is known, and nothing at all', () => {
    checkOptions('crossEntropy', { reduction: 'sum' }, ['reduction']);
    checkOptions('crossEntropy', undefined, ['reduction']);
  });

  it('names the nearest known option', () => {
    expect(() => checkOptions('crossEntropy', { reductoin: 'sum' }, ['reduction', 'weight'])).toThrow(
      ArgumentError,
    );
    expect(() => checkOptions('crossEntropy', { reductoin: 'sum' }, ['reduction', 'weight'])).toThrow(
      "crossEntropy: unknown option 'reductoin'. Did you mean 'reduction'?",
    );
  });

  it('lists the options when none is near', () => {
    expect(() => checkOptions('sum', { frobnicate: 1 }, ['dim', 'keepDim'])).toThrow(
      "sum: unknown option 'frobnicate'. It takes: dim, keepDim",
    );
    expect(() => checkOptions('sum', { frobnicate: 1 }, [])).toThrow('It takes: no options');
  });

  it('refuses what is no object', () => {
    expect(() => checkOptions('sum', 3 as unknown as object, ['dim'])).toThrow(
      'sum: options must be an object, got 3',
    );
    expect(() => checkOptions('sum', null as unknown as object, ['dim'])).toThrow('got null');
  });
});
